// The truth: articulated.
// returns user_id: string, card_id: string, load_id: string
MATCH (u:User)-[r:ARTICULATED]->(v:ValuesCard)
RETURN u.id AS user_id, v.id AS card_id, r.load_id AS load_id
