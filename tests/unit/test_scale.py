"""Files of votes to ranks: the same numbers as in memory, one answer per person if wanted, bad rows counted."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from graphengine.errors import InputError, RankingError
from graphengine.importing import Known, prepare
from graphengine.ranking import METHODS, calibrate, rank_counts
from graphengine.scale import rank_votes, splitting, votes
from graphengine.scale.calibrating import read_calibration
from graphengine.scale.files import find, parts
from graphengine.scale.placing import _parts
from graphengine.tables import ANSWERS, COUNTS, RANKS
from tests.ranking_worlds import make_counts, simulate

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow
COLUMNS = ("participant", "context", "from_value", "to_value", "answer")
WORDS = {"wiser": ("wiser", "Yes", " upgrade "), "not_wiser": ("not wiser", "NO", "no_upgrade"),
         "unsure": ("unsure", "Not sure", "not-sure")}


def said(counts: pa.Table, seed: int = 0) -> list[tuple[str, ...]]:
    """Single votes that give the counts, in disorder, in every spelling."""
    rng, rows = np.random.default_rng(seed), []
    for row in counts.to_pylist():
        for answer in ANSWERS:
            for n in range(row[answer]):
                word = WORDS[answer][n % 3]
                rows.append((f"p{len(rows)}", row["context_id"], row["from_id"], row["to_id"], word))
    return [rows[i] for i in rng.permutation(len(rows))]


def write(path: Path, rows: list[tuple[str | None, ...]], columns: tuple[str, ...] = COLUMNS) -> Path:
    """Rows as a file of the kind that its name says."""
    if path.suffix == ".parquet":
        pq.write_table(pa.table(dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))), path)
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",").writerows([columns, *rows])
    return path


@pytest.fixture(scope="module")
def counts() -> pa.Table:
    """Counts of a small survey."""
    return simulate(5, contexts=30, cards=5, pairs=7)[0]


@pytest.fixture(scope="module")
def folder(counts: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The votes behind the counts in three Parquet files."""
    folder = tmp_path_factory.mktemp("votes")
    rows = said(counts)
    for i in range(3):
        write(folder / f"{i}.parquet", rows[i::3])
    return folder


def ranks(path: Path) -> pa.Table:
    """The ranks of a file."""
    return pq.read_table(path).replace_schema_metadata()


