// The truth: upgrades.
// returns id: string, context_id: string, from_id: string, to_id: string, story: string, load_id: string
MATCH (n:Upgrade)-[:IN_CONTEXT]->(c:Context)
MATCH (n)-[:FROM_CARD]->(l:ValuesCard)
MATCH (n)-[:TO_CARD]->(w:ValuesCard)
RETURN n.id AS id, c.id AS context_id, l.id AS from_id, w.id AS to_id, n.story AS story, n.load_id AS load_id
