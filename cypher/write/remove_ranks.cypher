// Remove the ranks of one ranking.
// param ranking: string
MATCH (v:ValuesCard)-[r:RANKED_IN {ranking_id: $ranking}]->(c:Context)
DELETE r
