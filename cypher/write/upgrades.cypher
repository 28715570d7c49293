// Write upgrades: in this context, is the second card wiser than the first?. Rows have unique keys; writing them again changes nothing.
// param rows: rows
UNWIND $rows AS row
MATCH (l:ValuesCard {id: row.from_id})
MATCH (w:ValuesCard {id: row.to_id})
MATCH (c:Context {id: row.context_id})
MERGE (p:Upgrade {id: row.id}) SET p.story = row.story, p.load_id = row.load_id
MERGE (p)-[:FROM_CARD]->(l)
MERGE (p)-[:TO_CARD]->(w)
MERGE (p)-[:IN_CONTEXT]->(c)
