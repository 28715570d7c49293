// Write the graph's own record. Rows have unique keys; writing them again changes nothing.
// param rows: rows
UNWIND $rows AS row
MERGE (g:Graph {id: row.id}) SET g.graph_id = row.graph_id, g.key_fingerprint = row.key_fingerprint
