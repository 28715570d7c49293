// How many different people voted.
// returns participants: int
MATCH (u:User)-[:VOTED]->(:Upgrade)
RETURN count(DISTINCT u.id) AS participants
