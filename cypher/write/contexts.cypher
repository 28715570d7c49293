// Write contexts. Rows have unique keys; writing them again changes nothing.
// param rows: rows
UNWIND $rows AS row
MERGE (n:Context {id: row.id}) SET n.text = row.text, n.load_id = row.load_id
