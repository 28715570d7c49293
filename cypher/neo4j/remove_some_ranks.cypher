// Remove some ranks of a ranking; run until nothing is removed.
// param ranking: string
// param limit: int
// returns removed: int
MATCH (:ValuesCard)-[r:RANKED_IN {ranking_id: $ranking}]->(:Context)
WITH r LIMIT $limit
DELETE r
RETURN count(r) AS removed
