// Everything one user answered, earlier answers included.
// param user: string                          pseudonym of the user
// returns context_id: string, from_id: string, to_id: string, answer: string, at: int, current: bool, upgrade_id: string
// order: context_id, from_id, to_id, current, at, answer
MATCH (u:User {id: $user})-[v:VOTED]->(p:Upgrade)
MATCH (p)-[:IN_CONTEXT]->(c:Context)
MATCH (p)-[:FROM_CARD]->(l:ValuesCard)
MATCH (p)-[:TO_CARD]->(w:ValuesCard)
RETURN c.id AS context_id, l.id AS from_id, w.id AS to_id, v.answer AS answer, v.at AS at, true AS current, p.id AS upgrade_id
UNION ALL
MATCH (u:User {id: $user})-[v:VOTED_BEFORE]->(p:Upgrade)
MATCH (p)-[:IN_CONTEXT]->(c:Context)
MATCH (p)-[:FROM_CARD]->(l:ValuesCard)
MATCH (p)-[:TO_CARD]->(w:ValuesCard)
RETURN c.id AS context_id, l.id AS from_id, w.id AS to_id, v.answer AS answer, v.at AS at, false AS current, p.id AS upgrade_id
