// When people voted: the first and the last time, and how many votes have one.
// returns first: int, last: int, timed: int
MATCH (:User)-[v:VOTED]->(:Upgrade)
RETURN min(v.at) AS first, max(v.at) AS last, count(v.at) AS timed
