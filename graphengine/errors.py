"""Every error that graphengine raises on purpose.

```
GraphEngineError                 something the user can act on
├── InputError                   a file or a value from a person is not what it should be (file, row, column, value)
│   └── MappingError             map.toml, or the guess in its place, does not fit the file
├── NotFoundError                a context, card, load, query … that the graph does not hold (kind, name, known)
├── NotRankedError               an answer needs a ranking that was never made (ranking)
├── QueryError                   a Cypher text or its parameters are refused (query)
├── RankingError                 a method can't run on what it was given (method)
├── ExportError                  nothing can be exported, or not to this place (path)
├── TrainingError                a setting, a dataset folder or a model is not what training needs (file, key, value)
├── ModelError                   a language model, or its endpoint, can't be used or answers nonsense (file, value)
│   └── BudgetError              asking on would cost more than the user allowed (spent, budget)
├── MissingExtraError            a package of an extra is not installed (extra)
└── StoreError                   the graph itself (graph)
    ├── StoreBusyError           another process holds the folder (pid)
    ├── StoreUnreachableError    no server, wrong password, connection lost
    ├── StoreDamagedError        a journal part or a file is damaged (file)
    ├── StoreNewerError          made by a newer version (found, supported)
    └── WrongKeyError            the pseudonym key is not this graph's (expected, found)
```

Each says what went wrong and where (`message`), what to do next (`hint`), and keeps the facts as attributes (`where`),
so that the command line, `--json` and a Python caller show the same thing.
"""

from __future__ import annotations

from typing import Any, ClassVar


class GraphEngineError(Exception):
    """Something went wrong that the user can act on.

    Args:
        message: What went wrong, and where, in one sentence.
        hint: What to do next, best a command to type.
        **where: The facts: file, row, column, value, pid, …; each also readable as an attribute.

    Example:
        >>> error = InputError("row 17: unknown answer", hint="map it in map.toml", row=17)
        >>> error.row, error.hint, error.code
        (17, 'map it in map.toml', 'bad_input')
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "", **where: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where

    def __getattr__(self, name: str) -> Any:
        where = self.__dict__.get("where", {})
        if name in where:
            return where[name]
        raise AttributeError(name)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.hint, self.where)

    def as_json(self) -> dict[str, Any]:
        """The one shape of an error in `--json`: ok, error, message, hint, and the facts under `where`."""
        shape: dict[str, Any] = {"ok": False, "error": self.code, "message": self.message, "hint": self.hint}
        if self.where:
            shape["where"] = {key: _plain(value) for key, value in self.where.items()}
        return shape


def _plain(value: Any) -> Any:
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    if isinstance(value, (list, tuple, set)):
        return [_plain(item) for item in value]
    return str(value)


def _rebuild(kind: type[GraphEngineError], message: str, hint: str, where: dict[str, Any]) -> GraphEngineError:
    return kind(message, hint=hint, **where)


class InputError(GraphEngineError):
    """A file, a row or a value given by a person is not what it should be."""

    code = "bad_input"


class MappingError(InputError):
    """The mapping of columns does not fit the file."""

    code = "bad_mapping"


class NotFoundError(GraphEngineError):
    """The graph does not hold what was asked for."""

    code = "not_found"


class NotRankedError(GraphEngineError):
    """The answer needs a ranking that was never made."""

    code = "not_ranked"


class QueryError(GraphEngineError):
    """A Cypher text, or its parameters, are refused."""

    code = "bad_query"


class RankingError(GraphEngineError):
    """A ranking method can't run on what it was given."""

    code = "bad_ranking"


class ExportError(GraphEngineError):
    """Nothing can be exported, or not to this place."""

    code = "bad_export"


class TrainingError(GraphEngineError):
    """A stage of training can't start, or can't go on."""

    code = "bad_training"


class ModelError(GraphEngineError):
    """A language model, or the endpoint that serves it, can't be used or answers nonsense."""

    code = "bad_model"


class BudgetError(ModelError):
    """Asking on would cost more than the user allowed; what was answered is kept."""

    code = "budget_spent"


class MissingExtraError(GraphEngineError):
    """A package that belongs to an extra is not installed.

    Example:
        >>> MissingExtraError.of("networkx", "networkx").hint
        "pip install 'graphengine[networkx]'"
    """

    code = "missing_extra"

    @classmethod
    def of(cls, package: str, extra: str) -> MissingExtraError:
        """The error for a package of an extra."""
        return cls(
            f"the package {package} is not installed", hint=f"pip install 'graphengine[{extra}]'", extra=extra
        )


class StoreError(GraphEngineError):
    """The graph itself can't do what was asked."""

    code = "store"


class StoreBusyError(StoreError):
    """Another process holds the graph's folder."""

    code = "store_busy"


class StoreUnreachableError(StoreError):
    """The server does not answer, refuses the password, or went away."""

    code = "store_unreachable"
    exit_code = 4


class StoreDamagedError(StoreError):
    """A file of the graph is damaged and can't be made again from another."""

    code = "store_damaged"


class StoreNewerError(StoreError):
    """The graph was made by a newer version of graphengine."""

    code = "store_newer"


class WrongKeyError(StoreError):
    """The key of the pseudonyms is missing, or belongs to another graph."""

    code = "wrong_key"
