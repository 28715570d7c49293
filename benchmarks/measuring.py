"""Runs a measurement in a process of its own, so that time and peak memory are that measurement's alone."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).resolve().parent / "results"


def alone(module: str, *arguments: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    """What `python -m benchmarks.MODULE ARGUMENTS` prints as JSON on its last line, with its peak memory."""
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", *arguments], capture_output=True, text=True, cwd=ROOT,
        env={**os.environ, **(env or {})}, check=False,
    )
    if done.returncode:
        sys.exit(f"{module} {' '.join(arguments)} failed:\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def report(**figures: Any) -> None:
    """Print the figures of a measurement, and the peak memory of this process in MB."""
    figures["peak_mb"] = peak_mb()
    print(json.dumps(figures))


def peak_mb() -> int:
    """Peak memory of this process so far, in MB."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 if sys.platform == "linux" else 1024**2))


class Memory:
    """The most memory that the process had beyond what it had at the start, in MB (watched every 5 ms; Linux)."""

    beyond_mb = 0


@contextmanager
def watching_memory() -> Iterator[Memory]:
    """Watch this process while the body runs."""
    found, done = Memory(), threading.Event()
    statm = Path("/proc/self/statm")
    page = os.sysconf("SC_PAGE_SIZE")

    def resident() -> int:
        return int(statm.read_text().split()[1]) * page

    before = resident()

    def watch() -> None:
        while not done.wait(0.005):
            found.beyond_mb = max(found.beyond_mb, round((resident() - before) / 1e6))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield found
    finally:
        done.set()
        watcher.join()


def conditions() -> dict[str, Any]:
    """What the figures depend on."""
    from importlib.metadata import version
    from importlib.util import find_spec

    packages = ["ladybug", "neo4j", "duckdb", "pyarrow", "numpy"]
    packages += [name for name in ("torch", "transformers", "trl") if find_spec(name)]
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()), "python": platform.python_version(),
        "machine": platform.machine(), "cores": os.cpu_count(), "load_before": round(os.getloadavg()[0], 1),
        "packages": {name: version(name) for name in packages},
    }


def table(title: str, rows: list[tuple[str, str, str, str, bool]]) -> None:
    """Print rows of what, ours, floor, bound, and whether it holds."""
    print(f"\n{title}")
    widths = [max(len(str(row[i])) for row in [("what", "ours", "floor", "bound", ""), *rows]) for i in range(4)]
    for row in [("what", "ours", "floor", "bound", None), *rows]:
        mark = "" if row[4] is None else ("holds" if row[4] else "DOES NOT HOLD")
        print("  " + "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=False)) + "  " + mark)


def save(name: str, figures: dict[str, Any]) -> None:
    """Write the figures with their conditions to benchmarks/results/NAME.json."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"conditions": conditions(), **figures}, indent=1)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
