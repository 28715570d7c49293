// What a ranking names the wisest in every context it covers, and whether that is a single winner.
// param ranking: string = "bradley-terry"     id of the ranking
// returns context_id: string, context: string, single_winner: bool, id: string, title: string, rank: int, score: float, p_top: float
MATCH (k:Ranking {id: $ranking})-[w:COVERS]->(c:Context)
MATCH (c)<-[r:RANKED_IN {ranking_id: $ranking}]-(v:ValuesCard)
WHERE r.tied_top
RETURN c.id AS context_id, c.text AS context, w.single_winner AS single_winner, v.id AS id, v.title AS title,
  r.rank AS rank, r.score AS score, r.p_top AS p_top
ORDER BY context_id, rank, id
