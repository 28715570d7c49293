"""`python -m graphengine`."""

from __future__ import annotations

from graphengine.cli import main

if __name__ == "__main__":
    main(prog_name="graphengine")
