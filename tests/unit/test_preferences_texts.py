"""Kinds whose texts are written or come from a file: responses and orderings, and the folder they make."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from graphengine.errors import ExportError, InputError, ModelError
from graphengine.models.requests import CUT_OFF, NO_TEXT, Answer, Request
from graphengine.preferences import Form, prompt_rows, write_preferences
from graphengine.preferences.evidence import evidence_of
from graphengine.preferences.orderings import ALONE, EVEN, prompt_name, prompts_by_name, with_prompts
from graphengine.preferences.rendering import text_of
from graphengine.preferences.responses import NO_RESPONSE, RESPONSES, SAME_RESPONSE
from graphengine.preferences.responses_file import read_responses
from graphengine.preferences.texts import REJECTED, WRITTEN, Texts
from graphengine.preferences.writer import Writer
from tests.preference_sources import leaks
from tests.written_sources import CONTEXTS, PAIRS, PAIRS_LEFT, SOURCE, Echo, made, opinion, write_csv

# responses


def test_responses_keep_the_order_and_the_evidence_of_the_graph() -> None:
    """Each pair of cards becomes a pair of answers written for them; only the texts are others."""
    echo = Echo()
    rows = made(Texts(writer=Writer(echo)), "responses")
    assert RESPONSES == rows.table.schema
    same = [name for name in PAIRS.column_names if name not in ("chosen", "rejected")]
    assert PAIRS.select(same).equals(rows.table.select(same))
    assert PAIRS_LEFT == rows.left_out
    first, pair = rows.table.to_pylist()[0], PAIRS.to_pylist()[0]
    request = next(
        each for each in echo.asked
        if text_of(pair["chosen"]) in each.messages[0][1] and each.messages[1][1] == text_of(pair["prompt"])
    )  # fmt: skip
    assert echo.answer(request).text == text_of(first["chosen"])
    assert "echo" == first["generator"]
    assert f"r{request.key(echo.identity)[:24]}" == first["response_ids"][0]


def test_all_values_of_a_context_are_asked_for_once() -> None:
    """Every card of every prompt, both sides by the same settings, none twice."""
    echo = Echo()
    made(Texts(writer=Writer(echo, temperature=0.3, max_tokens=77)), "responses")
    assert len(echo.asked) == len(set(echo.asked))
    assert {(0.3, 77, 0)} == {(each.temperature, each.max_tokens, each.seed) for each in echo.asked}
    pairs = PAIRS.to_pylist()
    cards = {(text_of(row["prompt"]), row[side]) for row in pairs for side in ("chosen_id", "rejected_id")}
    assert len(cards) <= len(echo.asked), "a card that shows fewer parts in one of its pairs is asked for again"


def test_answers_that_are_not_whole_are_left_out_and_counted() -> None:
    """An answer that was cut off, none at all, and two that read the same make no pair."""
    pair = PAIRS.to_pylist()[0]

    def change(request: Request, answer: Answer) -> Answer:
        if request.messages[1][1] != text_of(pair["prompt"]):
            return answer
        if text_of(pair["chosen"]) in request.messages[0][1]:
            return replace(answer, stopped=CUT_OFF)
        return replace(answer, text="Always the same.")

    rows = made(Texts(writer=Writer(Echo(change))), "responses")
    assert 1 == rows.left_out[f"a text is not whole: {CUT_OFF}"]
    assert rows.left_out[NO_RESPONSE] >= 1
    assert pair["pair_id"] not in rows.table.column("pair_id").to_pylist()
    silent = Echo(lambda _, answer: replace(answer, text="", stopped=NO_TEXT))
    assert 0 == made(Texts(writer=Writer(silent)), "responses").table.num_rows
    monotone = made(Texts(writer=Writer(Echo(lambda _, answer: replace(answer, text="Same.")))), "responses")
    assert PAIRS.num_rows == monotone.left_out[SAME_RESPONSE]


def test_responses_for_cards_from_a_file(tmp_path: Path) -> None:
    """Responses that say which card they were written for are ordered by the graph."""
    pair = PAIRS.to_pylist()[0]
    rows = [opinion(pair["context_id"], side, card_id=pair[side]) for side in ("chosen_id", "rejected_id")]
    done = made(Texts(responses=write_csv(tmp_path / "theirs.csv", rows)), "responses")
    (row,) = done.table.to_pylist()
    assert pair["pair_id"] == row["pair_id"]
    assert ["chosen_id", "rejected_id"] == row["response_ids"]
    assert "Text of chosen_id" == text_of(row["chosen"])
    assert "theirs.csv" == row["generator"]


def test_a_response_for_a_duplicate_is_one_for_its_canonical_card(tmp_path: Path) -> None:
    """A file may name a card by the id of one that was merged into it."""
    pair = PAIRS.to_pylist()[0]
    cards = SOURCE.cards.to_pylist()
    cards.append({**cards[0], "id": "merged", "canonical_id": pair["chosen_id"]})
    source = replace(SOURCE, cards=pa.Table.from_pylist(cards, schema=SOURCE.cards.schema))
    rows = [
        opinion(pair["context_id"], "one", card_id="merged"),
        opinion(pair["context_id"], "other", card_id=pair["rejected_id"]),
    ]
    done = Texts(responses=write_csv(tmp_path / "theirs.csv", rows)).rows(source, ["responses"])[0]
    assert [(pair["pair_id"], ["one", "other"])] == [
        (row["pair_id"], row["response_ids"]) for row in done.table.to_pylist()
    ]


# orderings


def test_orderings_become_pairs_with_counts(tmp_path: Path) -> None:
    """Ranks and scores of several raters, with ties: counts per pair, and the evidence that follows from them."""
    ranks = {"a": (1, 1, 2), "b": (2, 3, 1), "c": (2, 2, 3)}
    rows = [
        opinion(CONTEXTS[0], name, rank=rank, rater=f"r{number}")
        for name, each in ranks.items() for number, rank in enumerate(each)
    ]  # fmt: skip
    rows += [opinion(CONTEXTS[1], name, score=score) for name, score in (("x", 0.5), ("y", 7))]
    done = made(Texts(responses=write_csv(tmp_path / "order.csv", rows)), "responses")
    found = {tuple(row["response_ids"]): row for row in done.table.to_pylist()}
    assert {("a", "b"), ("a", "c"), ("y", "x")} == set(found)
    assert {EVEN: 1} == done.left_out, "b and c: one rater each way, one undecided"
    assert [(2, 1, 0), (3, 0, 0), (1, 0, 0)] == [
        tuple(found[each][name] for name in ("wiser", "not_wiser", "unsure"))
        for each in (("a", "b"), ("a", "c"), ("y", "x"))
    ]
    assert [0.6875, 0.9375, 0.75] == pytest.approx(
        [found[each]["p_chosen"] for each in (("a", "b"), ("a", "c"), ("y", "x"))]
    )
    row = found["a", "c"]
    assert 2 * row["p_chosen"] - 1 == pytest.approx(row["weight"])
    assert 1 / 1 + 1 / 2 + 1 / 3 == pytest.approx(row["margin"]), "the expected log odds of Beta(4, 1)"
    assert not any(row[name] is None for name in ("p_chosen_lower", "margin_sd", "wiser_reverse"))
    assert (None, None, None) == (row["chosen_id"], row["rejected_id"], row["ranking_id"])


def test_evidence_does_not_depend_on_who_is_called_chosen() -> None:
    """Turned round, the probability is its complement and the margin its negative."""
    for counts in ((3, 1, 2), (0, 0, 0), (40, 2, 1)):
        there, back = evidence_of(*counts), evidence_of(counts[1], counts[0], counts[2])
        assert 1 - there.p_chosen == pytest.approx(back.p_chosen)
        assert -there.margin == pytest.approx(back.margin)
        assert there.margin_sd == pytest.approx(back.margin_sd)


def test_raters_who_saw_one_response_each_order_nothing(tmp_path: Path) -> None:
    """A rank by one and a rank by another say nothing of which is better."""
    rows = [opinion(CONTEXTS[0], "a", rank=1, rater="one"), opinion(CONTEXTS[0], "b", rank=2, rater="other")]
    done = made(Texts(responses=write_csv(tmp_path / "order.csv", rows)), "responses")
    assert ({ALONE: 1}, 0) == (done.left_out, done.table.num_rows)


def test_bad_rows_are_rejected_with_row_column_and_value(tmp_path: Path) -> None:
    """Each bad row is told with its place; the good ones are taken."""
    good = [opinion(CONTEXTS[0], name, rank=rank, rater="r") for name, rank in (("a", 1), ("b", 2))]
    bad = [
        (opinion("nowhere", "a", rank=1), "prompt_id", "nowhere"),
        (opinion("", "a", rank=1), "prompt_id", ""),
        (opinion(CONTEXTS[0], "c", rank="first"), "rank", "first"),
        (opinion(CONTEXTS[0], "d", rank="0"), "rank", "0"),
        (opinion(CONTEXTS[0], "e", score="nan"), "score", "nan"),
        (opinion(CONTEXTS[0], "f", rank=1, score=2), "rank", "1"),
        (opinion(CONTEXTS[0], "a", rank=1, rater="r"), "rater", "r"),
        (opinion(CONTEXTS[0], "a", rank=1, rater="s") | {"response": "Other"}, "response", "Other"),
        (opinion(CONTEXTS[0], "g", rank=1) | {"response": ""}, "response", ""),
        (opinion(CONTEXTS[0], "h", rank=1, card_id="no-card"), "card_id", "no-card"),
    ]
    told: list[Any] = []
    path = write_csv(tmp_path / "order.csv", [*good, *(row for row, *_ in bad)])
    done = made(Texts(responses=path, rejected=lambda file, rejects: told.append((file, rejects))), "responses")
    ((file, rejects),) = told
    assert path == file
    assert [(number, column, value) for number, (_, column, value) in enumerate(bad, 4)] == [
        (each.row, each.column, each.value) for each in rejects
    ]
    assert {REJECTED: len(bad)} == done.left_out
    assert 1 == done.table.num_rows
    assert "row 4, prompt_id 'nowhere': the graph has no" in str(rejects[0])


def test_rows_of_a_csv_file_are_counted_as_a_spreadsheet_does(tmp_path: Path) -> None:
    """Blank lines count, and a cell of several lines is in one row."""
    path = tmp_path / "order.csv"
    path.write_text('prompt_id,response_id,response\n\np,a,"One\nanswer"\n\np,,b\np,c,C,more\np,d\n', encoding="utf-8")
    table, rejects = read_responses(path)
    assert [3] == table.column("row").to_pylist()
    assert [(5, "response_id"), (6, "the row"), (7, "response")] == [(each.row, each.column) for each in rejects]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_three_formats_say_the_same(ending: str, tmp_path: Path) -> None:
    """CSV, JSONL and Parquet give the same rows, with quotes, line breaks and any language in them."""
    rows = [
        opinion(CONTEXTS[0], str(name), rank=name, rater="r") | {"response": f'Sie sagt: "悲しみ",\n\u2028{name}'}
        for name in (1, 2)
    ]
    path = tmp_path / f"order.{ending}"
    if ending == "csv":
        write_csv(path, rows)
    elif ending == "jsonl":
        path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n", encoding="utf-8")
    else:
        parquet.write_table(pa.Table.from_pylist(rows), path)
    table, rejects = read_responses(path)
    assert not rejects
    assert [(-1.0, 'Sie sagt: "悲しみ",\n\n1'), (-2.0, 'Sie sagt: "悲しみ",\n\n2')] == [
        (row["score"], row["response"]) for row in table.to_pylist()
    ]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", b"prompt,response_id,response\nx,y,z\n", "no column prompt_id, but prompt"),
        ("a.csv", b"prompt_id,response_id,rank\nx,y,1\n", "no column response"),
        ("a.csv", b"", "no column prompt_id"),
        ("a.csv", b"prompt_id,response_id,response\n", "no row that can be used"),
        ("a.csv", b"\xff\xfe\x00", "not UTF-8"),
        ("a.jsonl", b"[1]\n{\n", "no column prompt_id"),
        ("a.parquet", b"PAR1", "can't be read"),
        ("none.csv", None, "can't be read"),
    ],
)
def test_files_that_cannot_be_used_are_errors(name: str, content: bytes | None, told: str, tmp_path: Path) -> None:
    """Missing columns, nothing in it, no such file, another encoding."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=told) as caught:
        read_responses(tmp_path / name)
    assert caught.value.hint


