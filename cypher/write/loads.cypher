// Write imports. Rows have unique keys; writing them again changes nothing.
// param rows: rows
UNWIND $rows AS row
MERGE (n:Load {id: row.id}) SET n.at = row.at, n.file = row.file, n.format = row.format, n.file_sha256 = row.file_sha256, n.mapping_sha256 = row.mapping_sha256, n.read = row.read, n.accepted = row.accepted, n.changed = row.changed, n.unchanged = row.unchanged, n.rejected = row.rejected, n.status = row.status, n.previous = row.previous
