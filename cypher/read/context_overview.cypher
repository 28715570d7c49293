// Every context with how much was asked and answered in it.
// returns id: string, text: string, upgrades: int, votes: int, users: int
MATCH (c:Context)
OPTIONAL MATCH (c)<-[:IN_CONTEXT]-(p:Upgrade)
OPTIONAL MATCH (p)<-[v:VOTED]-(u:User)
RETURN c.id AS id, c.text AS text, count(DISTINCT p.id) AS upgrades, count(v.answer) AS votes, count(DISTINCT u.id) AS users
ORDER BY id
