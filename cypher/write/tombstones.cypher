// Write erased people: the sha256 of each pseudonym. Rows have unique keys; writing them again changes nothing.
// param rows: rows
UNWIND $rows AS row
MERGE (:Tombstone {id: row.id})
