// How much the graph holds.
// returns what: string, number: int
// order: what
MATCH (n:Scenario) WITH count(n) AS number RETURN 'scenarios' AS what, number
UNION ALL MATCH (n:Context) WITH count(n) AS number RETURN 'contexts' AS what, number
UNION ALL MATCH (n:ValuesCard) WITH count(n) AS number RETURN 'cards' AS what, number
UNION ALL MATCH (n:User) WITH count(n) AS number RETURN 'users' AS what, number
UNION ALL MATCH (n:Upgrade) WITH count(n) AS number RETURN 'upgrades' AS what, number
UNION ALL MATCH (:User)-[v:VOTED]->(:Upgrade) WITH count(v) AS number RETURN 'votes' AS what, number
UNION ALL MATCH (:User)-[v:VOTED_BEFORE]->(:Upgrade) WITH count(v) AS number RETURN 'superseded votes' AS what, number
UNION ALL MATCH (n:Tally) WITH count(n) AS number RETURN 'tallies' AS what, number
UNION ALL MATCH (:ValuesCard)-[e:WISER]->(:ValuesCard) WITH count(e) AS number RETURN 'wiser edges' AS what, number
UNION ALL MATCH (n:Ranking) WITH count(n) AS number RETURN 'rankings' AS what, number
UNION ALL MATCH (n:Load) WITH count(n) AS number RETURN 'loads' AS what, number
