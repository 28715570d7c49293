// Remove: current answers, one per user and upgrade.
// param rows: rows
UNWIND $rows AS row
MATCH (a:User {id: row.user_id})
MATCH (b:Upgrade {id: row.upgrade_id})
MATCH (a)-[r:VOTED]->(b)
DELETE r
