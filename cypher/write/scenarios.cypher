// Write scenarios. Rows have unique keys; writing them again changes nothing.
// param rows: rows
UNWIND $rows AS row
MERGE (n:Scenario {id: row.id}) SET n.text = row.text, n.image = row.image, n.load_id = row.load_id
