// All contexts, each with the state of its votes.
// returns id: string, text: string, data_hash: string
MATCH (c:Context)
RETURN c.id AS id, c.text AS text, c.data_hash AS data_hash
ORDER BY id
