// Contexts that a ranking covers and whose votes changed since.
// param ranking: string = "bradley-terry"     id of the ranking
// returns context_id: string, data_hash: string
MATCH (k:Ranking {id: $ranking})-[w:COVERS]->(c:Context)
WHERE w.data_hash <> c.data_hash
RETURN c.id AS context_id, c.data_hash AS data_hash
ORDER BY context_id
