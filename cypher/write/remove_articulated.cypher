// Remove: who articulated which card.
// param rows: rows
UNWIND $rows AS row
MATCH (a:User {id: row.user_id})
MATCH (b:ValuesCard {id: row.card_id})
MATCH (a)-[r:ARTICULATED]->(b)
DELETE r
