// Remove a ranking and what it says of each context; its ranks are removed by remove_ranks.
// param ranking: string
MATCH (k:Ranking {id: $ranking})
DETACH DELETE k
