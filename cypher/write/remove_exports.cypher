// Remove where data of this graph was written to by id, with the relationships they hold.
// param rows: rows
UNWIND $rows AS row
MATCH (n:Export {id: row.id})
DETACH DELETE n
