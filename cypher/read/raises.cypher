// Which scenario raises which context.
// returns scenario_id: string, context_id: string
MATCH (s:Scenario)-[:RAISES]->(c:Context)
RETURN s.id AS scenario_id, c.id AS context_id
ORDER BY scenario_id, context_id
