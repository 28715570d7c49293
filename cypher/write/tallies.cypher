// Write published counters of a pair of cards. Rows have unique keys; writing them again changes nothing.
// param rows: rows
UNWIND $rows AS row
MATCH (l:ValuesCard {id: row.from_id})
MATCH (w:ValuesCard {id: row.to_id})
MERGE (t:Tally {id: row.id}) SET t.wiser = row.wiser, t.not_wiser = row.not_wiser, t.less_wise = row.less_wise, t.unsure = row.unsure, t.impressions = row.impressions, t.load_id = row.load_id
MERGE (t)-[:FROM_CARD]->(l)
MERGE (t)-[:TO_CARD]->(w);
UNWIND $rows AS row
UNWIND row.contexts AS context_id
MATCH (t:Tally {id: row.id})
MATCH (c:Context {id: context_id})
MERGE (t)-[:OF_CONTEXT]->(c)
