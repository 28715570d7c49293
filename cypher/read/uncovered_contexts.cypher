// Contexts that a ranking does not cover: new ones, and those where nobody has answered.
// param ranking: string = "bradley-terry"     id of the ranking
// returns context_id: string, data_hash: string
MATCH (c:Context)
WHERE NOT (c)<-[:COVERS]-(:Ranking {id: $ranking})
RETURN c.id AS context_id, c.data_hash AS data_hash
ORDER BY context_id
