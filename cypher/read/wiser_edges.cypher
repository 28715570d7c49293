// All wiser edges.
// returns context_id: string, from_id: string, to_id: string, wiser: int, not_wiser: int, unsure: int, wiser_reverse: int, not_wiser_reverse: int, unsure_reverse: int
// returns p_model: float, p_model_lower: float, p_model_upper: float, margin: float, margin_sd: float, p_majority: float, p_majority_lower: float, p_majority_upper: float
MATCH (l:ValuesCard)-[e:WISER]->(w:ValuesCard)
RETURN e.context_id AS context_id, l.id AS from_id, w.id AS to_id, e.wiser AS wiser, e.not_wiser AS not_wiser, e.unsure AS unsure,
  e.wiser_reverse AS wiser_reverse, e.not_wiser_reverse AS not_wiser_reverse, e.unsure_reverse AS unsure_reverse,
  e.p_model AS p_model, e.p_model_lower AS p_model_lower, e.p_model_upper AS p_model_upper,
  e.margin AS margin, e.margin_sd AS margin_sd,
  e.p_majority AS p_majority, e.p_majority_lower AS p_majority_lower, e.p_majority_upper AS p_majority_upper
ORDER BY context_id, from_id, to_id
