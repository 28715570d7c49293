"""Bad input through the front door: an error that can be acted on or rejected rows, and the graph as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import graphengine
from graphengine.errors import GraphEngineError
from tests.fault import surveys

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

H = surveys.HEADER
GOOD = "P0000,When in need 0,card 0,card 5,wiser"

REFUSED: dict[str, tuple[str, bytes]] = {
    "empty": ("v.csv", b""),
    "blank lines": ("v.csv", b"\n\n\n"),
    "latin-1": ("v.csv", f"{H}\nP9,Caf\u00e9,a,b,wiser\n".encode("latin-1")),
    "utf-16 without mark": ("v.csv", f"{H}\n{GOOD}\n".encode("utf-16-le")),
    "binary": ("v.csv", bytes(range(256)) * 40),
    "unknown columns": ("v.csv", b"a,b,c\n1,2,3\n"),
    "no header": ("v.csv", f"{GOOD}\n".encode()),
    "json of another shape": ("v.json", b'{"a": [1, 2, {"b": null}]}'),
    "json that ends early": ("v.json", b'[{"participant": "P9", '),
    "json number": ("v.json", b"17"),
    "jsonl with a broken line": ("v.jsonl", b'{"participant": "P9"\n'),
    "jsonl of lists": ("v.jsonl", b"[1, 2]\n[3, 4]\n"),
    "no parquet": ("v.parquet", b"PAR1 but not really PAR1"),
    "an image": ("v.png", b"\x89PNG\r\n\x1a\n" + bytes(64)),
}
REJECTED: dict[str, tuple[bytes, int]] = {
    "ragged rows": (f"{H}\nP9,When lost,a,b\nP9,When lost,a,b,wiser,more,and more\n".encode(), 2),
    "a 10 MB field": (f"{H}\nP9,{'x' * 10_000_000},a,b,wiser\n".encode(), 1),
    "an unknown answer": (f"{H}\nP9,When lost,a,b,perhaps\n".encode(), 1),
    "no answer": (f"{H}\nP9,When lost,a,b,\n".encode(), 1),
    "an empty context": (f"{H}\nP9,,a,b,wiser\nP9,  ,a,b,wiser\n".encode(), 2),
    "self-comparison": (f"{H}\nP9,When lost,a,a,wiser\n".encode(), 1),
    "no participant": (f"{H}\n,When lost,a,b,wiser\n".encode(), 1),
    "different answers": (f"{H}\nP9,When lost,a,b,wiser\nP9,When lost,a,b,not_wiser\n".encode(), 2),
    "an open quote": (f'{H}\n"P9,When lost,a,b,wiser\n'.encode(), 1),
    "a NUL": (f"{H}\nP9,When\0lost,a,b,wiser\n".encode(), 1),
}
UNCHANGED: dict[str, bytes] = {
    "a byte order mark": f"\ufeff{H}\n{GOOD}\n".encode(),
    "utf-16": f"{H}\n{GOOD}\n".encode("utf-16"),
    "other line ends": f"{H}\r\n{GOOD}\r\n".encode(),
    "duplicate rows": f"{H}\n{GOOD}\n{GOOD}\n".encode(),
    "a header alone": f"{H}\n".encode(),
}


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory):
    """A graph with votes."""
    folder = tmp_path_factory.mktemp("graph")
    with graphengine.open(folder / "moral.graph") as opened:
        opened.import_file(surveys.write(folder / "votes.csv", surveys.rows(4, 3)))
        yield opened


def state(graph: graphengine.MoralGraph) -> tuple[object, ...]:
    """What must not change."""
    return graph.store.hashes(), graph.loads().num_rows, graph.query("stats").to_pylist()


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_can_not_be_read(name: str, graph: graphengine.MoralGraph, tmp_path: Path) -> None:
    """The error names the file and what to do; nothing is stored."""
    file, content = REFUSED[name]
    (tmp_path / file).write_bytes(content)
    before = state(graph)
    with pytest.raises(GraphEngineError) as refused:
        graph.import_file(tmp_path / file)
    assert file in refused.value.message
    assert refused.value.hint
    assert before == state(graph)


@pytest.mark.parametrize("name", REJECTED)
def test_rows_that_can_not_be_used(name: str, graph: graphengine.MoralGraph, tmp_path: Path) -> None:
    """Each is rejected with its row, a reason and what to do; nothing is stored."""
    content, number = REJECTED[name]
    (tmp_path / "v.csv").write_bytes(content)
    before = state(graph)
    outcome = graph.import_file(tmp_path / "v.csv", rejects=tmp_path / "rejects.csv")
    assert (0, number) == (outcome.accepted, outcome.rejected)
    for row in outcome.rejects.table.to_pylist():
        assert row["_reject_row"] and row["_reject_reason"] and row["_reject_fix"]
    assert 0o600 == (tmp_path / "rejects.csv").stat().st_mode & 0o777
    assert before == state(graph)


@pytest.mark.parametrize("name", UNCHANGED)
def test_files_that_say_nothing_new(name: str, graph: graphengine.MoralGraph, tmp_path: Path) -> None:
    """Another encoding or line end of the same rows changes nothing."""
    (tmp_path / "v.csv").write_bytes(UNCHANGED[name])
    before = state(graph)
    outcome = graph.import_file(tmp_path / "v.csv")
    assert (0, 0, 0) == (outcome.accepted, outcome.changed, outcome.rejected)
    assert outcome.load_id is None
    assert before == state(graph)


@pytest.mark.parametrize("what", ["directory", "missing", "fifo", "no permission", "a mapping that is missing"])
def test_what_is_no_file(what: str, graph: graphengine.MoralGraph, tmp_path: Path) -> None:
    """A directory, nothing, a pipe, and a missing map are named."""
    import os

    path, options = tmp_path / "v.csv", {}
    if what == "directory":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "no permission":
        if os.geteuid() == 0:
            path = path / "below a file"
            path.parent.write_text("x")
        else:
            path.touch(mode=0)
    elif what.startswith("a mapping"):
        surveys.write(path, [GOOD])
        options = {"mapping": tmp_path / "map.toml"}
    before = state(graph)
    with pytest.raises(GraphEngineError) as refused:
        graph.import_file(path, **options)
    assert str(options.get("mapping", path)) in refused.value.message
    assert before == state(graph)
