// Write each card's place in each context. Rows have unique keys; writing them again changes nothing.
// param rows: rows
UNWIND $rows AS row
MATCH (v:ValuesCard {id: row.card_id})
MATCH (c:Context {id: row.context_id})
MERGE (v)-[r:RANKED_IN {ranking_id: row.ranking_id}]->(c) SET r.rank = row.rank, r.rank_lower = row.rank_lower, r.rank_upper = row.rank_upper, r.score = row.score, r.sd = row.sd, r.lower = row.lower, r.upper = row.upper, r.p_top = row.p_top, r.tied_top = row.tied_top, r.component = row.component
