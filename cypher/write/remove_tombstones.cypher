// Remove erased people: the sha256 of each pseudonym by id, with the relationships they hold.
// param rows: rows
UNWIND $rows AS row
MATCH (n:Tombstone {id: row.id})
DETACH DELETE n
