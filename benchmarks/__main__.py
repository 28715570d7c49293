"""`python -m benchmarks [NAME …]`: run the benchmarks (all, or those named) and write their results.

Those of training need the extra `train`; without names they run where torch is installed.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec

from benchmarks import measuring

NAMES = ("start", "reads", "embedded_import", "neo4j_import", "incremental", "recovery", "asking", "scale",
         "ranking_speed", "misalignment")
TRAINING = ("reward_generalisation", "reward_speed", "evaluator", "ppo_speed")


def main(names: list[str]) -> None:
    """Run, print side by side, save with the conditions."""
    known = NAMES + TRAINING
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"no benchmark {unknown[0]!r}; there are: {', '.join(known)}")
    for name in names or (known if find_spec("torch") else NAMES):
        measuring.save(name, import_module(f"benchmarks.{name}").run())


if __name__ == "__main__":
    main(sys.argv[1:])
