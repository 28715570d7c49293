"""A chat client for endpoints that speak the protocol of OpenAI: vLLM, llama.cpp, Ollama, OpenAI itself.

Each answer is in the transcript before it is used, so a run that was stopped goes on where it was and nothing is billed
twice. Retries are our own and few; a budget of tokens is never overdrawn.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from graphengine.errors import BudgetError, InputError, MissingExtraError, ModelError
from graphengine.models.requests import CUT_OFF, END, LONGEST, NO_TEXT, readable
from graphengine.models.transcript import Transcript

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from graphengine.models.requests import Answer, Request

KEY_VARIABLE = "GRAPHENGINE_API_KEY"
"""Where the key of an endpoint is looked up; never an argument, never in a transcript."""

_LONGEST_BODY = 4_000_000  # bytes; whatever else a server sends on is not a chat completion
_LONGEST_PAUSE = 60.0  # seconds
_RETRIED = frozenset({408, 409, 429, 500, 502, 503, 504, 529})


class Budget:
    """How many tokens may be spent; shared by threads.

    Before a request is sent, the most that it can cost is set aside (a token for each byte of the messages and
    `max_tokens`); when the answer is there, what it did cost takes its place. So the budget is never overdrawn, and a
    run may stop a little early.

    Args:
        tokens: The most tokens, of requests and answers together; None for no limit.

    Example:
        >>> budget = Budget(100)
        >>> budget.set_aside(60)
        >>> budget.settle(60, 10)
        >>> budget.spent
        10
    """

    def __init__(self, tokens: int | None = None) -> None:
        self.tokens = tokens
        self.spent = 0
        self._aside = 0
        self._change = threading.Condition()

    def set_aside(self, tokens: int) -> None:
        """Reserve what a request may cost; waits for requests under way where they may leave enough.

        Raises:
            BudgetError: If that might be more than is left.
        """
        with self._change:
            if self.tokens is None:
                self._aside += tokens
                return
            while self._aside and self.spent + self._aside + tokens > self.tokens >= self.spent + tokens:
                self._change.wait()
            if self.spent + self._aside + tokens > self.tokens:
                raise BudgetError(
                    f"the budget of {self.tokens:,} tokens does not last: {self.spent:,} are spent, and the next "
                    f"request may cost {tokens:,}",
                    hint="run it again with a larger --budget; what was answered is kept and not asked again",
                    spent=self.spent, budget=self.tokens,
                )
            self._aside += tokens

    def settle(self, aside: int, cost: int) -> None:
        """Replace what was set aside by what was spent."""
        with self._change:
            self._aside -= aside
            self.spent += cost
            self._change.notify_all()


@dataclass
class ChatClient:
    """Asks a chat endpoint; a `Generator`.

    Attributes:
        model: The endpoint's name of the model.
        base_url: Address, with the path before `/chat/completions`: `http://localhost:8000/v1`.
        transcript: Where answers are kept; by default in memory only.
        budget: How many tokens may be spent.
        parallel: Requests under way at once.
        attempts: How often a request is tried where the endpoint is busy (429), fails (5xx) or cuts the connection.
        pause: Seconds before the second try; doubled each time, up to a minute, unless the endpoint says how long.
        timeout: Seconds without a byte after which a connection counts as cut.
        options: More fields of the request (`{"top_p": 0.9}`); None as value leaves a field out (`{"seed": None}`
            where an endpoint does not know it).

    Example:
        >>> client = ChatClient("tiny", "http://localhost:8000/v1")
        >>> client.name
        'tiny'
    """

    model: str
    base_url: str
    transcript: Transcript = field(default_factory=lambda: Transcript(None))
    budget: Budget = field(default_factory=Budget)
    parallel: int = 4
    attempts: int = 6
    pause: float = 1.0
    timeout: float = 120.0
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
            raise InputError(
                f"{parts.hostname or self.base_url!r} is not the address of an endpoint",
                hint=f"give it like http://localhost:8000/v1, and a key in {KEY_VARIABLE}", value=parts.hostname,
            )
        if self.parallel < 1 or self.attempts < 1:
            raise InputError("`parallel` and `attempts` are at least 1", hint="leave them out for the defaults")

    @property
    def name(self) -> str:
        """The name of the model; where it is served is no matter of a dataset's readers."""
        return self.model

    @property
    def _where(self) -> str:
        return f"{self.model} at {urlsplit(self.base_url).netloc}"

    @property
    def identity(self) -> dict[str, Any]:
        """What makes this generator: another of these, and answers are asked anew."""
        return {"model": self.model, "endpoint": self.base_url.rstrip("/"), "options": dict(self.options)}

    def complete(
        self, requests: Sequence[Request], *, progress: Callable[[int, int], None] | None = None
    ) -> list[Answer]:
        """The answer to each request, in order; see `Generator`.

        Raises:
            BudgetError: Before the budget is overdrawn.
            ModelError: If the endpoint refuses, or goes on failing. What was answered before is in the transcript.
            MissingExtraError: If openai is not installed.
        """
        return self.transcript.complete(requests, self.identity, self._ask, progress)

    def _ask(self, missing: dict[str, Request], one_more: Callable[[], None]) -> None:
        client = self._client()
        giving_up = threading.Event()

        def one(key: str, request: Request) -> None:
            if giving_up.is_set():
                return
            try:
                self._answer(client, key, request, giving_up)
            except BaseException:
                giving_up.set()  # the others under way still end well, but nothing new is begun
                raise

        pool = ThreadPoolExecutor(self.parallel, thread_name_prefix="chat")
        try:
            under_way = {pool.submit(one, key, request) for key, request in missing.items()}
            failed: BaseException | None = None
            while under_way:
                done, under_way = wait(under_way, return_when="FIRST_COMPLETED")
                for each in done:
                    if each.exception() is None and not giving_up.is_set():
                        one_more()
                    failed = failed or each.exception()
            if failed:
                raise failed
        finally:
            giving_up.set()
            pool.shutdown(cancel_futures=True)
            client.close()

    def _client(self) -> Any:
        try:
            import openai
        except ImportError as error:
            raise MissingExtraError.of(error.name or "openai", "elicit") from error
        host = urlsplit(self.base_url).hostname
        # OpenAI's own key goes to OpenAI only.
        key = os.environ.get(KEY_VARIABLE) or (os.environ.get("OPENAI_API_KEY") if host == "api.openai.com" else None)
        # Servers on one's own machine ask for none, and the package wants one.
        return openai.OpenAI(api_key=key or "none", base_url=self.base_url, max_retries=0, timeout=self.timeout)

    def _answer(self, client: Any, key: str, request: Request, giving_up: threading.Event) -> None:
        """Ask until there is an answer, and write it down."""
        asked = sum(len(content.encode("utf-8", "replace")) + 8 for _, content in request.messages)
        most = asked + request.max_tokens
        failed: _Again | None = None
        for attempt in range(1, self.attempts + 1):
            self.budget.set_aside(most)
            cost = most  # an attempt of which we never hear may have been billed
            try:
                text, stopped, usage = self._attempt(client, key, request)
                cost = usage.get("prompt_tokens", asked) + usage.get("completion_tokens", request.max_tokens)
                self.transcript.keep(key, request, self.name, text, stopped, usage)
                return
            except _Again as again:
                cost = most if again.maybe_billed else 0
                failed = again
            finally:
                self.budget.settle(most, cost)
            pause = self.pause * 2 ** (attempt - 1) if failed.pause is None else failed.pause
            # Not all at the same moment: threads that were refused together would come back together.
            pause = min(pause, _LONGEST_PAUSE) * random.uniform(1.0, 1.3)  # noqa: S311
            if attempt < self.attempts and giving_up.wait(pause):
                return
        raise ModelError(
            f"{self._where} was asked {self.attempts} time(s) in vain: {failed}",
            hint="see to the endpoint and run it again; what was answered is kept and not asked again",
            attempts=self.attempts,
        ) from failed

    def _attempt(self, client: Any, key: str, request: Request) -> tuple[str, str, dict[str, int]]:
        import httpx2
        import openai

        body = {
            "model": self.model, "messages": request.as_chat(), "temperature": request.temperature,
            "max_tokens": request.max_tokens, "seed": request.seed,
            "response_format": {"type": "json_object"} if request.json else None,
        } | dict(self.options)
        sent = {name: value for name, value in body.items() if value is not None}
        try:
            # A server that heeds the key answers a request it has seen from its own memory, so that even an answer
            # that was lost on the way is not billed twice.
            with client.chat.completions.with_streaming_response.create(
                **{name: sent.pop(name) for name in ("model", "messages")},
                extra_body=sent, extra_headers={"Idempotency-Key": key},
            ) as response:
                return _said(_read(response))
        except openai.APIStatusError as error:
            raise self._refused(error) from error
        except (openai.APIConnectionError, httpx2.HTTPError) as error:
            # Nothing was sent where there was nobody to connect to.
            refused = isinstance(error.__cause__ or error, (httpx2.ConnectError, httpx2.ConnectTimeout))
            raise _Again(f"{type(error).__name__}: {error}", maybe_billed=not refused) from error

    def _refused(self, error: Any) -> Exception:
        """What to make of a status that is not 200."""
        told = readable(_message(error), 300)
        if error.status_code in _RETRIED and getattr(error, "code", None) != "insufficient_quota":
            after = None
            with contextlib.suppress(KeyError, ValueError):
                after = max(0.0, float(error.response.headers["retry-after"]))
            return _Again(f"HTTP {error.status_code}: {told}", pause=after, maybe_billed=False)
        hint = f"set {KEY_VARIABLE}" if error.status_code in (401, 403) else "see the endpoint's documentation"
        status = error.status_code
        return ModelError(f"{self._where} refuses (HTTP {status}): {told}", hint=hint, status=status)


