"""The tests, by kind: unit, contract, property, real, fault, cli, train, docs, packaging."""
