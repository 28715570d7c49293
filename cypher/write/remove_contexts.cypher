// Remove contexts by id, with the relationships they hold.
// param rows: rows
UNWIND $rows AS row
MATCH (n:Context {id: row.id})
DETACH DELETE n
