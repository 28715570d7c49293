"""What was asked and answered, on disk before anybody uses it: nothing is asked twice, whatever happens in between."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphengine.errors import ModelError
from graphengine.models.requests import NO_TEXT, TOO_LONG, Answer, readable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from graphengine.models.requests import Request

_BEGIN = b'{"key": "'


def cached(identity: Mapping[str, Any]) -> Path:
    """The transcript of a generator in the user's cache: `${XDG_CACHE_HOME:-~/.cache}/graphengine/answers/…`.

    Args:
        identity: What makes the generator.
    """
    name = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:24]
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "graphengine" / "answers" / f"{name}.jsonl"


class Transcript:
    """A JSONL file of requests and answers, one line each, only ever appended to.

    A line holds `key` (sha256 of request and generator), `at` (ms UTC), `generator`, `request`, `text` (as it came),
    `stopped` and `usage`. A line that a crash cut short is dropped when the file is opened. One process at a time.

    Args:
        path: The file; made with its folder where missing, readable by its owner only. None keeps nothing on disk.

    Raises:
        ModelError: If another process writes it, it is not a transcript, or it can't be written.

    Example:
        >>> with Transcript(None) as transcript:
        ...     len(transcript)
        0
    """

    def __init__(self, path: str | Path | None) -> None:
        self.path = None if path is None else Path(path)
        self._said: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._file = None
        if self.path is not None:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b")
            except OSError as error:
                raise self._unwritable(error) from error
            try:
                self._take()
            except BaseException:
                self._file.close()
                raise

    def __enter__(self) -> Transcript:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._said)

    def close(self) -> None:
        """Let go of the file; closing twice is harmless."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _take(self) -> None:
        assert self._file is not None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ModelError(
                f"{self.path} is in use by another process", hint="wait for it, or name another file", file=self.path
            ) from error
        end = 0
        for number, line in enumerate(self._file, 1):
            if not line.endswith(b"\n") and line.startswith(_BEGIN[: len(line)]):  # died while it wrote this line
                self._file.truncate(end)
                break
            end += len(line)
            try:
                row = json.loads(line)
                self._said[row["key"]] = {name: row[name] for name in ("text", "stopped", "usage")}
            except (ValueError, KeyError, TypeError) as error:
                raise ModelError(
                    f"{self.path}, line {number} is not of a transcript",
                    hint="move the file away, or name another one", file=self.path, row=number,
                ) from error

    def keep(
        self, key: str, request: Request, generator: str, text: str, stopped: str, usage: Mapping[str, int]
    ) -> None:
        """Write an answer down; when this returns it is on disk.

        Args:
            key: `request.key(…)`.
            request: What was asked.
            generator: The name of who answered.
            text: What was said, as it came.
            stopped: Why it ended.
            usage: Tokens, as they were counted.

        Raises:
            ModelError: If it can't be written.
        """
        said = {"text": text, "stopped": stopped, "usage": dict(usage)}
        asked = {
            "messages": request.as_chat(), "temperature": request.temperature, "max_tokens": request.max_tokens,
            "seed": request.seed, "json": request.json,
        }
        line = {"key": key, "at": time.time_ns() // 1_000_000, "generator": generator, "request": asked, **said}
        with self._lock:
            if self._file is not None:
                end = os.fstat(self._file.fileno()).st_size
                try:
                    self._file.write(json.dumps(line).encode() + b"\n")
                    self._file.flush()
                    os.fsync(self._file.fileno())
                except OSError as error:
                    self._cut(end)
                    raise self._unwritable(error) from error
            self._said[key] = said

    def _cut(self, end: int) -> None:
        """Take back half a line, so that the next one starts where a line starts."""
        try:
            os.truncate(str(self.path), end)
        except OSError:
            self.close()

    def _unwritable(self, error: OSError) -> ModelError:
        return ModelError(
            f"{self.path} can't be written: {error.strerror or error}",
            hint="name another file, or make room; what it holds is not asked again", file=self.path,
        )

    def answer(self, key: str) -> Answer | None:
        """What was said to a request, if it was asked."""
        said = self._said.get(key)
        if said is None:
            return None
        text, stopped = readable(said["text"]), said["stopped"]
        return Answer(text, stopped if text or stopped == TOO_LONG else NO_TEXT, key)

    def complete(
        self,
        requests: Sequence[Request],
        identity: Mapping[str, Any],
        ask: Callable[[dict[str, Request], Callable[[], None]], None],
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Answer]:
        """The answers to some requests; those that are not in the transcript are asked first, each once.

        Args:
            requests: What to ask.
            identity: What makes the generator.
            ask: Asks the requests that it is given by key, `keep`s every answer, and calls its second argument after
                each.
            progress: Called with (answered, all).
        """
        keys = [request.key(identity) for request in requests]
        missing = {key: request for key, request in zip(keys, requests, strict=True) if key not in self._said}
        known = len(set(keys)) - len(missing)
        done = 0

        def one_more() -> None:
            nonlocal done
            done += 1
            if progress:
                progress(known + done, known + len(missing))

        if missing:
            ask(missing, one_more)
        answers = [self.answer(key) for key in keys]
        return [answer for answer in answers if answer is not None]
