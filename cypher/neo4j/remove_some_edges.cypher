// Remove some wiser edges; run until nothing is removed.
// param limit: int
// returns removed: int
MATCH (:ValuesCard)-[e:WISER]->(:ValuesCard)
WITH e LIMIT $limit
DELETE e
RETURN count(e) AS removed
