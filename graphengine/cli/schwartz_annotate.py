"""Making labelled rows: answers by models, a model's labels, people's corrections."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from graphengine.cli import output
from graphengine.cli.output import count, say
from graphengine.cli.running import json_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphengine.models.requests import Generator
    from graphengine.schwartz.annotate import Ask
    from graphengine.schwartz.review import Reviewed

_PATH = click.Path(path_type=Path)
# Written out, since `--help` must not load the room; a test holds them against it.
POLICIES = ("fulcra_deck", "fulcra_code", "schwartz")
_WHO = "A model: its folder, or NAME@URL for a chat endpoint (key in GRAPHENGINE_API_KEY)."


@click.command()
@click.argument("prompts", type=_PATH)
@click.argument("out", type=_PATH)
@click.option("--responder", "responders", multiple=True, required=True, metavar="MODEL",
              help=f"Who answers; may be given again. {_WHO}")
@click.option("--labeller", required=True, metavar="MODEL", help="Who labels first; a model likewise.")
@click.option("--policy", type=click.Choice(POLICIES), default="schwartz", show_default=True,
              help="Where items stand among the ten values.")
@click.option("--temperature", type=click.FloatRange(0, 2), default=1.0, show_default=True, metavar="T",
              help="How much chance is in an answer; labels have none.")
@click.option("--max-tokens", type=click.IntRange(1), default=512, show_default=True, metavar="N",
              help="The longest answer, in tokens.")
@click.option("--budget", type=click.IntRange(0), default=1_000_000, show_default=True, metavar="TOKENS",
              help="The most tokens that each endpoint may be asked for in this run.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of what is drawn.")
@json_option
def annotate(
    *, prompts: Path, out: Path, responders: tuple[str, ...], labeller: str, policy: str, temperature: float,
    max_tokens: int, budget: int, seed: int, as_json: bool,
) -> int:
    """Make labelled rows for PROMPTS in the folder OUT.

    Every model answers every prompt, one model labels every answer: which of the 58 items it supports or goes against.
    OUT/rows.jsonl has the rows, OUT/review.csv is for people: they fill in `items` with ok, none, or what it should
    be; `schwartz review OUT` reads it back. What was asked is kept in OUT/transcripts and not asked again. Exit code 3
    where an answer or its labels could not be read; OUT/unlabelled.csv says which.

    \b
      graphengine schwartz annotate prompts.txt labelled --responder models/a --responder models/b --labeller big@URL
      graphengine schwartz review labelled
    """  # noqa: D301
    import csv
    import io

    from graphengine.errors import InputError
    from graphengine.schwartz import annotate as room
    from graphengine.schwartz.review import sheet
    from graphengine.schwartz.rows import write_rows
    from graphengine.schwartz.target_files import write_whole

    asked = room.read_prompts(prompts)
    if (out / "review.csv").exists():
        raise InputError(f"{out / 'review.csv'} is there already, and people may have written into it",
                         hint="name another folder, or move the sheet away", file=out / "review.csv")
    with ExitStack() as stack, output.working("answering and labelling"):
        by_spec = {spec: _open(spec, out, budget, stack) for spec in dict.fromkeys([*responders, labeller])}
        names = _names([by_spec[spec] for spec in dict.fromkeys(responders)])
        asks = {name: _ask(who, temperature=temperature, max_tokens=max_tokens, seed=seed)
                for name, who in names.items()}
        judge = by_spec[labeller]
        found = room.annotate(asked, asks, _ask(judge, temperature=0.0, max_tokens=800, seed=seed, as_json=True),
                              by=judge.name, policy=policy)
    if not found.rows:
        reasons = "; ".join(dict.fromkeys(each.reason for each in found.unlabelled))
        raise InputError(f"no answer could be labelled: {reasons}", hint="try another labeller")
    write_rows(found.rows, out / "rows.jsonl")
    if found.unlabelled:
        told = io.StringIO(newline="")
        csv.writer(told).writerows([("prompt", "responder", "reason"), *found.unlabelled])
        write_whole(out / "unlabelled.csv", told.getvalue())
    write_whole(out / "review.csv", sheet(found.rows))
    if as_json:
        output.show_json({
            "ok": True, "out": str(out), "prompts": len(asked), "responders": list(names), "labeller": judge.name,
            "rows": len(found.rows), "unlabelled": [each._asdict() for each in found.unlabelled],
        })
    else:
        say(f"wrote {count(len(found.rows), 'row')} ({count(len(asked), 'prompt')}, answers by {', '.join(names)}, "
            f"labels by {judge.name}) to {out / 'rows.jsonl'}")
        if found.unlabelled:
            output.warn(f"{count(len(found.unlabelled), 'answer')} without labels: see {out / 'unlabelled.csv'}")
        say(f"for people: {out / 'review.csv'}; then: graphengine schwartz review {out}")
    return output.REJECTED if found.unlabelled else output.DONE


def _open(spec: str, out: Path, budget: int, stack: ExitStack) -> Generator:
    """A model by its folder or NAME@URL, with a transcript of its own."""
    import hashlib

    from graphengine.models.chat import Budget, ChatClient
    from graphengine.models.generator import LocalGenerator
    from graphengine.models.transcript import Transcript

    name, at, url = spec.partition("@")
    kept = out / "transcripts" / f"{hashlib.sha256(spec.encode()).hexdigest()[:16]}.jsonl"
    if at and "://" in url:
        client = ChatClient(name, url, budget=Budget(budget))
        client.transcript = stack.enter_context(Transcript(kept))
        return client
    local = LocalGenerator(spec)
    _ = local.identity  # a folder that is none is told before anything is asked
    local.transcript = stack.enter_context(Transcript(kept))
    return local


def _names(who: Sequence[Generator]) -> dict[str, Generator]:
    """Generators by name; a number tells those of the same name apart."""
    found: dict[str, Generator] = {}
    for each in who:
        name, number = each.name, 2
        while name in found:
            name, number = f"{each.name} ({number})", number + 1
        found[name] = each
    return found


def _ask(who: Generator, *, temperature: float, max_tokens: int, seed: int, as_json: bool = False) -> Ask:
    from graphengine.models.requests import Request

    def ask(questions: Sequence[tuple[str, str]]) -> list[str]:
        requests = [
            Request.of(told, asked, temperature=temperature, max_tokens=max_tokens, seed=seed, json=as_json)
            for told, asked in questions
        ]
        return [each.text for each in who.complete(requests)]

    return ask


@click.command()
@click.argument("out", type=_PATH)
@click.option("--sheet", "sheets", multiple=True, type=_PATH, metavar="CSV",
              help="A filled sheet; one for each person.  [default: OUT/review.csv]")
@click.option("--policy", type=click.Choice(POLICIES), default="schwartz", show_default=True,
              help="Where items stand among the ten values.")
@json_option
def review(*, out: Path, sheets: tuple[Path, ...], policy: str, as_json: bool) -> None:
    """Read the corrections of people back into the folder OUT.

    Writes OUT/reviewed.jsonl: the rows that somebody looked at, with the items that more than half of those who looked
    agree on. Says how far people agree with the model and with each other. Whoever sees the model's labels first tends
    to agree with them, so agreement with the model is an upper bound.

    \b
      graphengine schwartz review labelled
      graphengine schwartz review labelled --sheet ann.csv --sheet bo.csv
    """  # noqa: D301
    from graphengine.errors import InputError
    from graphengine.schwartz.review import read_sheet
    from graphengine.schwartz.review import review as put_in
    from graphengine.schwartz.rows import read_rows, write_rows

    rows = read_rows(out / "rows.jsonl")
    found = put_in(rows, [read_sheet(each, rows) for each in sheets or (out / "review.csv",)], policy)
    if not found.looked_at:
        raise InputError("nobody has filled in `items` of a row", hint="write ok, none, or the items as they should be")
    write_rows([row for row in found.rows if "reviewed_by" in row.more], out / "reviewed.jsonl")
    if as_json:
        output.show_json({"ok": True, "out": str(out / "reviewed.jsonl"), **found.as_json()})
        return
    _show(found)
    say(f"wrote {count(found.looked_at, 'row')} to {out / 'reviewed.jsonl'}")


def _show(found: Reviewed) -> None:
    say(f"{found.looked_at:,} of {count(len(found.rows), 'row')} looked at, {found.changed:,} changed")
    for told, agreements in (("people and the model (an upper bound: they saw its labels)", found.with_model),
                             ("people among themselves", found.between)):
        if agreements is not None:
            say()
            say(told)
            output.show_rows([each._asdict() for each in agreements],
                             {"name": "value", "cells": "cells", "same": "same", "kappa": "kappa", "said": "not 0",
                              "same_said": "same of these"})
    if found.undecided:
        listed = ", ".join(f"row {row} {item}" for row, item in found.undecided[:5])
        output.warn(f"{count(len(found.undecided), 'item')} on which people are split have no label: {listed}")

