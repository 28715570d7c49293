// Every answer that was ever given and not taken back, with the load that brought it.
// returns user_id: string, upgrade_id: string, answer: string, at: int, load_id: string, current: bool
// order: upgrade_id, user_id, at, load_id, answer
MATCH (u:User)-[v:VOTED]->(p:Upgrade)
RETURN u.id AS user_id, p.id AS upgrade_id, v.answer AS answer, v.at AS at, v.load_id AS load_id, true AS current
UNION ALL
MATCH (u:User)-[v:VOTED_BEFORE]->(p:Upgrade)
RETURN u.id AS user_id, p.id AS upgrade_id, v.answer AS answer, v.at AS at, v.load_id AS load_id, false AS current
