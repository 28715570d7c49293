// Write migrations that were applied. Rows have unique keys; writing them again changes nothing.
// param rows: rows
UNWIND $rows AS row
MERGE (m:Migration {id: row.id}) SET m.name = row.name, m.checksum = row.checksum, m.at = row.at
