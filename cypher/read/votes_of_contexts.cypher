// Single votes of some contexts with their cards, duplicates as they were asked about.
// param contexts: [string]                    ids of the contexts; some hundreds at most
// returns user_id: string, context_id: string, from_id: string, to_id: string, answer: string, at: int
// order: context_id, from_id, to_id, user_id, answer
MATCH (c:Context)<-[:IN_CONTEXT]-(p:Upgrade)<-[v:VOTED]-(u:User)
MATCH (p)-[:FROM_CARD]->(l:ValuesCard)
MATCH (p)-[:TO_CARD]->(w:ValuesCard)
WHERE c.id IN $contexts
RETURN u.id AS user_id, c.id AS context_id, l.id AS from_id, w.id AS to_id, v.answer AS answer, v.at AS at
