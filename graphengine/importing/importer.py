"""From a file to truth tables."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphengine.errors import InputError
from graphengine.importing import cards, objects, scenes, votes, wide
from graphengine.importing import mapping as maps
from graphengine.importing.delimited import read_delimited
from graphengine.importing.model import Known, Prepared
from graphengine.importing.moral_graph import is_moral_graph, take_moral_graph
from graphengine.importing.scan import check_file, sha256_of
from graphengine.importing.source import Source
from graphengine.importing.votes import Taken

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa

FORMATS = ("csv", "tsv", "jsonl", "json", "parquet")
_ENDINGS = {".csv": "csv", ".txt": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl",
            ".json": "json", ".parquet": "parquet", ".pq": "parquet"}
HINT_FIELDS = frozenset(each for needed, possible in maps.FIELDS.values() for each in needed + possible)


def prepare(
    path: str | os.PathLike[str],
    *,
    known: Known,
    pseudonym: Callable[[pa.Array], pa.Array],
    mapping: Path | None = None,
    format: str | None = None,
    kind: str | None = None,
    prefix: str = "",
    groups: Sequence[str] = (),
    strict: bool = False,
) -> Prepared:
    r"""Turn a file into truth tables and rejects.

    Nothing is stored and nothing is compared with answers that the graph holds; that is the store's part.

    Args:
        path: The file.
        known: What the graph holds.
        pseudonym: From an array of distinct raw participant ids to an array of their pseudonyms.
        mapping: A map.toml; without one, columns are found by their names.
        format: One of csv, tsv, jsonl, json, parquet; by default from the file's name and beginning.
        kind: One of votes, votes-wide, cards, scenarios, contexts, moral-graph-json; by default from the columns.
        prefix: Put before the ids of cards, contexts, scenarios and participants, so that two studies that use the
            same ids don't meet. Ids are otherwise kept as they are, less white space around them.
        groups: Columns to keep as group variables.
        strict: Reject rows that name cards, contexts or scenarios the graph does not hold.

    Returns:
        The tables, the rejects, and what to report.

    Raises:
        InputError: If the file can't be read as a table, or a needed column is missing.
        MappingError: If map.toml does not fit.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder, "votes.csv")
        ...     _ = file.write_text("participant,context,from_value,to_value,answer\np1,When lost,a,b,yes\n")
        ...     prepared = prepare(file, known=Known(), pseudonym=lambda people: people)
        >>> prepared.tables["votes"].num_rows, prepared.stub_cards, len(prepared.rejects)
        (1, ['a', 'b'], 0)
    """
    file = Path(path)
    check_file(file)
    _one_of("format", format, FORMATS)
    _one_of("kind", kind, maps.KINDS)
    wanted = maps.read_mapping(Path(mapping)) if mapping is not None else maps.Mapping()
    # The hash is taken beside the reading: it needs a core of its own and nothing else.
    with ThreadPoolExecutor(1) as pool:
        file_sha256 = pool.submit(sha256_of, file)
        opened = open_source(file, format, kind or wanted.kind)
        options = {"prefix": prefix, "strict": strict}
        if not isinstance(opened, Source):
            source, taken = take_moral_graph(file, opened, known, prefix, strict=strict)
            return _prepared(source, "moral-graph-json", taken, wanted.sha256(**options), file_sha256.result())
        found = kind or wanted.kind or ("votes-wide" if wanted.wide else maps.find_kind(opened.columns, file.stem))
        if found is None or found == "moral-graph-json":
            raise InputError(
                f"{file.name}: what the table holds can't be told from its columns: {', '.join(opened.columns)}",
                hint=f"say which with --kind ({', '.join(maps.FIELDS)}), or map them: graphengine sniff {file.name}",
                file=str(file), columns=list(opened.columns),
            )
        chosen = maps.resolve(wanted, found, opened.own_columns(), groups, file.name)
        taken, chosen = _take(opened, chosen, known, pseudonym, prefix, strict=strict)
        _name_left_out(opened, chosen, taken)
        return _prepared(opened, found, taken, chosen.sha256(**options), file_sha256.result())


def _one_of(what: str, value: str | None, allowed: Sequence[str]) -> None:
    if value is not None and value not in allowed:
        raise InputError(
            f'{what} "{value}" is not known{maps.closest(value, allowed)}', hint=f"one of {', '.join(allowed)}"
        )


def open_source(file: Path, format: str | None, kind: str | None) -> Source | Any:
    """Read a file; a published moral graph comes as its JSON.

    Raises:
        InputError: If it can't be read as a table or a moral graph.
    """
    try:
        return _open(file, format, kind)
    except OSError as error:
        raise InputError(
            f"{file} can't be read to its end: {error.strerror or error}", hint="check the disk, or copy the file",
            file=str(file),
        ) from error


def _open(file: Path, format: str | None, kind: str | None) -> Source | Any:
    format = format or find_format(file)
    if format == "parquet":
        return objects.read_parquet(file)
    if format == "jsonl":
        return objects.read_jsonl(file)
    if format != "json":
        return read_delimited(file, format, HINT_FIELDS)
    data = objects.read_json_file(file)
    if kind == "moral-graph-json" or (kind is None and is_moral_graph(data)):
        return data
    if isinstance(data, list):
        return objects.read_records(file, data)
    if is_moral_graph(data):
        raise InputError(
            f"{file} is a moral graph, not a table of {kind}",
            hint="import it without --kind, or with --kind moral-graph-json", file=str(file),
        )
    raise InputError(
        f"{file}: the JSON is neither a list of records nor a moral graph"
        + (f" (its keys: {', '.join(list(data)[:8])})" if isinstance(data, dict) else f" but {type(data).__name__}"),
        hint='a moral graph has "values" and "edges"; a table is a list of objects', file=str(file),
    )


def find_format(file: Path) -> str:
    """Format from the beginning of a file, its name, or both."""
    with file.open("rb") as opened:
        head = opened.read(4096)
    if head.startswith(b"PAR1"):
        return "parquet"
    by_name = _ENDINGS.get(file.suffix.lower())
    if by_name:
        return by_name
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"["):
        return "json"
    if start.startswith(b"{"):
        # An object that is closed on the first line stands alone on it.
        return "jsonl" if start.split(b"\n", 1)[0].rstrip().endswith(b"}") else "json"
    return "csv"


def _take(
    source: Source, mapping: maps.Mapping, known: Known, pseudonym: Callable[[pa.Array], pa.Array], prefix: str,
    *, strict: bool,
) -> tuple[Taken, maps.Mapping]:
    """Read by kind; also the mapping with what was recognised on the way."""
    if mapping.kind == "cards":
        return cards.take_cards(source, mapping, known, pseudonym, prefix, strict=strict), mapping
    if mapping.kind == "scenarios":
        return scenes.take_scenarios(source, mapping, known, prefix, strict=strict), mapping
    if mapping.kind == "contexts":
        return scenes.take_contexts(source, mapping, known, prefix), mapping
    dropped = 0
    if mapping.kind == "votes-wide":
        mapping, dropped = wide.long_form(source, mapping)
    else:
        votes.long_form(source, mapping)
    taken = votes.take_votes(source, mapping, known, pseudonym, prefix, strict=strict)
    return replace(taken, dropped=taken.dropped + dropped, read=taken.read + dropped), mapping


def _name_left_out(source: Source, mapping: maps.Mapping, taken: Taken) -> None:
    used = {*mapping.columns.values(), *mapping.groups.values(), *(question.column for question in mapping.wide)}
    rest = [column for column in source.own_columns() if column not in used]
    if rest:
        taken.notes.append(f"Columns left out, nothing of them is stored: {', '.join(rest)}.")


def _prepared(source: Source, kind: str, taken: Taken, mapping_sha256: str, file_sha256: str) -> Prepared:
    notes = source.notes + taken.notes
    for what, ids in (("card", taken.stub_cards), ("context", taken.stub_contexts)):
        if ids:
            shown = ", ".join(ids[:5]) + (", …" if len(ids) > 5 else "")
            notes.append(f"{len(ids)} new {what}{'s' * (len(ids) > 1)} known by name only: {shown}.")
    rejects = source.rejects()
    broken = source.count("broken")
    source.con.close()
    return Prepared(
        {name: table for name, table in taken.tables.items() if table.num_rows or name == kind.removesuffix("-wide")},
        source.format, kind, taken.read + broken, rejects, notes, list(taken.new_cards), list(taken.new_contexts),
        list(taken.stub_cards), list(taken.stub_contexts), file_sha256, mapping_sha256,
        taken.repeated, taken.dropped,
    )
