// Every card's place in every context of a ranking.
// param ranking: string = "bradley-terry"     id of the ranking
// returns context_id: string, card_id: string, rank: int, rank_lower: int, rank_upper: int, score: float, sd: float, lower: float, upper: float, p_top: float, tied_top: bool, component: int
MATCH (c:Context)<-[r:RANKED_IN {ranking_id: $ranking}]-(v:ValuesCard)
RETURN c.id AS context_id, v.id AS card_id, r.rank AS rank, r.rank_lower AS rank_lower, r.rank_upper AS rank_upper,
  r.score AS score, r.sd AS sd, r.lower AS lower, r.upper AS upper, r.p_top AS p_top, r.tied_top AS tied_top,
  r.component AS component
ORDER BY context_id, rank, card_id
