// The truth: members.
// returns user_id: string, group_id: string, load_id: string
MATCH (u:User)-[r:MEMBER_OF]->(g:`Group`)
RETURN u.id AS user_id, g.id AS group_id, r.load_id AS load_id
