// Votes to counts: answers per context and ordered pair of canonical cards.
// returns context_id: string, from_id: string, to_id: string, wiser: int, not_wiser: int, unsure: int
MATCH (:User)-[v:VOTED]->(p:Upgrade)
WITH p, sum(CASE v.answer WHEN 'wiser' THEN 1 ELSE 0 END) AS yes, sum(CASE v.answer WHEN 'not_wiser' THEN 1 ELSE 0 END) AS no,
  sum(CASE v.answer WHEN 'unsure' THEN 1 ELSE 0 END) AS open
MATCH (p)-[:IN_CONTEXT]->(c:Context)
MATCH (p)-[:FROM_CARD]->(l:ValuesCard)
MATCH (p)-[:TO_CARD]->(w:ValuesCard)
OPTIONAL MATCH (l)-[:DUPLICATE_OF]->(lc:ValuesCard)
OPTIONAL MATCH (w)-[:DUPLICATE_OF]->(wc:ValuesCard)
WITH c.id AS context_id, coalesce(lc.id, l.id) AS from_id, coalesce(wc.id, w.id) AS to_id, yes, no, open
WHERE from_id <> to_id
RETURN context_id, from_id, to_id, sum(yes) AS wiser, sum(no) AS not_wiser, sum(open) AS unsure
ORDER BY context_id, from_id, to_id
