// Write values cards. Rows have unique keys; writing them again changes nothing.
// param rows: rows
UNWIND $rows AS row
MERGE (n:ValuesCard {id: row.id}) SET n.title = row.title, n.description = row.description, n.policies = row.policies, n.load_id = row.load_id
