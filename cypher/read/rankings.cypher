// Rankings that were made.
// returns id: string, method: string, edge_rule: string, parameters: string, calibration: string, data_hash: string, at: int, version: string
MATCH (k:Ranking)
RETURN k.id AS id, k.method AS method, k.edge_rule AS edge_rule, k.parameters AS parameters,
  k.calibration AS calibration, k.data_hash AS data_hash, k.at AS at, k.version AS version
ORDER BY id
