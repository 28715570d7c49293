// The truth: contexts.
// returns id: string, text: string, load_id: string
MATCH (n:Context)
RETURN n.id AS id, n.text AS text, n.load_id AS load_id
