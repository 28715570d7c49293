// Write users, by pseudonym. Rows have unique keys; writing them again changes nothing.
// param rows: rows
UNWIND $rows AS row
MERGE (n:User {id: row.id}) SET n.load_id = row.load_id
