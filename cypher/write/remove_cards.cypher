// Remove values cards by id, with the relationships they hold.
// param rows: rows
UNWIND $rows AS row
MATCH (n:ValuesCard {id: row.id})
DETACH DELETE n
