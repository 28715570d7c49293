// Cards that an upgrade of a context names, but that nobody there has answered anything about.
// param context: string                       id of the context
// returns id: string, title: string
MATCH (c:Context {id: $context})<-[:IN_CONTEXT]-(p:Upgrade)
MATCH (p)-[:FROM_CARD|TO_CARD]->(v:ValuesCard)
OPTIONAL MATCH (p)<-[a:VOTED]-(u:User)
WITH v, count(a.answer) AS votes
WHERE votes = 0
RETURN v.id AS id, v.title AS title
ORDER BY id
