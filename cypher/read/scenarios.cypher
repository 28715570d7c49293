// All scenarios.
// returns id: string, text: string, image: string
MATCH (s:Scenario)
RETURN s.id AS id, s.text AS text, s.image AS image
ORDER BY id
