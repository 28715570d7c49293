// How many votes a context has.
// param context: string                       id of the context
// returns votes: int
MATCH (c:Context {id: $context})
OPTIONAL MATCH (c)<-[:IN_CONTEXT]-(p:Upgrade)
OPTIONAL MATCH (p)<-[v:VOTED]-(u:User)
RETURN count(v.answer) AS votes
