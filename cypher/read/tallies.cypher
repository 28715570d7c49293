// Published counters of pairs of cards. The embedded engine sorts before a RETURN only where a LIMIT follows.
// returns from_id: string, to_id: string, contexts: [string], wiser: int, not_wiser: int, less_wise: int, unsure: int, impressions: int
MATCH (t:Tally)-[:FROM_CARD]->(l:ValuesCard)
MATCH (t)-[:TO_CARD]->(w:ValuesCard)
MATCH (t)-[:OF_CONTEXT]->(c:Context)
WITH l, w, t, c
ORDER BY c.id LIMIT 1000000000
RETURN l.id AS from_id, w.id AS to_id, collect(c.id) AS contexts, t.wiser AS wiser, t.not_wiser AS not_wiser,
  t.less_wise AS less_wise, t.unsure AS unsure, t.impressions AS impressions
ORDER BY from_id, to_id
