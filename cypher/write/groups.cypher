// Write groups: one value of one variable. Rows have unique keys; writing them again changes nothing.
// param rows: rows
UNWIND $rows AS row
MERGE (n:`Group` {id: row.id}) SET n.variable = row.variable, n.value = row.value, n.load_id = row.load_id
