"""Recipes: strict YAML, and `key=value` on the command line, into the frozen dataclass of a stage.

A stage declares its settings once, as a dataclass that extends `StageSettings`, with
`@dataclass(frozen=True, kw_only=True)`; the `Attributes:` of its docstring say what each means, and `describe` shows
them in `--help`. A field's type is one of str, int, float, bool, Path, Literal, `tuple[T, ...]`, `dict[str, T]`, or one
of these `| None`; types must be imported at run time, not under TYPE_CHECKING. What a type can't say, such as a range,
belongs in `__post_init__` (which calls that of `StageSettings`), as a `TrainingError` with the `key`.
"""

from __future__ import annotations

import difflib
import inspect
import math
import re
import types
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from graphengine.errors import MissingExtraError, TrainingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class StageSettings:
    """What every stage has, under the same names.

    Attributes:
        model: Folder of the model to start from, as Hugging Face writes it.
        data: The dataset folder that `graphengine export preferences` wrote.
        out: Folder for the model, the metrics, the report and the checkpoints.
        seed: Of the order of the rows, of new weights and of what is sampled.
        resume: Go on from the last checkpoint in `out`.
        learning_rate: The highest learning rate.
        batch_size: Rows per optimiser step and process.
        micro_batch: Rows that are in memory at once; 0 takes all of `batch_size`. It must divide `batch_size`.
        max_length: Rows of more tokens than this are left out and counted.
        lora_rank: Rank of the LoRA adapters; 0 trains all weights.
        lora_alpha: Scale of the LoRA adapters; 0 takes twice the rank.
        dtype: float32, bfloat16 (mixed precision), or auto: bfloat16 where the GPU has it.
        log_every: Steps between two lines of `metrics.jsonl`.
        save_every: Steps between two checkpoints; 0 saves at the end only.
    """

    model: Path
    data: Path
    out: Path
    seed: int = 0
    resume: bool = False
    learning_rate: float = 1e-5
    batch_size: int = 16
    micro_batch: int = 0
    max_length: int = 1024
    lora_rank: int = 0
    lora_alpha: int = 0
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    log_every: int = 10
    save_every: int = 0

    def __post_init__(self) -> None:
        at_least(self, 1, "batch_size", "max_length", "log_every")
        at_least(self, 0, "seed", "learning_rate", "micro_batch", "lora_rank", "lora_alpha", "save_every")
        if self.micro_batch and self.batch_size % self.micro_batch:
            raise TrainingError(
                f"micro_batch is {self.micro_batch}, which does not divide batch_size, {self.batch_size}",
                hint="give a micro_batch that divides it", key="micro_batch", value=self.micro_batch,
            )


def at_least(settings: Any, least: float, *keys: str) -> None:
    """See that settings are not below a bound; for `__post_init__`.

    Raises:
        TrainingError: With the key and its value.
    """
    for key in keys:
        value = getattr(settings, key)
        if value is not None and not value >= least:
            raise TrainingError(
                f"{key} is {value}, and must be at least {least}", hint=f"give {key} another value", key=key,
                value=value,
            )


def read_settings(cls: type[T], file: Path | None = None, overrides: Sequence[str] = ()) -> T:
    """The settings of a stage from a recipe and what overrides it.

    Paths are taken as they stand: relative ones from the folder the program runs in.

    Args:
        cls: The dataclass of the stage.
        file: A YAML file of `key: value`; None where the overrides say it all.
        overrides: `key=value`, the value read as YAML.

    Raises:
        TrainingError: On an unknown key (with the one that may have been meant), a key that stands twice, a value of
            another type than the setting's, or a setting that has no default and was not given.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Tea:
        ...     minutes: float
        ...     milk: bool = False
        >>> read_settings(Tea, None, ["minutes=3", "milk=true"])
        Tea(minutes=3.0, milk=True)
    """
    known = get_type_hints(cls)
    known = {field.name: known[field.name] for field in fields(cls)}  # type: ignore[arg-type]
    given: dict[str, Any] = {}
    for where, values in [(str(file), _of_file(file) if file else {}), ("--set", _of_overrides(overrides))]:
        for key, value in values.items():
            if key not in known:
                raise _unknown(str(key), known, where)
            given[key] = _convert(value, known[key], key, where)
    missing = [
        field.name for field in fields(cls)  # type: ignore[arg-type]
        if field.name not in given and field.default is MISSING and field.default_factory is MISSING
    ]
    if missing:
        meaning = f": {doc[0].lower()}{doc[1:]}" if (doc := _meanings(cls).get(missing[0], "")) else ""
        raise TrainingError(
            f"{file or 'the settings'} must say {missing[0]}{meaning}",
            hint=f"add `{missing[0]}: …` to the recipe, or --set {missing[0]}=…", key=missing[0], file=file,
        )
    return cls(**given)


def describe(cls: type) -> list[tuple[str, str, str]]:
    """Name, default and meaning of each setting, in their order; the default of one that must be given is ''."""
    meanings = _meanings(cls)
    return [
        (
            field.name,
            "" if field.default is MISSING and field.default_factory is MISSING else _shown(
                field.default if field.default is not MISSING else field.default_factory()  # type: ignore[misc]
            ),
            meanings.get(field.name, ""),
        )
        for field in fields(cls)
    ]


