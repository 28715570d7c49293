"""For the tests of the train extra: no network, no telemetry, one thread."""

from __future__ import annotations

import os

# Read by the libraries when they are imported, so it can't wait for a fixture.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("OMP_NUM_THREADS", "1")
