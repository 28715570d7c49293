// Single votes with their context and canonical cards.
// returns user_id: string, context_id: string, from_id: string, to_id: string, answer: string, at: int
MATCH (u:User)-[v:VOTED]->(p:Upgrade)-[:IN_CONTEXT]->(c:Context)
MATCH (p)-[:FROM_CARD]->(l:ValuesCard)
MATCH (p)-[:TO_CARD]->(w:ValuesCard)
OPTIONAL MATCH (l)-[:DUPLICATE_OF]->(lc:ValuesCard)
OPTIONAL MATCH (w)-[:DUPLICATE_OF]->(wc:ValuesCard)
WITH u.id AS user_id, c.id AS context_id, coalesce(lc.id, l.id) AS from_id, coalesce(wc.id, w.id) AS to_id, v.answer AS answer, v.at AS at
WHERE from_id <> to_id
RETURN user_id, context_id, from_id, to_id, answer, at
ORDER BY context_id, from_id, to_id, user_id, answer, at
