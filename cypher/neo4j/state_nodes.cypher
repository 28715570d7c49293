// How many nodes the database holds, whoever made them; records of migrations are there before there is a graph.
// returns nodes: int
MATCH (n)
WHERE NOT n:Migration
RETURN count(n) AS nodes
