// How many different people answered anything about a (canonical) card in a context.
// returns context_id: string, card_id: string, people: int
MATCH (u:User)-[:VOTED]->(p:Upgrade)-[:IN_CONTEXT]->(c:Context)
MATCH (p)-[:FROM_CARD|TO_CARD]->(v:ValuesCard)
OPTIONAL MATCH (v)-[:DUPLICATE_OF]->(k:ValuesCard)
WITH c.id AS context_id, coalesce(k.id, v.id) AS card_id, u.id AS user_id
RETURN context_id, card_id, count(DISTINCT user_id) AS people
ORDER BY context_id, card_id
