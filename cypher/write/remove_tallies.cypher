// Remove published counters of a pair of cards by id, with the relationships they hold.
// param rows: rows
UNWIND $rows AS row
MATCH (n:Tally {id: row.id})
DETACH DELETE n