@pytest.mark.parametrize("buckets", [1, 7, 50])
def test_ranks_are_those_of_all_counts_in_memory(counts, folder, tmp_path, monkeypatch, buckets):
    """However many buckets there are, calibration and ranks are those of the whole table in memory, bit for bit."""
    monkeypatch.setattr(votes, "_ROWS", -(-sum(counts.column(a).to_numpy().sum() for a in ANSWERS) // buckets))
    out = tmp_path / "ranks.parquet"

    done = rank_votes(str(folder / "*.parquet"), out)

    calibration = calibrate(counts)
    assert calibration.to_json() == done.calibration
    assert rank_counts(counts, calibration=calibration) == ranks(out)
    assert (30, counts.num_rows, calibration.answers) == (done.contexts, done.pairs, done.votes)


@pytest.mark.parametrize(
    ("most", "size", "in_part"), [(10, 500, False), (1000, 40_000_000, False), (2, 40_000_000, True)]
)
def test_votes_counted_as_they_are_read_give_the_same(folder, tmp_path, monkeypatch, most, size, in_part):
    """Votes are counted in one reading of the files or in several; where memory would take too many, in part."""
    rank_votes(str(folder / "*.parquet"), tmp_path / "before.parquet")
    done = []
    monkeypatch.setattr(splitting, "_copy", lambda *args, copy=splitting._copy: done.append(args[2]) or copy(*args))
    monkeypatch.setattr(splitting, "MOST_READINGS", most)
    monkeypatch.setattr(splitting, "BYTES_OF_A_PAIR", size)

    rank_votes(str(folder / "*.parquet"), tmp_path / "after.parquet")

    assert ranks(tmp_path / "before.parquet") == ranks(tmp_path / "after.parquet")
    folded = sum(each.startswith("folded/") for each in done)
    assert folded == 1 if most != 1000 else folded > 2
    assert in_part == ("votes/0" in done)


@pytest.mark.parametrize(("kinds", "rooms"), [(["parquet"], [(2, 1)]), (["parquet", "csv"], [(1, 2), (1, 2)])])
def test_tasks_side_by_side_share_threads_and_memory(tmp_path, monkeypatch, kinds, rooms):
    """Files of two kinds are read side by side, each with half of what the run may use; a task alone has all of it."""
    for kind in kinds:
        write(tmp_path / f"v.{kind}", [("p", "c", "a", "b", "yes")])
    found = []
    monkeypatch.setattr(votes, "split", lambda task, split=votes.split: found.append(task.room) or split(task))

    done = rank_votes([str(tmp_path / f"v.{kind}") for kind in kinds], tmp_path / "ranks.parquet")

    assert (len(kinds), rooms) == (done.votes, [(room.threads, room.among) for room in found])


def test_contexts_that_cleaning_makes_one_meet(tmp_path):
    """Spellings of a context may be counted in different readings: they are one context all the same."""
    spellings = [" " * n + "A w\u006f\u0308rld" + " " * (n % 3) for n in range(9)]
    rows = [("p", context, "a", "b", "yes") for context in (*spellings, "A w\u00f6rld")]
    done = rank_votes(str(write(tmp_path / "v.parquet", rows)), tmp_path / "ranks.parquet")

    assert (1, 1, 10) == (done.contexts, done.pairs, done.votes)


def test_a_calibration_uses_the_contexts_of_smallest_sha256(counts, folder, tmp_path, monkeypatch):
    """Where there are more contexts than a calibration takes, the choice is the one that is made in memory."""
    for module in ("graphengine.ranking.calibration", "graphengine.scale.counting", "graphengine.scale.calibrating"):
        monkeypatch.setattr(f"{module}.SAMPLE", 9)
    monkeypatch.setattr(votes, "_ROWS", 300)

    done = rank_votes(str(folder / "*.parquet"), tmp_path / "ranks.parquet")

    assert 9 == done.calibrated_on
    assert calibrate(counts).to_json() == done.calibration


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"bradley-terry", "bradley-terry-groups"}))
def test_other_methods_give_what_they_give_in_memory(counts, folder, tmp_path, method):
    """Every method that looks at one context at a time gives its rows of the whole table."""
    rule = {"edge_rule": "mai-2023-context"} if method == "pagerank" else {}

    done = rank_votes(str(folder / "*.parquet"), tmp_path / "ranks.parquet", method=method, **rule)

    assert done.calibration is None
    assert not done.p_top
    assert rank_counts(counts, method, **rule) == ranks(tmp_path / "ranks.parquet")


def test_csv_tsv_and_parquet_may_be_mixed(counts, tmp_path):
    """The form of a file makes no difference."""
    rows = said(counts)
    files = [write(tmp_path / name, rows[i::3]) for i, name in enumerate(("a.csv", "b.tsv", "c.parquet"))]

    done = rank_votes(map(str, files), tmp_path / "ranks.parquet")

    assert 3 == done.files
    assert rank_counts(counts) == ranks(tmp_path / "ranks.parquet")


def test_without_p_top_it_is_null(counts, folder, tmp_path):
    """Without P(top) the file is that of `rank_counts` without it."""
    rank_votes(str(folder / "*.parquet"), tmp_path / "ranks.parquet", p_top=False)
    assert rank_counts(counts, p_top=False) == ranks(tmp_path / "ranks.parquet")


def test_a_calibration_can_be_taken_from_an_earlier_run(folder, tmp_path):
    """A file of ranks holds its calibration; so does its JSON; both can be given to another run."""
    first, second = tmp_path / "first.parquet", tmp_path / "second.parquet"
    done = rank_votes(str(folder / "*.parquet"), first)
    (tmp_path / "calibration.json").write_text(done.calibration)

    known = read_calibration(str(first))
    again = rank_votes(str(folder / "0.parquet"), second, calibration=known)

    assert known == read_calibration(str(tmp_path / "calibration.json"))
    assert "calibrate" not in again.seconds
    assert done.calibration == again.calibration


