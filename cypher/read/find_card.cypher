// The cards that an id or a title names.
// param name: string                          id or title of the card
// returns id: string, title: string, description: string, policies: [string], canonical_id: string
MATCH (v:ValuesCard)
WHERE v.id = $name OR v.title = $name
OPTIONAL MATCH (v)-[:DUPLICATE_OF]->(k:ValuesCard)
RETURN v.id AS id, v.title AS title, v.description AS description, v.policies AS policies, k.id AS canonical_id
ORDER BY id
