// Remove the ranks of one ranking in some contexts.
// param ranking: string
// param contexts: [string]
MATCH (v:ValuesCard)-[r:RANKED_IN {ranking_id: $ranking}]->(c:Context)
WHERE c.id IN $contexts
DELETE r