def test_the_file_says_how_it_was_made(folder, tmp_path):
    """The metadata has method, parameters, calibration and version; the columns are RANKS."""
    out = tmp_path / "ranks.parquet"
    done = rank_votes(str(folder / "*.parquet"), out, not_wiser="tie")
    about = json.loads(pq.read_schema(out).metadata[b"graphengine"])

    assert RANKS.schema == pq.read_schema(out).remove_metadata()
    assert ("bradley-terry", {"not_wiser": "tie"}) == (about["method"], about["parameters"])
    assert json.loads(done.calibration) == about["calibration"]
    assert json.loads(json.dumps(done.as_json()))["calibration"] == about["calibration"]


def test_nothing_is_left_behind(folder, tmp_path):
    """Beside the file of ranks the folder is as it was, also where a run fails."""
    rank_votes(str(folder / "*.parquet"), tmp_path / "ranks.parquet")
    write(tmp_path / "bad.csv", [("p", "c", "a", "a", "yes")])
    with pytest.raises(InputError):
        rank_votes(str(tmp_path / "bad.csv"), tmp_path / "none.parquet")

    assert ["bad.csv", "ranks.parquet"] == sorted(path.name for path in tmp_path.iterdir())


# Single answers ------------------------------------------------------------------------------------------------------

TIMED = (*COLUMNS, "at")
ROWS = [
    ("p1", "c", "a", "b", "yes", "2024-01-01"), ("p1", "c", "a", "b", "no", "2024-01-02"),  # the later one holds
    ("p2", "c", "a", "b", "yes", "2024-01-01"), (" p2", " c ", "a ", "b", "wiser", ""),  # the same again
    ("p3", "c", "a", "b", "yes", "2024-01-01"), ("p3", "c", "a", "b", "no", "2024-01-01"),  # a fight
    ("p4", "c", "a", "b", "yes", ""), ("p4", "c", "a", "b", "no", "2024-01-02"),  # a fight
    ("p5", "c", "b", "a", "unsure", "1704067200"), ("p5", "c", "b", "a", "no", "2023-12-31T23:59:59Z"),
    ("p6", "c", "a", "d", "yes", "soon"), ("", "c", "a", "d", "yes", ""), ("p7", "c", "a", "d", "no", ""),
    ("p8", "e\u0301", "a", "b", "yes", ""), ("p9", "\u00e9", "a", "b", "yes", "1969-12-31"),
]


def test_one_answer_counts_for_each_person_and_upgrade(tmp_path):
    """With `distinct` the latest answer holds, the same again says nothing, and what can't be told is left out."""
    file = write(tmp_path / "votes.csv", ROWS, TIMED)

    done = rank_votes(str(file), tmp_path / "ranks.parquet", distinct=True)

    expected = make_counts([("c", "a", "b", 1, 1, 0), ("c", "a", "d", 0, 1, 0), ("c", "b", "a", 0, 0, 1),
                            ("\u00e9", "a", "b", 2, 0, 0)])
    fight = "one participant, two answers, and nothing tells which is later"
    assert {fight: 4, "time that can't be read": 1, "no participant": 1} == done.rejected
    assert (6, 3) == (done.votes, done.repeated)
    assert rank_counts(expected) == ranks(tmp_path / "ranks.parquet")


def test_one_answer_each_is_what_importing_takes(tmp_path):
    """With `distinct`, a file with repeats, fights and bad rows gives the votes that importing it gives."""
    rng = np.random.default_rng(1)
    rows = [
        (f"p{rng.integers(9)}", f"c{rng.integers(2)}", f"v{rng.integers(3)}", f"v{rng.integers(3)}",
         str(rng.choice(["yes", "no", "Not sure", "perhaps", ""], p=[.4, .3, .2, .05, .05])),
         str(rng.choice(["", "2024-01-01", "2024-01-02T10:00:00+02:00", "1704200000"])))
        for _ in range(400)
    ]
    file = write(tmp_path / "votes.csv", rows, TIMED)

    done = rank_votes(str(file), tmp_path / "ranks.parquet", distinct=True)

    prepared = prepare(file, known=Known(), pseudonym=lambda people: people)
    assert prepared.tables["votes"].num_rows == done.votes
    assert prepared.rejects.count == sum(done.rejected.values())


def test_by_default_every_row_counts(tmp_path):
    """Without `distinct` people and times are not looked at, and need not be there."""
    file = write(tmp_path / "votes.csv", [("c", "a", "b", "yes")] * 3, COLUMNS[1:])
    assert 3 == rank_votes(str(file), tmp_path / "ranks.parquet").votes


# Bad input -----------------------------------------------------------------------------------------------------------


