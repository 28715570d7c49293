// Write which scenario raises which context. Rows have unique keys; writing them again changes nothing.
// param rows: rows
UNWIND $rows AS row
MATCH (s:Scenario {id: row.scenario_id})
MATCH (c:Context {id: row.context_id})
MERGE (s)-[r:RAISES]->(c) SET r.load_id = row.load_id
