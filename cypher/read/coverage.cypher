// How many contexts there are and a ranking covers; the state of all that was said, and of what holds in every context.
// param ranking: string = "bradley-terry"     id of the ranking
// returns contexts: int, covered: int, content_hash: string, duplicates_hash: string
MATCH (c:Context)
WITH count(c) AS contexts
MATCH (g:Graph)
OPTIONAL MATCH (k:Ranking {id: $ranking})-[w:COVERS]->(:Context)
RETURN contexts, count(w.reason) AS covered,
  coalesce(g.content_hash, '') AS content_hash, coalesce(g.duplicates_hash, '') AS duplicates_hash
