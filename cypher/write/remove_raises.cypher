// Remove: which scenario raises which context.
// param rows: rows
UNWIND $rows AS row
MATCH (a:Scenario {id: row.scenario_id})
MATCH (b:Context {id: row.context_id})
MATCH (a)-[r:RAISES]->(b)
DELETE r
