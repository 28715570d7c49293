// How many nodes the database holds, whoever made them.
// returns nodes: int
MATCH (n) RETURN count(n) AS nodes