def as_plain(settings: Any) -> dict[str, Any]:
    """The settings as JSON and YAML know them: paths as text, tuples as lists."""
    return {field.name: _plain(getattr(settings, field.name)) for field in fields(settings)}


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return {key: _plain(each) for key, each in value.items()} if isinstance(value, dict) else value


def _shown(value: Any) -> str:
    if isinstance(value, float) and value and abs(value) < 1e-3:
        mantissa, _, exponent = f"{value:e}".partition("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None else str(_plain(value)) or "''"


def _meanings(cls: type) -> dict[str, str]:
    """What the `Attributes:` of a dataclass and its bases say of each field."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        doc = inspect.cleandoc(base.__dict__.get("__doc__") or "")
        section = re.search(r"^Attributes:\n((?:[ ]+.*\n?|\n)+)", doc, re.MULTILINE)
        entries = re.findall(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", section[1], re.MULTILINE) if section else []
        found |= {name: " ".join(text.split()) for name, text in entries}
    return found


def _of_file(file: Path) -> dict[Any, Any]:
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise TrainingError(f"there is no file {file}", hint="check --config", file=file) from error
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(f"{file} can't be read: {error}", hint="check the file", file=file) from error
    content = _yaml(text, str(file))
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise TrainingError(
            f"{file} holds {_kind(content)}, and a recipe is lines of `key: value`", hint="see pipelines/", file=file
        )
    return content


def _of_overrides(overrides: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in overrides:
        key, equals, value = each.partition("=")
        if not equals or not key.strip():
            raise TrainingError(f"--set {each} is not key=value", hint="for example --set seed=1", value=each)
        found[key.strip()] = _yaml(value, f"--set {key}")
    return found


def _yaml(text: str, where: str) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise MissingExtraError.of("pyyaml", "train") from error

    class Strict(yaml.SafeLoader):
        """Refuses a key that stands twice, of which YAML would keep the last without a word."""

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            seen: set[str] = set()
            for key, _ in node.value:
                if key.value in seen:
                    raise yaml.MarkedYAMLError(None, None, f"the key {key.value} stands twice", key.start_mark)
                seen.add(key.value)
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(text, Strict)  # noqa: S506 (a SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        at = f", line {line}" if line else ""
        raise TrainingError(
            f"{where}{at}: {error.problem or 'not YAML'}", hint="a recipe is YAML: lines of `key: value`",
            file=where, row=line,
        ) from error
    except yaml.YAMLError as error:
        raise TrainingError(f"{where}: {error}", hint="a recipe is YAML: lines of `key: value`", file=where) from error


def _unknown(key: str, known: Mapping[str, Any], where: str) -> TrainingError:
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known settings: {', '.join(known)}"
    return TrainingError(f"{where}: there is no setting {key}", hint=hint, key=key, file=where)


def _convert(value: Any, kind: Any, key: str, where: str) -> Any:
    """A value of YAML as the type of its field.

    Raises:
        TrainingError: If it is none.
    """
    found = _try(value, kind)
    if found is _NO:
        raise TrainingError(
            f"{where}: {key} is {_kind(value)}, and must be {_expected(kind)}", hint=f"give {key} another value",
            key=key, value=value, file=where,
        )
    return found


_NO = object()


def _try(value: Any, kind: Any) -> Any:  # noqa: PLR0911 (one line for each type)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if value == "none" and type(None) in arguments:  # as the help calls it
            return None
        tried = [_try(value, each) for each in arguments]
        return next((each for each in tried if each is not _NO), _NO)
    if origin is Literal:
        return value if any(value == each and type(value) is type(each) for each in arguments) else _NO
    if origin is tuple:
        found = [_try(each, arguments[0]) for each in value] if isinstance(value, list) else [_NO]
        return _NO if _NO in found else tuple(found)
    if origin is dict:
        if not isinstance(value, dict) or not all(isinstance(each, str) for each in value):
            return _NO
        named = {name: _try(each, arguments[1]) for name, each in value.items()}
        return _NO if _NO in named.values() else named
    if kind is type(None):
        return None if value is None else _NO
    if kind is Path:
        return Path(value).expanduser() if isinstance(value, str) and value else _NO
    if kind is float:
        return _number(value)
    return value if type(value) is kind else _NO


def _number(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+", value):
        value = float(value)  # YAML 1.1 takes 1e-5, without a point, for text
    fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if fits else _NO


_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", Path: "a path",
          type(None): "none"}


def _expected(kind: Any) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return " or ".join(_expected(each) for each in arguments)
    if origin is Literal:
        return "one of " + ", ".join(map(str, arguments))
    if origin is tuple:
        return f"a list, each item {_expected(arguments[0])}"
    if origin is dict:
        return f"names, each with {_expected(arguments[1])}"
    return _WORDS[kind]


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "a set of names"
    if isinstance(value, list):
        return "a list"
    return "empty" if value is None else f"{value!r} ({_WORDS.get(type(value), type(value).__name__)})"
