"""How long `graphengine --help` takes, against a Python that does nothing."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from benchmarks import measuring


def _seconds(*command: str) -> float:
    times = []
    for _ in range(11):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=measuring.ROOT)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def run() -> dict[str, object]:
    """Returns the figures."""
    bare = _seconds(sys.executable, "-c", "pass")
    ours = _seconds(sys.executable, "-m", "graphengine", "--help")
    row = ("graphengine --help", f"{ours:.3f} s", f"{bare:.3f} s python -c pass", "< 0.2 s", ours < 0.2)
    measuring.table("Start", [row])
    return {"help_s": ours, "python_s": bare}
