// The truth: exports.
// returns id: string, kind: string, path: string, at: int, data_hash: string, contexts: [string]
MATCH (n:Export)
RETURN n.id AS id, n.kind AS kind, n.path AS path, n.at AS at, n.data_hash AS data_hash, n.contexts AS contexts
