// Write raw cards and the canonical card each stands for. Rows have unique keys; writing them again changes nothing.
// param rows: rows
UNWIND $rows AS row
MATCH (a:ValuesCard {id: row.card_id})
MATCH (b:ValuesCard {id: row.canonical_id})
MERGE (a)-[r:DUPLICATE_OF]->(b) SET r.load_id = row.load_id
