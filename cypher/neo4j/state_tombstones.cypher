// The truth: tombstones.
// returns id: string
MATCH (n:Tombstone)
RETURN n.id AS id