class _Again(Exception):  # noqa: N818 (not an error of the user's: a reason to try again)
    """An attempt gave nothing, and another one may."""

    def __init__(self, message: str, *, pause: float | None = None, maybe_billed: bool) -> None:
        super().__init__(message)
        self.pause = pause
        self.maybe_billed = maybe_billed


def _message(error: Any) -> str:
    try:
        body = json.loads(error.response.text)
        return str(body["error"]["message"])
    except Exception:  # whatever an unknown server sends; a streamed body may not even be read
        return str(error)


def _read(response: Any) -> bytes:
    body = bytearray()
    for piece in response.iter_bytes():
        body += piece
        if len(body) > _LONGEST_BODY:
            raise _Again(f"the answer is longer than {_LONGEST_BODY:,} bytes", maybe_billed=True)
    return bytes(body)


def _said(body: bytes) -> tuple[str, str, dict[str, int]]:
    """Text, how it stopped, and tokens, of a chat completion that is one."""
    try:
        found = json.loads(body)
        choice = found["choices"][0]
        text = choice["message"]["content"]
        if not isinstance(text, str | None):
            raise TypeError("content is not text")
        usage = found.get("usage") or {}
        tokens = {
            name: usage[name] for name in ("prompt_tokens", "completion_tokens")
            if isinstance(usage.get(name), int) and usage[name] >= 0
        }
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        begin = readable(body[:80].decode("utf-8", "replace"))
        raise _Again(f"that is no chat completion: {begin!r}", maybe_billed=True) from error
    if not (text or "").strip():
        return "", NO_TEXT, tokens
    cut_off = choice.get("finish_reason") == "length" or len(text or "") > LONGEST
    return text or "", CUT_OFF if cut_off else END, tokens