def test_lines_that_are_no_rows_are_rejected(tmp_path: Path) -> None:
    """A line that is no JSON object, a CSV row with too many cells."""
    good = json.dumps(opinion("p", "a"))
    (tmp_path / "a.jsonl").write_text(f"{good}\nnonsense\n[1]\n")
    (tmp_path / "a.csv").write_text("prompt_id,response_id,response\np,a,text\np,b,more,and more\n")
    for name, places in (("a.jsonl", [2, 3]), ("a.csv", [3])):
        table, rejects = read_responses(tmp_path / name)
        assert 1 == table.num_rows
        assert places == [each.row for each in rejects]


def test_prompts_have_names() -> None:
    """A context by id, a scenario by id, and every prompt by both: the prompts are those of the kind `prompts`."""
    named = prompts_by_name(SOURCE)
    for row in prompt_rows(SOURCE)[0].to_pylist():
        place = named[prompt_name(row["context_id"], row["scenario_id"])]
        assert (text_of(row["prompt"]), row["scenario_id"]) == (place["prompt"], place["scenario_id"])
    assert {*SOURCE.contexts.column("id").to_pylist(), *SOURCE.scenarios.column("id").to_pylist()} <= set(named)


# together


def test_the_kinds_of_a_folder_share_their_splits(tmp_path: Path) -> None:
    """Written kinds lie beside the others in one folder, without a leak, the same bytes each time."""
    texts = Texts(writer=Writer(Echo()), negatives=True)
    digests = set()
    for name in ("one", "two"):
        done = write_preferences(
            SOURCE, tmp_path / name, kinds=("cards",), more=texts.rows(SOURCE, WRITTEN), command="made by a test"
        )
        digests.add(done.sha256)
    assert 1 == len(digests)
    assert {"cards", *WRITTEN} == set(done.kinds)
    of: dict[str, set[str]] = {}
    for kind in done.kinds:
        splits = {path.stem: parquet.read_table(path) for path in (tmp_path / "one" / kind).iterdir()}
        if kind in ("cards", "responses"):
            assert not leaks(splits, SOURCE)
        for split, table in splits.items():
            for context in table.column("context_id").to_pylist():
                of.setdefault(context, set()).add(split)
    assert all(1 == len(splits) for splits in of.values())
    readme = (tmp_path / "one" / "README.md").read_text()
    assert all(f"config_name: {kind}" in readme for kind in WRITTEN)
    assert "localhost" not in readme


