// The truth: tallies.
// returns id: string, from_id: string, to_id: string, contexts: [string], wiser: int, not_wiser: int, less_wise: int, unsure: int, impressions: int, load_id: string
MATCH (n:Tally)-[:FROM_CARD]->(l:ValuesCard)
MATCH (n)-[:TO_CARD]->(w:ValuesCard)
MATCH (n)-[:OF_CONTEXT]->(c:Context)
RETURN n.id AS id, l.id AS from_id, w.id AS to_id, collect(c.id) AS contexts, n.wiser AS wiser, n.not_wiser AS not_wiser, n.less_wise AS less_wise, n.unsure AS unsure, n.impressions AS impressions, n.load_id AS load_id
