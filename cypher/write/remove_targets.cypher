// Remove what a model should value by id, with the relationships they hold.
// param rows: rows
UNWIND $rows AS row
MATCH (n:ValueTarget {id: row.id})
DETACH DELETE n
