// Which migrations this graph has had.
CREATE NODE TABLE IF NOT EXISTS Migration(id STRING PRIMARY KEY, name STRING, checksum STRING, at INT64);
