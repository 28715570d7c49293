// Migrations that were applied.
// returns id: string, name: string, checksum: string, at: int
MATCH (m:Migration)
RETURN m.id AS id, m.name AS name, m.checksum AS checksum, m.at AS at
ORDER BY id
