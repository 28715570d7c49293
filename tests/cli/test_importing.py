"""Importing by hand: what is said, what is written, and the exit codes."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Said


pytestmark = pytest.mark.slow


BAD = "participant,context,from_value,to_value,answer\np1,C,map,compass,wiser\np2,C,map,compass,perhaps\n"


def test_a_good_file(cli: Callable[..., Said], votes: Path) -> None:
    """A file without faults: exit code 0, counts on stdout, `committed` on stderr."""
    said = cli("import", votes)
    assert 0 == said.code
    assert "votes: 3 new, 0 changed, 0 unchanged, 0 rejected" in said.out
    assert "committed 3\n" in said.err


def test_committed_is_said_after_each_batch(cli: Callable[..., Said], votes: Path) -> None:
    """With small batches, `committed N` counts up on stderr, with --json too, and stdout stays one object."""
    said = cli("import", votes, "--batch-size", "1", "--json")
    counts = [int(line.split()[1]) for line in said.err.splitlines() if line.startswith("committed ")]
    assert sorted(counts) == counts
    assert 3 == counts[-1]
    assert len(counts) >= 3
    assert said.json["ok"] is True


def test_importing_again_changes_nothing(cli: Callable[..., Said], votes: Path) -> None:
    """The same file a second time says that nothing changed."""
    cli("import", votes)
    said = cli("import", votes)
    assert 0 == said.code
    assert "0 new, 0 changed, 3 unchanged" in said.out
    assert "nothing changed" in said.out


def test_rejected_rows_are_named(cli: Callable[..., Said], folder: Path) -> None:
    """A row that is not taken is named with row, column and value on stderr; the exit code is 3."""
    (folder / "votes.csv").write_text(BAD)
    said = cli("import", "votes.csv")
    assert 3 == said.code
    assert 'row 3, column "answer": "perhaps"' in said.err
    assert "--rejects rejects.csv" in said.err
    assert "1 new" in said.out


def test_rejects_can_be_mended_and_imported(cli: Callable[..., Said], folder: Path) -> None:
    """The rejects file is readable by its owner only, and imports alone once it is mended."""
    (folder / "votes.csv").write_text(BAD)
    said = cli("import", "votes.csv", "--rejects", "rejects.csv")
    assert (3, 0o600) == (said.code, (folder / "rejects.csv").stat().st_mode & 0o777)
    assert "mode 600" in said.err
    mended = (folder / "rejects.csv").read_text().replace("perhaps", "not_wiser", 1)
    (folder / "rejects.csv").write_text(mended)
    again = cli("import", "rejects.csv", "--json")
    assert (0, 1) == (again.code, again.json["accepted"])


def test_a_dry_run_writes_nothing(cli: Callable[..., Said], folder: Path) -> None:
    """`--dry-run` reports like an import, makes no graph, and writes the rejects if asked."""
    (folder / "votes.csv").write_text(BAD)
    said = cli("import", "votes.csv", "--dry-run", "--rejects", "rejects.csv")
    assert 3 == said.code
    assert "1 would be new" in said.out
    assert {"votes.csv", "rejects.csv"} == {path.name for path in folder.iterdir()}


def test_a_dry_run_on_a_graph_leaves_it_as_it_is(cli: Callable[..., Said], votes: Path) -> None:
    """`--dry-run` compares with the graph that is there, and its content hash stays."""
    cli("import", votes)
    before = cli("doctor", "--json").json["facts"]["content_hash"]
    votes.write_text(votes.read_text().replace("unsure", "wiser") + "p4,When lost,map,compass,unsure\n")
    dry = cli("import", votes, "--dry-run", "--json").json
    assert (1, 1, 2, True) == (dry["accepted"], dry["changed"], dry["unchanged"], dry["dry_run"])
    assert before == cli("doctor", "--json").json["facts"]["content_hash"]


def test_rank_shows_the_winners(cli: Callable[..., Said], votes: Path) -> None:
    """`import --rank` goes on to a table of winners."""
    said = cli("import", votes, "--rank")
    assert "ranked by bradley-terry" in said.out
    assert "When lost" in said.out
    assert "compass" in said.out


def test_rank_and_dry_run_exclude_each_other(cli: Callable[..., Said], votes: Path) -> None:
    """A dry run can't rank: wrong usage."""
    said = cli("import", votes, "--rank", "--dry-run")
    assert 2 == said.code
    assert "leave out --dry-run" in said.err


