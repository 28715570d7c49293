"""The query files: what `cypher/` holds, with typed headers that are checked.

A file starts with comment lines: purpose, then `// param NAME: TYPE [= DEFAULT]  meaning` for each parameter and
`// returns NAME: TYPE, …` for the columns (`// order: NAME, …` where the text itself can't sort, as after UNION).
Types: string, int, float, bool, [string], rows (a list of maps to write). Both engines return what the header says, as
the same Arrow schema.
"""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from graphengine.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Sequence

TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "[string]": pa.list_(pa.string()),
}
_PYTHON: dict[str, tuple[type, ...]] = {
    "string": (str,), "int": (int,), "float": (int, float), "bool": (bool,), "[string]": (list, tuple),
    "rows": (list, tuple),
}
_PARAM = re.compile(r"// param (\w+): (\[string\]|\w+)(?: = (\"[^\"]*\"|[\w.\-]+))?(?:\s+(.*))?$")
_COLUMN = re.compile(r"(\w+): (\[string\]|\w+)")


@dataclass(frozen=True)
class Parameter:
    """A parameter of a query file."""

    name: str
    type: str
    meaning: str
    default: Any = None
    required: bool = True


@dataclass(frozen=True)
class Query:
    """One query file.

    Attributes:
        name: The file's name without suffix.
        purpose: Its first comment line.
        parameters: Its parameters by name.
        columns: Name and type of each returned column; empty for a file that writes.
        order: Columns that the result is sorted by after it was read.
        statements: Its statements, without comments or trailing semicolons.
        public: Whether people may run it by name: a file of `cypher/read`, not one of an engine's own.
    """

    name: str
    purpose: str
    parameters: dict[str, Parameter]
    columns: dict[str, str]
    order: tuple[str, ...]
    statements: tuple[str, ...]
    text: str = field(repr=False)
    public: bool = False

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema that the header promises."""
        return pa.schema([(name, TYPES[kind]) for name, kind in self.columns.items()])

    @cached_property
    def row_type(self) -> pa.StructType:
        """The schema as the type of one row."""
        return pa.struct(list(self.schema))

    def bind(self, given: dict[str, Any]) -> dict[str, Any]:
        """The parameters to run with: defaults filled in, names and types checked.

        A missing parameter is an error, never null: an engine would answer with nothing and say nothing.

        Raises:
            QueryError: If a parameter is missing, unknown, or of another type.
        """
        for name in given:
            if name not in self.parameters:
                raise self._refused(f"unknown parameter {name!r}")
        bound: dict[str, Any] = {}
        for name, parameter in self.parameters.items():
            if name not in given:
                if parameter.required:
                    raise self._refused(f"parameter {name!r} is missing")
                bound[name] = parameter.default
                continue
            value, kinds = given[name], _PYTHON[parameter.type]
            if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
                raise self._refused(f"parameter {name!r} is {value!r}, not a {parameter.type}")
            bound[name] = value
        return bound

    def _refused(self, why: str) -> QueryError:
        usage = ", ".join(f"{p.name} ({p.type}{'' if p.required else f', default {p.default!r}'})"
                          for p in self.parameters.values())
        hint = f"parameters of {self.name}: {usage or 'none'}"
        return QueryError(f"query {self.name}: {why}", hint=hint, query=self.name)

    def parse(self, given: dict[str, str]) -> dict[str, Any]:
        """Parameters typed on a command line, as text, turned into what the header says.

        Raises:
            QueryError: If a value is not of its parameter's type.
        """
        parsed: dict[str, Any] = {}
        for name, text in given.items():
            kind = self.parameters[name].type if name in self.parameters else "string"
            try:
                parsed[name] = text if kind == "string" else json.loads(text)
            except ValueError:
                raise self._refused(f"parameter {name!r} is {text!r}, not a {kind} (lists are typed as JSON)") from None
        return parsed


def root() -> Path:
    """The folder of the query files: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_cypher"
    return installed if installed.is_dir() else package.parent / "cypher"


def statements(text: str) -> tuple[str, ...]:
    r"""The statements of a Cypher text, without comments, split at `;` outside strings and backticks.

    Example:
        >>> statements("// two\nMATCH (n) RETURN ';'; RETURN 1;")
        ("MATCH (n) RETURN ';'", 'RETURN 1')
    """
    found: list[str] = []
    buffer: list[str] = []
    position = 0
    while position < len(text):
        char = text[position]
        if char in "'\"`":
            end = position + 1
            while end < len(text) and text[end] != char:
                end += 2 if text[end] == "\\" and char != "`" else 1
            buffer.append(text[position : end + 1])
            position = end + 1
        elif text.startswith("//", position):
            end = text.find("\n", position)
            position = len(text) if end < 0 else end
        elif text.startswith("/*", position):
            end = text.find("*/", position)
            position = len(text) if end < 0 else end + 2
        elif char == ";":
            found.append("".join(buffer))
            buffer = []
            position += 1
        else:
            buffer.append(char)
            position += 1
    found.append("".join(buffer))
    return tuple(part.strip() for part in found if part.strip())


