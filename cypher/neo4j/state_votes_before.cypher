// The superseded answers to some upgrades.
// param upgrades: [string]
// returns id: string, user_id: string, upgrade_id: string, answer: string, at: int, load_id: string
UNWIND $upgrades AS id
MATCH (u:User)-[v:VOTED_BEFORE]->(p:Upgrade {id: id})
RETURN v.id AS id, u.id AS user_id, p.id AS upgrade_id, v.answer AS answer, v.at AS at, v.load_id AS load_id
