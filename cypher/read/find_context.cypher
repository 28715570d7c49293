// The contexts that an id or a text names.
// param name: string                          id or text of the context
// returns id: string, text: string, data_hash: string
MATCH (c:Context)
WHERE c.id = $name OR c.text = $name
RETURN c.id AS id, c.text AS text, c.data_hash AS data_hash
ORDER BY id