def test_strict_rejects_unknown_cards(cli: Callable[..., Said], votes: Path) -> None:
    """`--strict` takes no row that names cards or contexts the graph does not know."""
    said = cli("import", votes, "--strict", "--json")
    assert (3, 3, 0) == (said.code, said.json["rejected"], said.json["accepted"])


def test_prefix_and_groups(cli: Callable[..., Said], folder: Path) -> None:
    """`--prefix` stands before all ids; `--group` keeps a column, and only that."""
    (folder / "votes.csv").write_text(
        "participant,context,from_value,to_value,answer,age,secret\np1,When lost,map,compass,wiser,30s,x\n"
    )
    cli("import", "votes.csv", "--prefix", "a:", "--group", "age")
    assert ["a:compass", "a:map"] == [row["id"] for row in cli("query", "cards", "--json").json["rows"]]
    groups = cli("query", "MATCH (g:`Group`) RETURN g.variable AS variable, g.value AS value", "--json").json["rows"]
    assert [{"variable": "age", "value": "30s"}] == groups


def test_sniff_leads_to_an_import(cli: Callable[..., Said], folder: Path) -> None:
    """The map that `sniff` writes for a file with other names is one to import with."""
    (folder / "other.csv").write_text("PID;situation;from_id;to_id;vote\np1;When lost;map;compass;yes\n")
    said = cli("sniff", "other.csv")
    assert 0 == said.code
    assert "graphengine import other.csv --map map.toml" in said.out
    assert "PID" == tomllib.loads((folder / "map.toml").read_text())["columns"]["participant"]
    assert 1 == cli("import", "other.csv", "--map", "map.toml", "--json").json["accepted"]


@pytest.mark.parametrize("command", [["sniff", "votes.csv"], ["template"]])
def test_files_that_are_there_are_not_overwritten(cli: Callable[..., Said], votes: Path, folder: Path, command) -> None:
    """`sniff` and `template` leave a file of the same name alone unless told to replace it."""
    (folder / "map.toml").write_text("# mine\n")
    content = votes.read_text()
    said = cli(*command)
    assert 1 == said.code
    assert "is there already" in said.err
    assert ("# mine\n", content) == ((folder / "map.toml").read_text(), votes.read_text())
    assert 0 == cli(*command, "--force").code
    assert "# mine\n" != (folder / "map.toml").read_text()


def test_the_templates_can_be_imported(cli: Callable[..., Said], folder: Path) -> None:
    """Every file that `template` writes goes in without a rejected row."""
    cli("template", "study")
    for name in ("cards.csv", "scenarios.csv", "contexts.csv", "votes.csv"):
        assert 0 == cli("import", folder / "study" / name).code
    assert 0 == cli("import", "study/votes-wide.csv", "--map", "study/map.toml").code
    assert 0 == cli("rank").code


def test_loads_and_undo_in_words(cli: Callable[..., Said], votes: Path) -> None:
    """`loads` is a table of imports; `undo` says what it took back, and a second time that it was undone."""
    load = cli("import", votes, "--json").json["load_id"]
    assert [load, "done"] == [cli("loads").out.splitlines()[1].split()[i] for i in (0, -1)]
    assert "removed: 3 votes" in cli("undo", load).out
    again = cli("undo", load)
    assert 1 == again.code
    assert "taken back already" in again.err


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", b"", "empty"),
        ("folder", None, "folder"),
        ("shape.json", b'{"a": 1}', ""),
        ("noise.parquet", b"PAR1 not really", ""),
        ("columns.csv", b"x,y\n1,2\n", "column"),
    ],
)
def test_files_that_can_not_be_read(cli: Callable[..., Said], folder: Path, name: str, content, message: str) -> None:
    """A file that is no table gives an error with a hint, on stderr, and no graph is changed."""
    if content is None:
        (folder / name).mkdir()
    else:
        (folder / name).write_bytes(content)
    said = cli("import", name)
    assert 1 == said.code
    assert "error: " in said.err
    assert message in said.err
    assert "try: " in said.err
    assert [] == json.loads(cli("loads", "--json").out)["loads"]
