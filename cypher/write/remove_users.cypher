// Remove users, by pseudonym by id, with the relationships they hold.
// param rows: rows
UNWIND $rows AS row
MATCH (n:User {id: row.id})
DETACH DELETE n
