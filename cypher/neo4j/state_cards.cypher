// The truth: cards.
// returns id: string, title: string, description: string, policies: [string], load_id: string
MATCH (n:ValuesCard)
RETURN n.id AS id, n.title AS title, n.description AS description, n.policies AS policies, n.load_id AS load_id
