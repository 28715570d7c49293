// The truth: users.
// returns id: string, load_id: string
MATCH (n:User)
RETURN n.id AS id, n.load_id AS load_id
