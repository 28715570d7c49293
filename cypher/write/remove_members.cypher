// Remove: who belongs to which group.
// param rows: rows
UNWIND $rows AS row
MATCH (a:User {id: row.user_id})
MATCH (b:`Group` {id: row.group_id})
MATCH (a)-[r:MEMBER_OF]->(b)
DELETE r
