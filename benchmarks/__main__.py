"""`python -m benchmarks [NAME …]`: run the benchmarks (all, or those named) and write their results."""

from __future__ import annotations

import sys
from importlib import import_module

from benchmarks import measuring

NAMES = ("start", "reads", "embedded_import", "neo4j_import", "incremental", "recovery", "asking", "scale",
         "ranking_speed")


def main(names: list[str]) -> None:
    """Run, print side by side, save with the conditions."""
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        sys.exit(f"no benchmark {unknown[0]!r}; there are: {', '.join(NAMES)}")
    for name in names or NAMES:
        measuring.save(name, import_module(f"benchmarks.{name}").run())


if __name__ == "__main__":
    main(sys.argv[1:])