def test_nothing_is_written_that_a_split_would_leave_out(tmp_path: Path) -> None:
    """What straddles two splits is left out before anybody writes, so written rows and coverage are those written."""
    for kind in WRITTEN:
        (rows,) = Texts(writer=Writer(Echo())).rows(SOURCE, [kind])
        done = write_preferences(SOURCE, tmp_path / kind, more=[rows])
        assert rows.table.num_rows == done.pairs
        assert rows.left_out == done.left_out


def test_raters_are_not_named_in_the_folder(tmp_path: Path) -> None:
    """Who rated, and rows that were rejected, stay out of what is published."""
    rows = [
        opinion(context, name, rank=rank, rater="anna@example.org")
        for context in CONTEXTS for name, rank in (("a", 1), ("b", 2))
    ]  # fmt: skip
    rows.append(opinion("anna's secret", "a", rank=1))
    texts = Texts(responses=write_csv(tmp_path / "order.csv", rows))
    write_preferences(SOURCE, tmp_path / "out", kinds=(), more=texts.rows(SOURCE, ["responses"]))
    for path in (tmp_path / "out").rglob("*"):
        assert path.is_dir() or b"anna" not in path.read_bytes()


def test_what_is_missing_is_told() -> None:
    """Nobody to write, nobody to rate, no such kind."""
    for kind, told in (("responses", "nobody writes"), ("adherence", "nobody rates"), ("other", "no kind 'other'")):
        with pytest.raises(ExportError, match=told) as caught:
            made(Texts(), kind)
        assert caught.value.hint


