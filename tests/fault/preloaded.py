"""Everything that a child of `worker` imports, none of it opened."""

import duckdb  # noqa: F401
import ladybug  # noqa: F401
import neo4j  # noqa: F401
import pyarrow.compute
import pyarrow.dataset
import pyarrow.parquet  # noqa: F401

import graphengine.graph
import graphengine.importing
import graphengine.store.ladybug
import graphengine.store.neo4j  # noqa: F401
