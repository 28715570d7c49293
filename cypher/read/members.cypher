// Who belongs to which group.
// returns user_id: string, group_id: string, variable: string, value: string
MATCH (u:User)-[:MEMBER_OF]->(g:`Group`)
RETURN u.id AS user_id, g.id AS group_id, g.variable AS variable, g.value AS value
ORDER BY user_id, group_id
