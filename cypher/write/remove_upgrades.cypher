// Remove upgrades: in this context, is the second card wiser than the first? by id, with the relationships they hold.
// param rows: rows
UNWIND $rows AS row
MATCH (n:Upgrade {id: row.id})
DETACH DELETE n
