// The card, or the smallest set of cards, that a ranking names the wisest in a context, best first.
// param context: string                       id of the context
// param ranking: string = "bradley-terry"     id of the ranking
// returns id: string, title: string, description: string, policies: [string], rank: int, score: float, lower: float, upper: float, p_top: float
MATCH (c:Context {id: $context})<-[r:RANKED_IN {ranking_id: $ranking}]-(v:ValuesCard)
WHERE r.tied_top
RETURN v.id AS id, v.title AS title, v.description AS description, v.policies AS policies,
  r.rank AS rank, r.score AS score, r.lower AS lower, r.upper AS upper, r.p_top AS p_top
ORDER BY rank, id