def test_bad_rows_are_counted_by_reason(tmp_path):
    """Rows that are no votes are left out, once each, and named."""
    rows = [
        ("p", "c", "a", "b", "yes"), ("p", " ", "a", "b", "yes"), ("p", None, "a", "b", "yes"),
        ("p", "c", "", "b", "yes"), ("p", "c", "a", None, "no"), ("p", "c", "a", " a", "no"),
        ("p", "c", "a", "b", "perhaps"), ("p", None, "a", "b", "perhaps"), ("p", "c", "a", "b", None),
        ("p", "c", "a", "b", " "),
    ]
    done = rank_votes(str(write(tmp_path / "v.parquet", rows)), tmp_path / "ranks.parquet")

    assert {"no context": 2, "no from_value": 1, "no to_value": 1, "from_value and to_value are the same": 1,
            "unknown answer": 2, "no answer": 2} == done.rejected
    assert {"perhaps": 2} == done.words
    assert 1 == done.votes


@pytest.mark.parametrize(("name", "rows", "columns", "said"), [
    ("v.csv", [("p", "c", "a", "b", "ja")], COLUMNS, "no row is a vote (unknown answer: 1)"),
    ("v.csv", [], COLUMNS, "no row is a vote (the files have no rows)"),
    ("v.csv", [("p", "c", "a", "yes")], ("participant", "context", "form_value", "answer"), 'no column "from_value"'),
    ("v.txt", [], COLUMNS, "neither Parquet nor CSV"),
])
def test_files_without_votes_are_refused(tmp_path, name, rows, columns, said):
    """A file that holds no votes at all is an error that says why."""
    file = write(tmp_path / name, rows, columns)
    with pytest.raises(InputError) as error:
        rank_votes(str(file), tmp_path / "ranks.parquet")
    assert said in error.value.message


