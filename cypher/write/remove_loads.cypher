// Remove imports by id, with the relationships they hold.
// param rows: rows
UNWIND $rows AS row
MATCH (n:Load {id: row.id})
DETACH DELETE n
