// All ranked cards of a context, best first, each with its uncertainty.
// param context: string                       id of the context
// param ranking: string = "bradley-terry"     id of the ranking
// returns rank: int, rank_lower: int, rank_upper: int, id: string, title: string, score: float, sd: float, lower: float, upper: float, p_top: float, tied_top: bool, component: int
MATCH (c:Context {id: $context})<-[r:RANKED_IN {ranking_id: $ranking}]-(v:ValuesCard)
RETURN r.rank AS rank, r.rank_lower AS rank_lower, r.rank_upper AS rank_upper, v.id AS id, v.title AS title,
  r.score AS score, r.sd AS sd, r.lower AS lower, r.upper AS upper, r.p_top AS p_top, r.tied_top AS tied_top,
  r.component AS component
ORDER BY rank, id