def test_a_failing_generator_fails_the_export() -> None:
    """What a generator says of itself reaches the user, and nothing is written."""

    def fail(request: Request, answer: Answer) -> Answer:
        raise ModelError("the endpoint is tired", hint="let it rest")

    with pytest.raises(ModelError, match="tired"):
        made(Texts(writer=Writer(Echo(fail))), "responses")


def test_rows_without_a_prompt_in_the_graph_are_an_error(tmp_path: Path) -> None:
    """A file that is about another graph."""
    path = write_csv(tmp_path / "order.csv", [opinion("elsewhere", "a", rank=1)])
    table, _ = read_responses(path)
    assert 0 == with_prompts(table, SOURCE)[0].num_rows
    with pytest.raises(InputError, match="no row that can be used; the first: row 2, prompt_id 'elsewhere'"):
        made(Texts(responses=path), "responses")


@pytest.mark.parametrize("format_", ["jsonl", "openrlhf", "verl"])
def test_written_kinds_in_other_formats(format_: str, tmp_path: Path) -> None:
    """Every format that has a form for a kind writes as many rows as there are; verl takes sft only."""
    kinds = ("sft",) if format_ == "verl" else WRITTEN
    rows = Texts(writer=Writer(Echo())).rows(SOURCE, kinds)
    done = write_preferences(SOURCE, tmp_path / "out", more=rows, form=Form(format=format_))
    for kind in kinds:
        written = 0
        for path in (tmp_path / "out" / kind).iterdir():
            written += (
                parquet.read_table(path).num_rows if path.suffix == ".parquet"
                else len(path.read_text(encoding="utf-8").splitlines())
            )  # fmt: skip
        assert done.kinds[kind]["rows"] == written > 0


def test_plain_text_in_written_kinds(tmp_path: Path) -> None:
    """Texts instead of messages, in all columns that hold messages."""
    rows = Texts(writer=Writer(Echo()), negatives=True).rows(SOURCE, WRITTEN)
    write_preferences(SOURCE, tmp_path / "out", more=rows, form=Form(plain=True))
    for kind, columns in (("responses", ("prompt", "chosen")), ("sft", ("completion", "negative", "revision"))):
        table = parquet.read_table(tmp_path / "out" / kind / "train.parquet")
        assert [pa.string()] * len(columns) == [table.schema.field(name).type for name in columns]
