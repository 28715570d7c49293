// What a model should value, and the contexts that it was drawn from.
CREATE NODE TABLE IF NOT EXISTS ValueTarget(id STRING PRIMARY KEY, at INT64, kind STRING, system STRING, contexts STRING[], ranking_id STRING, data_hash STRING, document STRING);
CREATE REL TABLE IF NOT EXISTS DRAWN_FROM(FROM ValueTarget TO Context);
