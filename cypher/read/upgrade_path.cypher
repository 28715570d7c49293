// Paths of at most three wiser edges from one card to another in a context, each with its weakest link.
// param context: string                       id of the context
// param from_card: string                     id of the less wise card
// param to_card: string                       id of the wiser card
// returns steps: int, via_1: string, via_2: string, weakest: float
// order: steps, via_1, via_2
MATCH (a:ValuesCard {id: $from_card})-[e:WISER {context_id: $context}]->(b:ValuesCard {id: $to_card})
RETURN 1 AS steps, '' AS via_1, '' AS via_2, e.p_model AS weakest
UNION ALL
MATCH (a:ValuesCard {id: $from_card})-[e:WISER {context_id: $context}]->(x:ValuesCard)
MATCH (x)-[f:WISER {context_id: $context}]->(b:ValuesCard {id: $to_card})
RETURN 2 AS steps, x.id AS via_1, '' AS via_2, CASE WHEN e.p_model < f.p_model THEN e.p_model ELSE f.p_model END AS weakest
UNION ALL
MATCH (a:ValuesCard {id: $from_card})-[e:WISER {context_id: $context}]->(x:ValuesCard)
MATCH (x)-[f:WISER {context_id: $context}]->(y:ValuesCard)
MATCH (y)-[g:WISER {context_id: $context}]->(b:ValuesCard {id: $to_card})
WHERE y.id <> $from_card AND x.id <> $to_card
RETURN 3 AS steps, x.id AS via_1, y.id AS via_2,
  CASE WHEN e.p_model <= f.p_model AND e.p_model <= g.p_model THEN e.p_model
       WHEN f.p_model <= g.p_model THEN f.p_model ELSE g.p_model END AS weakest
