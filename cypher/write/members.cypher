// Write who belongs to which group. Rows have unique keys; writing them again changes nothing.
// param rows: rows
UNWIND $rows AS row
MATCH (u:User {id: row.user_id})
MATCH (g:`Group` {id: row.group_id})
MERGE (u)-[r:MEMBER_OF]->(g) SET r.load_id = row.load_id
