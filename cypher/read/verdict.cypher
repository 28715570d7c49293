// What a ranking says of a context: is a single winner named, why (not), and have its votes changed since?
// param context: string                       id of the context
// param ranking: string = "bradley-terry"     id of the ranking
// returns context_id: string, text: string, method: string, single_winner: bool, reason: string, stale: bool
MATCH (k:Ranking {id: $ranking})-[w:COVERS]->(c:Context {id: $context})
RETURN c.id AS context_id, c.text AS text, k.method AS method, w.single_winner AS single_winner, w.reason AS reason,
  coalesce(w.data_hash <> c.data_hash, false) AS stale
