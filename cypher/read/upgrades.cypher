// All upgrades: in this context, is to_id wiser than from_id?
// returns id: string, context_id: string, from_id: string, to_id: string, story: string
MATCH (p:Upgrade)-[:IN_CONTEXT]->(c:Context)
MATCH (p)-[:FROM_CARD]->(l:ValuesCard)
MATCH (p)-[:TO_CARD]->(w:ValuesCard)
RETURN p.id AS id, c.id AS context_id, l.id AS from_id, w.id AS to_id, p.story AS story
ORDER BY id
