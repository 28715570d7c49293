// The truth: loads.
// returns id: string, at: int, file: string, format: string, file_sha256: string, mapping_sha256: string, read: int, accepted: int, changed: int, unchanged: int, rejected: int, status: string, previous: string
MATCH (n:Load)
RETURN n.id AS id, n.at AS at, n.file AS file, n.format AS format, n.file_sha256 AS file_sha256, n.mapping_sha256 AS mapping_sha256, n.read AS read, n.accepted AS accepted, n.changed AS changed, n.unchanged AS unchanged, n.rejected AS rejected, n.status AS status, n.previous AS previous
