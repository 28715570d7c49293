// Write the state of the whole graph. Rows have unique keys; writing them again changes nothing.
// param rows: rows
UNWIND $rows AS row
MATCH (g:Graph {id: row.id}) SET g.content_hash = row.content_hash, g.duplicates_hash = row.duplicates_hash
