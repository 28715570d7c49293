// The upgrades of a context that ask about a card (or a duplicate of it), with their answers.
// param context: string                       id of the context
// param card: string                          id of the canonical card
// returns id: string, from_id: string, to_id: string, story: string, wiser: int, not_wiser: int, unsure: int
MATCH (c:Context {id: $context})<-[:IN_CONTEXT]-(p:Upgrade)
MATCH (p)-[:FROM_CARD]->(l:ValuesCard)
MATCH (p)-[:TO_CARD]->(w:ValuesCard)
OPTIONAL MATCH (l)-[:DUPLICATE_OF]->(lc:ValuesCard)
OPTIONAL MATCH (w)-[:DUPLICATE_OF]->(wc:ValuesCard)
WITH p, l, w, coalesce(lc.id, l.id) AS from_canonical, coalesce(wc.id, w.id) AS to_canonical
WHERE from_canonical = $card OR to_canonical = $card
OPTIONAL MATCH (p)<-[v:VOTED]-(u:User)
RETURN p.id AS id, l.id AS from_id, w.id AS to_id, p.story AS story,
  sum(CASE v.answer WHEN 'wiser' THEN 1 ELSE 0 END) AS wiser,
  sum(CASE v.answer WHEN 'not_wiser' THEN 1 ELSE 0 END) AS not_wiser,
  sum(CASE v.answer WHEN 'unsure' THEN 1 ELSE 0 END) AS unsure
ORDER BY id
