// Write wiser edges: the arrow points to the wiser card. Rows have unique keys; writing them again changes nothing.
// param rows: rows
UNWIND $rows AS row
MATCH (l:ValuesCard {id: row.from_id})
MATCH (w:ValuesCard {id: row.to_id})
MERGE (l)-[e:WISER {context_id: row.context_id}]->(w) SET e.wiser = row.wiser, e.not_wiser = row.not_wiser, e.unsure = row.unsure, e.wiser_reverse = row.wiser_reverse, e.not_wiser_reverse = row.not_wiser_reverse, e.unsure_reverse = row.unsure_reverse, e.p_model = row.p_model, e.p_model_lower = row.p_model_lower, e.p_model_upper = row.p_model_upper, e.margin = row.margin, e.margin_sd = row.margin_sd, e.p_majority = row.p_majority, e.p_majority_lower = row.p_majority_lower, e.p_majority_upper = row.p_majority_upper