def parse(name: str, text: str) -> Query:
    """Read one query file's text.

    Raises:
        QueryError: If its header can't be read, or does not name the parameters that the text uses.
    """
    head = [line for line in text.splitlines() if line.startswith("//")]
    parameters: dict[str, Parameter] = {}
    columns: dict[str, str] = {}
    order: tuple[str, ...] = ()
    for line in head[1:]:
        if line.startswith("// param "):
            match = _PARAM.match(line.rstrip())
            if not match or match[2] not in _PYTHON:
                raise QueryError(f"query file {name}: can't read the header line {line!r}", query=name)
            default = json.loads(match[3]) if match[3] else None
            parameters[match[1]] = Parameter(match[1], match[2], (match[4] or "").strip(), default, match[3] is None)
        elif line.startswith("// returns "):
            columns.update(_COLUMN.findall(line))
        elif line.startswith("// order: "):
            order = tuple(part.strip() for part in line[10:].split(","))
    parts = statements(text)
    used = set(re.findall(r"\$(\w+)", " ".join(parts)))
    if used != set(parameters) or any(kind not in TYPES for kind in columns.values()):
        raise QueryError(
            f"query file {name}: its header names {sorted(parameters)} and its text uses {sorted(used)}", query=name
        )
    return Query(name, head[0][2:].strip() if head else "", parameters, columns, order, parts, text)


@cache
def load(engine: str) -> dict[str, Query]:
    """Every query by name for an engine: `read/` and `write/` (as `write/NAME`), then the engine's own files on top."""
    found: dict[str, Query] = {}
    for folder, prefix in (("read", ""), ("write", "write/"), (engine, "")):
        for path in sorted((root() / folder).glob("*.cypher")):
            query = parse(path.stem, path.read_text(encoding="utf-8"))
            if engine == "ladybug" and prefix == "write/":
                query = replace(query, statements=tuple(map(_with_casts, query.statements)))
            found[prefix + path.stem] = replace(query, public=folder == "read")
    return found


def _with_casts(statement: str) -> str:
    """The embedded engine takes a null in `$rows` for text, so every column of another type is cast there."""
    from graphengine import tables

    names = {pa.int64(): "INT64", pa.float64(): "DOUBLE", pa.bool_(): "BOOL", pa.list_(pa.string()): "STRING[]"}
    specs = (*tables.TRUTH.values(), tables.EDGES, tables.RANKS, tables.VERDICTS, tables.RANKINGS)
    types = {field.name: names[field.type] for spec in specs for field in spec.schema if field.type in names}
    return re.sub(
        r"\brow\.(\w+)\b", lambda m: f"CAST({m[0]} AS {types[m[1]]})" if m[1] in types else m[0], statement
    )


def find(engine: str, name: str, *, public: bool = False) -> Query:
    """One query by name; with `public` only those that people may run.

    Raises:
        QueryError: If there is none of that name; the hint names the closest.
    """
    queries = load(engine)
    if name in queries and (queries[name].public or not public):
        return queries[name]
    known = [known for known, query in queries.items() if query.public]
    close = difflib.get_close_matches(name, known, n=3) or known
    raise QueryError(
        f"there is no query named {name!r}", hint="did you mean " + ", ".join(sorted(close)) + "?", query=name
    )


def as_table(query: Query, rows: Sequence[Any]) -> pa.Table:
    """Rows as an engine gave them, as the table that the query's header promises."""
    schema, names = query.schema, query.schema.names
    if not rows:
        return schema.empty_table()
    try:
        # One conversion of all rows takes half the time of one per column, and a point read is mostly this.
        found = pa.array([dict(zip(names, row, strict=True)) for row in rows], query.row_type)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        # Sums of integers arrive as decimals from the embedded engine.
        plain = [[int(v) if isinstance(v, Decimal) else v for v in row] for row in rows]
        found = pa.array([dict(zip(names, row, strict=True)) for row in plain], query.row_type)
    table = pa.Table.from_struct_array(found)
    return table.sort_by([(name, "ascending") for name in query.order]) if query.order else table
