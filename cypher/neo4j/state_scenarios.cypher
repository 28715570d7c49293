// The truth: scenarios.
// returns id: string, text: string, image: string, load_id: string
MATCH (n:Scenario)
RETURN n.id AS id, n.text AS text, n.image AS image, n.load_id AS load_id
