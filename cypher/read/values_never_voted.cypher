// Cards that no vote says anything about; never asked, so never ranked. Duplicates count for their canonical card.
// returns id: string, title: string, upgrades: int
MATCH (v:ValuesCard)
WHERE NOT (v)-[:DUPLICATE_OF]->(:ValuesCard)
OPTIONAL MATCH (v)<-[:DUPLICATE_OF*0..1]-(x:ValuesCard)
OPTIONAL MATCH (x)<-[:FROM_CARD|TO_CARD]-(p:Upgrade)
OPTIONAL MATCH (p)<-[a:VOTED]-(u:User)
WITH v, count(DISTINCT p.id) AS upgrades, count(a.answer) AS votes
WHERE votes = 0
RETURN v.id AS id, v.title AS title, upgrades
ORDER BY id
