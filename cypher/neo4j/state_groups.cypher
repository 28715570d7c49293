// The truth: groups.
// returns id: string, variable: string, value: string, load_id: string
MATCH (n:`Group`)
RETURN n.id AS id, n.variable AS variable, n.value AS value, n.load_id AS load_id
