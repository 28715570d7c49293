// The state of the votes of each context.
// returns id: string, data_hash: string
MATCH (c:Context)
WHERE c.data_hash IS NOT NULL
RETURN c.id AS id, c.data_hash AS data_hash
