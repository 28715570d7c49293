// The truth: duplicates.
// returns card_id: string, canonical_id: string, load_id: string
MATCH (a:ValuesCard)-[r:DUPLICATE_OF]->(b:ValuesCard)
RETURN a.id AS card_id, b.id AS canonical_id, r.load_id AS load_id
