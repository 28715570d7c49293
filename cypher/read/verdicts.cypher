// What a ranking says of each context it covers.
// param ranking: string = "bradley-terry"     id of the ranking
// returns context_id: string, single_winner: bool, reason: string, data_hash: string
MATCH (k:Ranking {id: $ranking})-[w:COVERS]->(c:Context)
RETURN c.id AS context_id, w.single_winner AS single_winner, w.reason AS reason, w.data_hash AS data_hash
ORDER BY context_id
