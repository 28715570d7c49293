// Remove all wiser edges.
MATCH (l:ValuesCard)-[e:WISER]->(w:ValuesCard)
DELETE e
