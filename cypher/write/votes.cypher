// Write current answers, one per user and upgrade. Rows have unique keys; writing them again changes nothing.
// param rows: rows
UNWIND $rows AS row
MATCH (u:User {id: row.user_id})
MATCH (p:Upgrade {id: row.upgrade_id})
MERGE (u)-[v:VOTED]->(p) SET v.answer = row.answer, v.at = row.at, v.load_id = row.load_id
