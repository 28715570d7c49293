// Remove the wiser edges of some contexts between some cards. This engine has no index on the context of an edge.
// param contexts: [string]
// param cards: [string]
MATCH (l:ValuesCard)-[e:WISER]->(w:ValuesCard)
WHERE l.id IN $cards AND e.context_id IN $contexts
DELETE e
