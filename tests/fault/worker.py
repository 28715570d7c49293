"""Children to be killed: they do one thing to a graph and tell each commit, as the command line does, on stderr."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import graphengine
from graphengine.errors import GraphEngineError

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

# What a child needs is imported once; each child is then a fork that has opened nothing yet.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.fault.preloaded"])

BATCH, MOST_PARTS = 10, 16
"""Rows per commit, and parts that a journal keeps: a small file becomes many commits, and is compacted."""


def acknowledge(votes: int) -> None:
    """What the command line prints after each commit."""
    print(f"committed {votes}", file=sys.stderr, flush=True)


def run(address: str, action: str, argument: str, told: str, environment: dict[str, str]) -> None:
    """Open the graph, do one thing, close it. `told` takes what goes to stderr."""
    from graphengine.store import ladybug

    os.environ.update(environment)
    ladybug.MOST_PARTS = MOST_PARTS
    os.dup2(os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    sys.stderr = os.fdopen(2, "w", closefd=False)
    try:
        with graphengine.open(address) as graph:
            print("opened", file=sys.stderr, flush=True)
            graph.store.batch_size = BATCH  # type: ignore[misc]
            if action == "import":
                graph.import_file(argument, on_commit=acknowledge)
            elif action in ("bulk", "first"):
                if action == "first":
                    ladybug._LARGE = 1_000
                graph.import_file(argument, batch_size=4_000, on_commit=acknowledge)
            elif action == "undo":
                graph.undo(argument)
            elif action == "erase":
                graph.erase_user(argument)
            else:
                assert action == "open", action
        print("done", file=sys.stderr, flush=True)
    except GraphEngineError as error:
        print(f"{type(error).__name__}: {error.message}", file=sys.stderr, flush=True)


class Child:
    """One action in a process of its own."""

    def __init__(self, address: str | Path, action: str, argument: str | Path, told: Path, **environment: str) -> None:
        self.told = told
        told.unlink(missing_ok=True)
        self.started = time.monotonic()
        self.process: BaseProcess = _context.Process(
            target=run, args=(str(address), action, str(argument), str(told), environment)
        )
        self.process.start()

    def kill_after(self, seconds: float) -> bool:
        """`kill -9` that long after the start; whether it was still at work."""
        self.process.join(max(0.0, self.started + seconds - time.monotonic()))
        self.process.kill()
        self.process.join()
        return self.process.exitcode != 0

    def wait(self) -> float:
        """Let it finish; the seconds it took."""
        self.process.join()
        assert 0 == self.process.exitcode, self.said()
        return time.monotonic() - self.started

    def said(self) -> str:
        """What it wrote to stderr."""
        return self.told.read_text() if self.told.exists() else ""

    def acknowledged(self) -> int:
        """The number of votes that it said were committed."""
        lines = [line for line in self.said().split("\n")[:-1] if line.startswith("committed ")]
        return int(lines[-1].split()[1]) if lines else 0
