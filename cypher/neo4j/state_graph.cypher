// The graph's own record.
// returns graph_id: string, key_fingerprint: string, content_hash: string, duplicates_hash: string
MATCH (g:Graph {id: 'graph'})
RETURN g.graph_id AS graph_id, g.key_fingerprint AS key_fingerprint, g.content_hash AS content_hash, g.duplicates_hash AS duplicates_hash
