// Write rankings. Rows have unique keys; writing them again changes nothing.
// param rows: rows
UNWIND $rows AS row
MERGE (k:Ranking {id: row.id}) SET k.method = row.method, k.edge_rule = row.edge_rule, k.parameters = row.parameters, k.calibration = row.calibration, k.data_hash = row.data_hash, k.at = row.at, k.version = row.version
