// Write what a ranking says of each context. Rows have unique keys; writing them again changes nothing.
// param rows: rows
UNWIND $rows AS row
MATCH (k:Ranking {id: row.ranking_id})
MATCH (c:Context {id: row.context_id})
MERGE (k)-[v:COVERS]->(c) SET v.single_winner = row.single_winner, v.reason = row.reason, v.data_hash = row.data_hash
