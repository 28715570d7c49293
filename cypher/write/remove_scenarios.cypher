// Remove scenarios by id, with the relationships they hold.
// param rows: rows
UNWIND $rows AS row
MATCH (n:Scenario {id: row.id})
DETACH DELETE n
