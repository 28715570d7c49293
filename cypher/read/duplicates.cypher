// Cards that stand for another one.
// returns card_id: string, canonical_id: string
MATCH (v:ValuesCard)-[:DUPLICATE_OF]->(k:ValuesCard)
RETURN v.id AS card_id, k.id AS canonical_id
ORDER BY card_id
