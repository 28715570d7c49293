// What a model should value; `document` is JSON with the vector and where it comes from.
// returns id: string, at: int, kind: string, system: string, contexts: [string], ranking_id: string, data_hash: string, document: string
MATCH (n:ValueTarget)
RETURN n.id AS id, n.at AS at, n.kind AS kind, n.system AS system, n.contexts AS contexts, n.ranking_id AS ranking_id,
  n.data_hash AS data_hash, n.document AS document
ORDER BY id
