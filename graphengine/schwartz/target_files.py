"""Targets in files, TOML or JSON, and the presets.

```toml
name = "calm"
system = "schwartz-10"            # or a .toml file beside this one
kind = "human-defined"            # national, individual, group, moral-graph
provenance = "our workshop of May"

[values]                          # from -1 to 1; a value that is not named is not asked about
benevolence = 1
security = 0.5

[weights]                         # optional; 1 where a value with a number has none
benevolence = 2
```

Also [errors], mapping, instrument, people, licence, note.
"""

from __future__ import annotations

import contextlib
import json
import os
import tomllib
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphengine.errors import InputError
from graphengine.schwartz.names import did_you_mean
from graphengine.schwartz.system import ValueSystem, load_system
from graphengine.schwartz.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TEXTS = ("name", "system", "kind", "mapping", "instrument", "licence", "provenance", "note")
_TABLES = ("values", "weights", "errors")
_KNOWN = (*_TEXTS, *_TABLES, "people", "sampling")  # sampling is there for readers; errors say it
_LIKE = "see docs/value-targets.md for the form of a target file"


@lru_cache
def presets() -> dict[str, Target]:
    """The targets that come with the package, by name.

    Example:
        >>> list(presets())
        ['UK', 'NL', 'FR', 'paper', 'paper-eval', 'security', 'benevolence', 'hhh']
        >>> presets()["FR"].sampling
        'no sampling error'
    """
    text = resources.files("graphengine.schwartz").joinpath("targets.toml").read_text(encoding="utf-8")
    return {name: target_of({"name": name, **content}, name) for name, content in tomllib.loads(text).items()}


def load_target(name: str | Path) -> Target:
    """A preset by name, or a target from a file.

    Args:
        name: A name of `presets()`, or a .toml or .json file.

    Raises:
        InputError: If there is none of that name, or the file is no target.

    Example:
        >>> load_target("security").asked
        ('security',)
    """
    for known, target in presets().items():
        if str(name).lower() == known.lower():
            return target
    path = Path(name)
    if path.suffix not in (".toml", ".json"):
        raise InputError(f"there is no target {str(name)!r}",
                         hint=f"{did_you_mean(str(name), presets())}; or give a .toml or .json file", value=str(name))
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror or error}", hint="check its name",
                         file=path) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not {path.suffix[1:].upper()}: {error}", hint=_LIKE, file=path) from error
    if not isinstance(content, dict):
        raise InputError(f"{path} is no table of keys", hint=_LIKE, file=path)
    system = content.get("system")
    if isinstance(system, str) and system.endswith(".toml") and (path.parent / system).is_file():
        content["system"] = str(path.parent / system)
    return target_of({"name": path.stem, **content}, str(path))


def target_of(content: Mapping[str, Any], where: str) -> Target:
    """A target from the content of a file.

    Args:
        content: As `Target.as_json` gives it; `values` may also be a list in the order of the system.
        where: What it was found in, for errors.

    Raises:
        InputError: If a key or a value is unknown, or something has the wrong type, length or range.
    """
    for name in content:
        if name not in _KNOWN:
            raise InputError(f"{where}: unknown key {name!r}", hint=did_you_mean(name, _KNOWN), column=name)
    for name in _TEXTS:
        if not isinstance(content.get(name), str | None):
            raise InputError(f"{where}: `{name}` is no text", hint=_LIKE, column=name)
    people = content.get("people")
    if people is not None and (isinstance(people, bool) or not isinstance(people, int)):
        raise InputError(f"{where}: `people` is no whole number", hint=_LIKE, column="people")
    tables = {name: _numbers(content[name], f"{where}, {name}") for name in _TABLES if content.get(name) is not None}
    values, weights = tables.pop("values", None), tables.pop("weights", None)
    if not values:
        raise InputError(f"{where} names no values", hint="add [values] with a number for each value", file=where)
    system = content.get("system") or "schwartz-10"
    space = load_system(system)
    more: dict[str, Any] = {name: content[name] for name in (*_TEXTS[2:], "people") if content.get(name) is not None}
    more |= {name: space.vector(numbers, where=f"{where}, {name}") if isinstance(numbers, dict) else tuple(numbers)
             for name, numbers in tables.items()}
    name = content.get("name") or where
    if weights is not None:
        more["weights"] = _weights(space, weights, values, where) if isinstance(weights, dict) else tuple(weights)
    if isinstance(values, list):
        return Target(name=name, vector=tuple(values), system=space.ref, **more)
    return Target.of(name, values, system=space.ref, **more)


def _weights(
    space: ValueSystem, given: Mapping[str, float], values: Iterable[Any], where: str
) -> tuple[float, ...]:
    """Weights of all values: one that has a number and no weight counts 1, one that has neither 0."""
    named = range(len(space)) if isinstance(values, list) else [space.place(each, where=where) for each in values]
    weights, weighed = space.vector(given, where=f"{where}, weights"), {space.place(value) for value in given}
    for place in weighed.difference(named):
        if weights[place]:
            raise InputError(f"{where}: {space.ids[place]} has a weight, and no number", column="weights",
                             value=space.ids[place],
                             hint="give it a number in [values]: 0 for a value that shall stay neutral")
    return tuple(weights[place] if place in weighed else float(place in named) for place in range(len(space)))


def _numbers(given: Any, where: str) -> dict[str, float] | list[float]:
    listed = list(given.values()) if isinstance(given, dict) else given
    if not isinstance(listed, list):
        raise InputError(f"{where}: neither numbers by value nor a list of numbers", hint=_LIKE)
    for name, number in zip(given, listed, strict=True):
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise InputError(f"{where}: {name} is {number!r}, no number" if isinstance(given, dict) else
                             f"{where}: {number!r} is no number", hint=_LIKE, value=number)
    return {str(name): float(number) for name, number in given.items()} if isinstance(given, dict) else [
        float(number) for number in listed
    ]


def write_target(target: Target, path: str | Path) -> None:
    """Write a target to a file, TOML or JSON by its ending; an older file stays until the new one is whole.

    Raises:
        InputError: If the name ends in neither.
    """
    path = Path(path)
    content = {name: value for name, value in target.as_json().items() if value not in (None, "")}
    if target.values.file:  # as this file sees it: folders move as a whole
        content["system"] = Path(os.path.relpath(target.values.file, path.resolve().parent)).as_posix()
    if path.suffix == ".json":
        text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
    elif path.suffix == ".toml":
        text = _toml(content)
    else:
        raise InputError(f"{path} is neither .toml nor .json", hint="give the file one of these endings", file=path)
    write_whole(path, text)


def write_whole(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _toml(content: Mapping[str, Any]) -> str:
    """The keys, then the tables; JSON's strings and numbers are TOML's."""
    def line(name: str, value: Any) -> str:
        return f"{name} = {json.dumps(value, ensure_ascii=False)}".replace("\x7f", "\\u007f")

    plain = [line(name, value) for name, value in content.items() if not isinstance(value, dict)]
    tables = [f"\n[{name}]\n" + "\n".join(line(key, number) for key, number in table.items())
              for name, table in content.items() if isinstance(table, dict)]
    return "\n".join([*plain, *tables]) + "\n"
