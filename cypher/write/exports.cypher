// Write where data of this graph was written to. Rows have unique keys; writing them again changes nothing.
// param rows: rows
UNWIND $rows AS row
MERGE (n:Export {id: row.id}) SET n.kind = row.kind, n.path = row.path, n.at = row.at, n.data_hash = row.data_hash, n.contexts = row.contexts
