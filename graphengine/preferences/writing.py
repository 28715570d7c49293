"""From a source to a dataset folder."""

from __future__ import annotations

import shlex
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphengine.errors import ExportError
from graphengine.preferences import formats, prompts, unpaired
from graphengine.preferences.dataset_card import dataset_card
from graphengine.preferences.disjoint import card_disjoint
from graphengine.preferences.folder import MANIFEST, check, new_folder, sha256
from graphengine.preferences.form import Form
from graphengine.preferences.kinds import Rows
from graphengine.preferences.manifest import contexts_of, manifest_of, notes_of
from graphengine.preferences.pairs import CARDS, NO_TEXT, preference_pairs
from graphengine.preferences.splits import share, split_of_contexts

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import pyarrow as pa

    from graphengine.preferences.source import Source

KINDS = ("cards", "unpaired", "prompts")
"""The kinds that follow from the graph alone."""


@dataclass(frozen=True)
class ExportSummary:
    """What an export wrote.

    Attributes:
        path: The folder.
        pairs: Number of rows of the first kind.
        splits: Rows by split of the first kind; only splits that exist.
        sha256: Of the manifest, which holds the sha256 of every other file.
        left_out: What could not be exported as the first kind, by reason.
        contexts: Ids of the contexts that the rows are from, sorted.
        data_hash: The state of the votes that the ranking was made from.
        notes: What the user should know.
        kinds: Of every kind: `rows`, `splits`, `left_out`.
    """

    path: Path
    pairs: int
    splits: dict[str, int]
    sha256: str
    left_out: dict[str, int]
    contexts: tuple[str, ...]
    data_hash: str
    notes: tuple[str, ...]
    kinds: dict[str, dict[str, Any]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The shape of `export preferences --json`."""
        return {
            "ok": True,
            "path": str(self.path),
            "pairs": self.pairs,
            "splits": self.splits,
            "sha256": self.sha256,
            "left_out": self.left_out,
            "notes": list(self.notes),
            "kinds": self.kinds,
        }


def write_preferences(
    source: Source,
    out: str | os.PathLike[str],
    *,
    kinds: Sequence[str] = (),
    more: Sequence[Rows] = (),
    all_scenarios: bool = False,
    form: Form | None = None,
    force: bool = False,
    command: str = "",
    options: str = "",
) -> ExportSummary:
    """Write a dataset folder of the kinds that follow from the graph, and of rows made elsewhere.

    Args:
        source: The tables of the graph.
        out: The folder; `datasets.load_dataset(str(out))` opens it.
        kinds: Names of `KINDS`; all that the format knows where none is named and there is nothing `more`.
        more: Rows of other kinds.
        all_scenarios: Short for a form with `all_scenarios`.
        form: How it is written.
        force: Replace an earlier export in `out`.
        command: See `write_folder`.
        options: See `write_folder`.

    Raises:
        ExportError: If no row is left, or `out` holds something else, or can't be written.
    """
    form = form or Form()
    if all_scenarios:
        form = replace(form, all_scenarios=True)
    form.check()
    check(Path(out).resolve(), force=force)
    known = formats.kinds_of(form.format) or KINDS
    wanted = tuple(kinds) or (() if more else tuple(kind for kind in KINDS if kind in known))
    if unknown := [kind for kind in wanted if kind not in KINDS]:
        raise ExportError(f"the kind {unknown[0]!r} does not follow from the graph alone",
                          hint=f"one of: {', '.join(KINDS)}")
    pairs, left_out = None, {}
    if {"cards", "unpaired"} & {*wanted}:
        pairs, left_out = preference_pairs(source, **form.of_pairs())
    made: list[Rows] = []
    for kind in wanted:
        if kind == "prompts":
            table, left = prompts.prompt_rows(source, render=form.render)
            made.append(Rows(prompts.KIND, table, left))
        elif pairs is not None:
            made.append(Rows(CARDS if kind == "cards" else unpaired.KIND, pairs, left_out))
    return write_folder(source, out, [*made, *more], form=form, force=force, command=command,
                        options=options)


def write_folder(
    source: Source,
    out: str | os.PathLike[str],
    rows: Sequence[Rows],
    *,
    form: Form | None = None,
    force: bool = False,
    command: str = "",
    options: str = "",
) -> ExportSummary:
    """Share rows out among the splits and write `<kind>/<split>.…`, `README.md` and `manifest.json`.

    The folder is written under another name beside `out` and renamed at the end. The same source and rows give the same
    bytes, wherever it is written. A kind of which no row is left is not written, and the summary says so; of the first
    one there must be rows.

    Args:
        source: What the rows were made from.
        out: The folder.
        rows: At least one kind; the first is the one that `load_dataset` opens where none is named.
        form: How it is written; what it says of making rows is only told.
        force: Replace an earlier export in `out`.
        command: The command for the dataset card, in which the path is told as OUT, so that it does not change the
            bytes; left out, it follows from kinds and form.
        options: What to add to a command that follows from kinds and form.

    Raises:
        ExportError: If no row is left, the format has no form for a kind, or `out` holds something else, or can't be
            written.
    """
    form = form or Form()
    form.check()
    out = Path(out)
    check(out.resolve(), force=force)
    _check_kinds(rows, form, source)
    if not rows[0].table.num_rows:
        raise _nothing_left(source, rows[0], out)
    shared = _shared(source, rows, form)
    if not shared[0][0]:
        raise _nothing_left(source, Rows(rows[0].kind, rows[0].table, shared[0][1]), out)
    # What is told and what is written: a form for another trainer has columns of its own.
    kept = [(made, splits, left) for made, (splits, left) in zip(rows, shared, strict=True)]
    command = _command(command, out) if command else _usual_command(rows, form) + options
    notes = notes_of(source, kept)
    with new_folder(out, force=force) as folder:
        for made, splits, _ in kept:
            for name, table in splits.items():
                path = folder / made.kind.name / f"{name}.{formats.FORMATS[form.format]}"
                formats.write(formats.shaped(made.kind.name, table, form.format, plain=form.plain), path, form.format)
        card = dataset_card(source, [each for each in kept if each[1]], form, notes, command)
        (folder / "README.md").write_text(card, encoding="utf-8", newline="\n")
        manifest = manifest_of(source, kept, folder, form=form, command=command)
        (folder / MANIFEST).write_text(manifest, encoding="utf-8", newline="\n")
        digest = sha256(folder / MANIFEST)
    told = {made.kind.name: _told(splits, left) for made, splits, left in kept}
    first = told[rows[0].kind.name]
    return ExportSummary(
        path=out,
        pairs=first["rows"],
        splits=first["splits"],
        sha256=digest,
        left_out=first["left_out"],
        contexts=tuple(sorted(set().union(*(contexts_of(table) for _, each, _ in kept for table in each.values())))),
        data_hash=source.ranking.get("data_hash") or "",
        notes=notes,
        kinds=told,
    )


def _shared(
    source: Source, rows: Sequence[Rows], form: Form
) -> list[tuple[dict[str, pa.Table], dict[str, int]]]:
    """The splits of each kind as they are written, and what was left out of it."""
    shared = share([made.table for made in rows], source, split_of_contexts(source), form.render)
    lefts = [{**made.left_out, **left} for made, (_, left) in zip(rows, shared, strict=True)]
    splits = [each for each, _ in shared]
    if form.card_disjoint:
        apart = card_disjoint(splits, source)
        lefts = [{**left, **more} for left, (_, more) in zip(lefts, apart, strict=True)]
        splits = [each for each, _ in apart]
    found = []
    for made, each, left in zip(rows, splits, lefts, strict=True):
        done = {name: made.kind.finish(table) if made.kind.finish else table for name, table in each.items()}
        if source.images is not None:
            done = {name: formats.with_images(table, source.images) for name, table in done.items()}
        found.append(({name: table for name, table in done.items() if table.num_rows}, left))
    return found


def _check_kinds(rows: Sequence[Rows], form: Form, source: Source) -> None:
    known = formats.kinds_of(form.format)
    if unknown := [made.kind.name for made in rows if known and made.kind.name not in known]:
        raise ExportError(
            f"{form.format} has no form for the kind {unknown[0]}",
            hint=f"it has one for: {', '.join(known)}; or choose another --format",
        )
    if source.images is not None and form.format != "parquet":
        raise ExportError(f"{form.format} has no place for images", hint="leave --format out, or --images")


def _command(command: str, out: Path) -> str:
    with suppress(ValueError):  # words with an open quote: told as they are
        command = shlex.join("OUT" if word == str(out) else word for word in shlex.split(command))
    return command


def _usual_command(rows: Sequence[Rows], form: Form) -> str:
    named = tuple(made.kind.name for made in rows)
    told = "" if named == KINDS else "".join(f" --kind {name}" for name in named)
    return f"graphengine export preferences OUT{told}{form.options()}"


def _told(splits: dict[str, pa.Table], left_out: dict[str, int]) -> dict[str, Any]:
    rows = {name: table.num_rows for name, table in splits.items()}
    return {"rows": sum(rows.values()), "splits": rows, "left_out": left_out}


def _nothing_left(source: Source, made: Rows, out: Path) -> ExportError:
    if made.kind.name not in KINDS:
        reasons = ", ".join(f"{reason}: {number}" for reason, number in made.left_out.items())
        return ExportError(f"there is no row of the kind {made.kind.name}" + (f" ({reasons})" if reasons else ""),
                           hint="see what it is made from", path=out)
    edges = source.edges if source.candidates is None else source.candidates
    if not edges.num_rows and not made.left_out:
        return ExportError(
            "the graph has no wiser edges, so there is nothing to export", hint="run: graphengine rank", path=out
        )
    reasons = ", ".join(f"{reason}: {number}" for reason, number in made.left_out.items())
    hint = "run: graphengine rank"
    if NO_TEXT in made.left_out:
        hint = "import the texts of the cards: graphengine import cards.csv (graphengine template shows its form)"
    return ExportError(f"no pair is left of {edges.num_rows} wiser edges ({reasons})", hint=hint, path=out)
