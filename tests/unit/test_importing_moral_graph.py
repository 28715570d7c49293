"""Published moral graphs: forms A and B, and what is refused in them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from graphengine.errors import InputError
from graphengine.importing import Prepared
from tests.importing_kit import known, reasons, take

COUNTS = {"markedWiser": 3, "markedNotWiser": 1, "markedLessWise": 0, "markedUnsure": 2, "impressions": 6}
FORM_A: dict[str, Any] = {
    "values": [
        {"id": 12, "title": "Calm", "instructionsShort": "Be calm.", "instructionsDetailed": "Be very calm.",
         "evaluationCriteria": ["SIGNS of rest", " "], "createdAt": "2023-09-01T00:00:00Z", "pageRank": 0.1},
        {"id": 15, "title": "Joy", "instructionsShort": "", "evaluationCriteria": []},
    ],
    "edges": [
        {"sourceValueId": 12, "wiserValueId": 15, "contexts": ["When sad", "When lost"], "counts": COUNTS,
         "summary": {"wiserLikelihood": 0.5, "entropy": 1.7}},
    ],
}


def graph(folder: Path, data: Any, **options: Any) -> Prepared:
    """Prepare a moral graph."""
    return take(folder, json.dumps(data), name="graph.json", **options)


def changed(*path: Any, value: Any) -> dict[str, Any]:
    """Form A with one thing changed."""
    data = copy.deepcopy(FORM_A)
    place = data
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return data


def test_form_a(tmp_path: Path) -> None:
    """Values become cards with their short instructions and criteria, edges become tallies with all five counters."""
    prepared = graph(tmp_path, FORM_A)

    assert [
        {"id": "12", "title": "Calm", "description": "Be calm.", "policies": ["SIGNS of rest"]},
        {"id": "15", "title": "Joy", "description": None, "policies": []},
    ] == prepared.tables["cards"].to_pylist()
    tally = prepared.tables["tallies"].to_pylist()[0]
    assert ("12", "15", ["When lost", "When sad"]) == (tally["from_id"], tally["to_id"], tally["contexts"])
    assert [3, 1, 0, 2, 6] == [tally[each] for each in ("wiser", "not_wiser", "less_wise", "unsure", "impressions")]
    assert ["When lost", "When sad"] == prepared.new_contexts == prepared.stub_contexts
    assert ("moral-graph-json", "json", 3, 0) == (
        prepared.kind, prepared.format, prepared.read, len(prepared.rejects)
    )
    assert "Fields left out, nothing of them is stored: createdAt, instructionsDetailed, pageRank." in prepared.notes
    assert "users" not in prepared.tables


def test_form_b(tmp_path: Path) -> None:
    """The later form names description and policies; ids may be words; demographics are left out."""
    data = {
        "values": [
            {"id": "calm", "title": "Calm", "description": "Be calm.", "policies": ["SIGNS"], "embedding": [0.1]},
            {"id": "joy", "policies": ["LAUGHTER"]},
        ],
        "edges": [
            {"sourceValueId": "calm", "wiserValueId": "joy", "contexts": ["When sad"], "counts": COUNTS,
             "demographics": [{"usPoliticalAffiliation": "x"}]},
        ],
    }
    prepared = graph(tmp_path, data)

    assert [("calm", "Calm", "Be calm.", ["SIGNS"]), ("joy", None, None, ["LAUGHTER"])] == [
        tuple(row.values()) for row in prepared.tables["cards"].to_pylist()
    ]
    assert 1 == prepared.tables["tallies"].num_rows
    assert "usPoliticalAffiliation" not in str([table.to_pylist() for table in prepared.tables.values()])


@pytest.mark.parametrize(("data", "place", "reason"), [
    (changed("values", 1, "id", value=None), "values[1].id", "no id"),
    (changed("values", 1, value="Joy"), "values[1].values", "not an object"),
    (changed("values", 1, "title", value=["Joy"]), "values[1].title", "not a text"),
    (changed("values", 1, "title", value="Jo\0y"), "values[1].title", "not a text"),
    (changed("values", 1, "evaluationCriteria", value="SIGNS"), "values[1].evaluationCriteria", "not a list of texts"),
    (changed("edges", 0, "wiserValueId", value=99), "edges[0].wiserValueId", "no value of the file"),
    (changed("edges", 0, "sourceValueId", value=None), "edges[0].sourceValueId", "no value of the file"),
    (changed("edges", 0, "wiserValueId", value=12), "edges[0].wiserValueId", "compared with itself"),
    (changed("edges", 0, "contexts", value=[]), "edges[0].contexts", "no contexts"),
    (changed("edges", 0, "contexts", value={}), "edges[0].contexts", "not a list of texts"),
    (changed("edges", 0, "contexts", value=None), "edges[0].contexts", "no contexts"),
    (changed("edges", 0, "counts", value=None), "edges[0].counts", "no counts"),
    (changed("edges", 0, "counts", "markedWiser", value=-1), "edges[0].counts.markedWiser", "not a whole number"),
    (changed("edges", 0, "counts", "markedWiser", value=1.5), "edges[0].counts.markedWiser", "not a whole number"),
    (changed("edges", 0, "counts", "markedWiser", value=True), "edges[0].counts.markedWiser", "not a whole number"),
    (changed("edges", 0, "counts", "impressions", value=None), "edges[0].counts.impressions", "not a whole number"),
    (changed("edges", 0, "counts", "markedUnsure", value=10**30), "edges[0].counts.markedUnsure", "not a whole number"),
])
def test_an_unusable_entry_is_rejected(tmp_path: Path, data: Any, place: str, reason: str) -> None:
    """A bad value or edge is rejected with its place in the file; edges to rejected values go with them."""
    prepared = graph(tmp_path, data)

    column, why = next((each[1], each[3]) for each in reasons(prepared) if each[1] == place)
    assert place == column
    assert reason in why
    assert "tallies" not in prepared.tables
    assert 3 == prepared.read
    assert json.loads(prepared.rejects.table["entry"][0].as_py()) is not None


def test_a_title_that_the_graph_holds_otherwise(tmp_path: Path) -> None:
    """The same id with another title is a conflict, which its edges share; a prefix keeps the studies apart."""
    held = known(cards=[("12", "Rest")])

    assert ["values[0].title", "edges[0].sourceValueId"] == [
        each[1] for each in reasons(graph(tmp_path, FORM_A, known=held))
    ]
    prefixed = graph(tmp_path, FORM_A, known=held, prefix="dft:")
    assert (0, ["dft:12", "dft:15"], ["dft:When lost", "dft:When sad"]) == (
        len(prefixed.rejects), prefixed.new_cards, prefixed.new_contexts
    )
    assert ["dft:When lost", "dft:When sad"] == prefixed.tables["tallies"]["contexts"][0].as_py()


def test_entries_that_stand_twice(tmp_path: Path) -> None:
    """An entry repeated word for word counts once; the same id or pair with other content is rejected."""
    same = copy.deepcopy(FORM_A)
    same["values"] *= 2
    same["edges"] *= 2
    prepared = graph(tmp_path, same)
    assert (0, 3, 1) == (len(prepared.rejects), prepared.repeated, prepared.tables["tallies"].num_rows)
    other = copy.deepcopy(FORM_A)
    other["values"].append(FORM_A["values"][1] | {"title": "Mirth"})
    other["edges"].append(FORM_A["edges"][0] | {"contexts": ["When merry"]})
    assert [2, 3] == [each[0] for each in reasons(graph(tmp_path, other)) if each[1].startswith("values")]


def test_strict_and_known(tmp_path: Path) -> None:
    """Strict takes tallies of known contexts only; edges may name cards that the graph holds."""
    held = known(contexts=[("c1", "When sad"), ("c2", "When lost")], cards=[("15", "Joy")])
    data = changed("values", value=FORM_A["values"][:1])

    assert ["c1", "c2"] == graph(tmp_path, data, known=held, strict=True).tables["tallies"]["contexts"][0].as_py()
    assert ["edges[0].contexts"] == [each[1] for each in reasons(graph(tmp_path, FORM_A, strict=True))]


def test_the_kind_must_fit(tmp_path: Path) -> None:
    """Asking for a moral graph where there is none says what one is."""
    with pytest.raises(InputError, match='lists "values" and "edges"'):
        graph(tmp_path, [{"id": 1}], kind="moral-graph-json")
    with pytest.raises(InputError, match="what the table holds can't be told"):
        take(tmp_path, "id,title\n1,A\n", name="cards.csv", kind="moral-graph-json")
    with pytest.raises(InputError, match="is a moral graph, not a table of cards"):
        graph(tmp_path, FORM_A, kind="cards")
