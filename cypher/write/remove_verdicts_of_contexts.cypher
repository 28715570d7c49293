// Remove what a ranking says of some contexts.
// param ranking: string
// param contexts: [string]
MATCH (k:Ranking {id: $ranking})-[w:COVERS]->(c:Context)
WHERE c.id IN $contexts
DELETE w
