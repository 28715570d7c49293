"""How far a ranking can be trusted: each part a pure function from Arrow tables to a `Finding`."""
