// Remove the wiser edges of some contexts.
// param contexts: [string]
MATCH (l:ValuesCard)-[e:WISER]->(w:ValuesCard)
WHERE e.context_id IN $contexts
DELETE e
