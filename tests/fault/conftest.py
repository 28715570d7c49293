"""Both engines behind one address."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["folder", pytest.param("server", marks=pytest.mark.neo4j)])
def address(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where an empty graph may be made: a folder, and a server."""
    if request.param == "folder":
        return str(tmp_path / "moral.graph")
    server = request.getfixturevalue("empty_neo4j")
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    return server.uri
