// Write the state of the votes of each context. Rows have unique keys; writing them again changes nothing.
// param rows: rows
UNWIND $rows AS row
MATCH (c:Context {id: row.id}) SET c.data_hash = row.hash
