// Write what a model should value, tied to the contexts it was drawn from. Rows have unique keys; writing them again changes nothing.
// param rows: rows
UNWIND $rows AS row
MERGE (t:ValueTarget {id: row.id}) SET t.at = row.at, t.kind = row.kind, t.system = row.system, t.contexts = row.contexts, t.ranking_id = row.ranking_id, t.data_hash = row.data_hash, t.document = row.document;
UNWIND $rows AS row
UNWIND row.contexts AS context_id
MATCH (t:ValueTarget {id: row.id})
MATCH (c:Context {id: context_id})
MERGE (t)-[:DRAWN_FROM]->(c)
