// Remove: raw cards and the canonical card each stands for.
// param rows: rows
UNWIND $rows AS row
MATCH (a:ValuesCard {id: row.card_id})
MATCH (b:ValuesCard {id: row.canonical_id})
MATCH (a)-[r:DUPLICATE_OF]->(b)
DELETE r
