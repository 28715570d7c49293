// Imports, oldest first.
// returns id: string, at: int, file: string, format: string, read: int, accepted: int, changed: int, unchanged: int, rejected: int, status: string
MATCH (n:Load)
RETURN n.id AS id, n.at AS at, n.file AS file, n.format AS format, n.read AS read, n.accepted AS accepted,
  n.changed AS changed, n.unchanged AS unchanged, n.rejected AS rejected, n.status AS status
ORDER BY at, id
