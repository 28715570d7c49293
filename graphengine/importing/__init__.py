"""From files to truth tables and rejects.

`prepare` reads a file: votes (one per row, or a survey export with one column per question), cards, scenarios,
contexts, or a published moral graph; in CSV, TSV, JSON, JSON Lines or Parquet. What can't be taken goes to the rejects,
with row, column, value, reason and how to mend it. The room holds no store: what the graph knows is handed in as
`Known`, pseudonyms come from a function, and merging with stored answers is the store's part.
"""

from __future__ import annotations

from graphengine.importing.blanks import templates
from graphengine.importing.importer import prepare
from graphengine.importing.model import Known, Prepared
from graphengine.importing.rejects import Rejects
from graphengine.importing.sniffing import Sniffed, sniff

__all__ = ["Known", "Prepared", "Rejects", "Sniffed", "prepare", "sniff", "templates"]
