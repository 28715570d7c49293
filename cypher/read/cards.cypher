// All values cards; a stub (known only by its id) has no title.
// returns id: string, title: string, description: string, policies: [string], canonical_id: string
MATCH (v:ValuesCard)
OPTIONAL MATCH (v)-[:DUPLICATE_OF]->(k:ValuesCard)
RETURN v.id AS id, v.title AS title, v.description AS description, v.policies AS policies, k.id AS canonical_id
ORDER BY id
