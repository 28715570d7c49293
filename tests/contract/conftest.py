"""Both engines behind one fixture: what holds for one must hold for the other."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from graphengine.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from graphengine.store.base import Store


@pytest.fixture(params=["ladybug", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def opened(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Store]]:
    """Opens the same graph again and again; empty at first, and with `afresh=True`. It is closed at the end."""
    server = request.getfixturevalue("neo4j_server") if request.param == "neo4j" else None
    if server is not None:
        server.wipe()
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        address = server.uri
    else:
        address = str(tmp_path / "moral.graph")
    stores: list[Store] = []

    def again(*, afresh: bool = False) -> Store:
        for store in stores:
            store.close()
        if afresh and server is not None:
            server.wipe()
        elif afresh:
            shutil.rmtree(address, ignore_errors=True)
        stores.append(open_store(address))
        return stores[-1]

    yield again
    for store in stores:
        store.close()


@pytest.fixture
def store(opened: Callable[[], Store]) -> Store:
    """An empty graph on the engine of the round."""
    return opened()
