// Remove: raw cards and the canonical card each stands for.
// param rows: rows
UNWIND $rows AS row
MATCH (a:ValuesCard {id: row.card_id})-[r:DUPLICATE_OF]->(b:ValuesCard)
DELETE r
