// Remove groups: one value of one variable by id, with the relationships they hold.
// param rows: rows
UNWIND $rows AS row
MATCH (n:`Group` {id: row.id})
DETACH DELETE n
