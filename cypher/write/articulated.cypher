// Write who articulated which card. Rows have unique keys; writing them again changes nothing.
// param rows: rows
UNWIND $rows AS row
MATCH (u:User {id: row.user_id})
MATCH (v:ValuesCard {id: row.card_id})
MERGE (u)-[r:ARTICULATED]->(v) SET r.load_id = row.load_id
