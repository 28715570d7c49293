// The truth: raises.
// returns scenario_id: string, context_id: string, load_id: string
MATCH (s:Scenario)-[r:RAISES]->(c:Context)
RETURN s.id AS scenario_id, c.id AS context_id, r.load_id AS load_id
