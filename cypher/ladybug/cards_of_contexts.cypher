// The cards that some contexts ask about, with those that they are duplicates of.
// param contexts: [string]
// returns id: string
MATCH (c:Context)<-[:IN_CONTEXT]-(:Upgrade)-[:FROM_CARD|TO_CARD]->(v:ValuesCard)
WHERE c.id IN $contexts
RETURN DISTINCT v.id AS id