def test_a_damaged_file_is_an_error_of_the_input(tmp_path):
    """A Parquet file that is none, and one that lacks a column which the first one has, are named."""
    (tmp_path / "x.parquet").write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(InputError, match=r"x\.parquet"):
        rank_votes(str(tmp_path / "x.parquet"), tmp_path / "ranks")
    write(tmp_path / "a.parquet", [("c", "a", "b", "yes")], COLUMNS[1:])
    write(tmp_path / "b.parquet", [("c", "a", "b")], COLUMNS[1:4])
    with pytest.raises(InputError, match="answer"):
        rank_votes([str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")], tmp_path / "ranks")


def test_a_column_of_many_texts_holds_no_answers(tmp_path, monkeypatch):
    """Where the answer column holds all kinds of text, that is said instead of listing them."""
    monkeypatch.setattr("graphengine.scale.splitting.MOST_WORDS", 5)
    file = write(tmp_path / "v.csv", [("p", "c", "a", "b", f"thought {i}") for i in range(9)])
    with pytest.raises(InputError, match="more than 5 different texts"):
        rank_votes(str(file), tmp_path / "ranks.parquet")


@pytest.mark.parametrize("rule", [None, "mai-2023", "any-wiser"])
def test_rules_that_pool_contexts_are_refused(folder, tmp_path, rule):
    """A rule that needs all counts at once is refused, and the one that does not is named."""
    asked = {} if rule is None else {"edge_rule": rule}
    with pytest.raises(RankingError, match="pools contexts") as error:
        rank_votes(str(folder / "*.parquet"), tmp_path / "ranks.parquet", method="pagerank", **asked)
    assert "--edge-rule mai-2023-context" == error.value.hint


def test_groups_are_refused(folder, tmp_path):
    """Ranking by groups needs more than votes."""
    with pytest.raises(RankingError, match="needs more than"):
        rank_votes(str(folder / "*.parquet"), tmp_path / "ranks.parquet", method="bradley-terry-groups")


@pytest.mark.parametrize(("asked", "said"), [
    ({"engine": "spark"}, "unknown engine"), ({"scheduler": "tcp://127.0.0.1:1"}, "for Dask only"),
    ({"method": "borda"}, "unknown method"), ({"edge_rule": "x"}, "no parameter edge_rule"),
    ({"not_wiser": "perhaps"}, "not_wiser"), ({"memory": "much"}, "much"),
])
def test_what_is_unknown_is_refused(folder, tmp_path, asked, said):
    """Unknown engines, methods, parameters and amounts are refused by name."""
    with pytest.raises((InputError, RankingError)) as error:
        rank_votes(str(folder / "*.parquet"), tmp_path / "ranks.parquet", **asked)
    assert said in error.value.message


def test_a_calibration_of_another_reading_is_refused(counts, folder, tmp_path):
    """A calibration that took "not wiser" for a tie can't serve where it counts against."""
    with pytest.raises(RankingError, match="reads not_wiser as 'tie'"):
        rank_votes(str(folder / "*.parquet"), tmp_path / "ranks.parquet", not_wiser="against",
                   calibration=calibrate(counts, not_wiser="tie"))


def test_what_holds_no_calibration_is_refused(tmp_path):
    """A file without a calibration is named."""
    pq.write_table(COUNTS.empty(), tmp_path / "x.parquet")
    (tmp_path / "x.json").write_text("{}")
    for name in ("x.parquet", "x.json", "nowhere.json"):
        with pytest.raises(InputError, match=f"{name} holds no calibration"):
            read_calibration(str(tmp_path / name))


def test_places_that_can_not_be_written_are_refused(folder, tmp_path):
    """A missing folder is said before any work is done."""
    with pytest.raises(InputError, match="can't be written"):
        rank_votes(str(folder / "*.parquet"), tmp_path / "nowhere" / "ranks.parquet")


# Parts ---------------------------------------------------------------------------------------------------------------


def test_a_name_with_a_star_is_a_name(tmp_path):
    """A file that is there is taken by its name, even where that looks like a pattern."""
    file = write(tmp_path / "v[1]*.csv", [("p", "c", "a", "b", "yes")])
    assert {"csv": (str(file),)} == find([str(file)])
    assert 1 == rank_votes(str(file), tmp_path / "ranks.parquet").votes


def test_files_are_shared_out_by_size(tmp_path):
    """No share of the files is much larger than the others."""
    from graphengine.scale.files import Votes

    paths = tuple(str(write(tmp_path / f"{i}.csv", [("p", "c", "a", "b", "yes")] * n))
                  for i, n in enumerate((900, 300, 300, 300)))
    shares = parts(Votes("csv", paths, {}), 2)
    assert [(paths[0],), paths[1:]] == [share.paths for share in shares]


def test_counts_are_cut_between_contexts(monkeypatch):
    """Parts hold whole contexts in order; one context larger than a part stays whole."""
    monkeypatch.setattr("graphengine.scale.placing._ROWS", 3)
    names = list("aabbccccccdefg")
    table = pa.table({"context_id": pa.chunked_array([pa.array(names)]).dictionary_encode()})
    cut = ["".join(part.column("context_id").to_pylist()) for part in _parts(table)]
    assert ["aa", "bb", "cccccc", "def", "g"] == cut


# Dask ----------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the cluster's own sockets and loops
def test_dask_gives_the_same_file(counts, folder, tmp_path):
    """On workers of a Dask cluster, calibration and ranks are those of this process and of the table in memory."""
    distributed = pytest.importorskip("distributed")
    here, there = tmp_path / "here.parquet", tmp_path / "there.parquet"
    local = rank_votes(str(folder / "*.parquet"), here)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        dask = rank_votes(str(folder / "*.parquet"), there, engine="dask", scheduler=cluster.scheduler_address)
        with pytest.raises(InputError, match="no row is a vote"):  # errors of workers come back as they are
            file = write(tmp_path / "v.csv", [("p", "c", "a", "b", "ja")])
            rank_votes(str(file), there, engine="dask", scheduler=cluster.scheduler_address)

    assert local.calibration == dask.calibration
    assert ranks(here) == ranks(there)
    assert rank_counts(counts) == ranks(there)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_dask_starts_workers_of_its_own(folder, tmp_path):
    """Without a scheduler, workers are started here and gone afterwards; one answer per person works there too."""
    pytest.importorskip("distributed")
    here, there = tmp_path / "here.parquet", tmp_path / "there.parquet"
    local = rank_votes(str(folder / "*.parquet"), here, distinct=True)
    dask = rank_votes(str(folder / "*.parquet"), there, engine="dask", distinct=True)

    assert (local.votes, local.calibration) == (dask.votes, dask.calibration)
    assert ranks(here) == ranks(there)
