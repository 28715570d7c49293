// The state of the whole graph, with its record locked until the transaction ends.
// returns content_hash: string
MATCH (g:Graph {id: 'graph'})
SET g.graph_id = g.graph_id
RETURN g.content_hash AS content_hash
