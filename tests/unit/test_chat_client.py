"""The chat client against a real endpoint that answers, is busy, babbles and cuts the connection."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from graphengine.errors import BudgetError, InputError, ModelError
from graphengine.models.chat import KEY_VARIABLE, Budget, ChatClient
from graphengine.models.requests import CUT_OFF, END, LONGEST, NO_TEXT, Request, readable, strict_json
from graphengine.models.transcript import Transcript
from tests.chat_server import ChatServer, chat_server

pytest.importorskip("openai")

Make = Callable[..., ChatClient]
REQUESTS = [Request.of("Be kind.", f"Question {number}?", max_tokens=50) for number in range(6)]


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key of the developer's goes anywhere."""
    for name in (KEY_VARIABLE, "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def client() -> Iterator[Make]:
    """Makes clients that wait next to nothing between two tries; their transcripts are closed at the end."""
    with contextlib.ExitStack() as stack:

        def make(server: ChatServer, path: Path | None = None, **more: Any) -> ChatClient:
            transcript = stack.enter_context(Transcript(path))
            return ChatClient("tiny", server.url, transcript=transcript, **{"pause": 0.01, "timeout": 5.0, **more})

        yield make


def test_answers_come_in_order(client: Make) -> None:
    """Each request has its own answer, whatever the order in which they come, and equal requests are asked once."""
    with chat_server() as server:
        answers = client(server, parallel=4).complete([*REQUESTS, REQUESTS[0]])
    assert [f"You said: Question {number}?" for number in (0, 1, 2, 3, 4, 5, 0)] == [each.text for each in answers]
    assert {END} == {each.stopped for each in answers}
    assert len(REQUESTS) == len(server.asked)
    assert 7 == len(answers)
    body = next(each for each in server.asked if each["messages"][1]["content"] == "Question 0?")
    assert {"model": "tiny", "temperature": 1.0, "max_tokens": 50, "seed": 0} == {
        name: body[name] for name in ("model", "temperature", "max_tokens", "seed")
    }


def test_nothing_is_asked_twice(tmp_path: Path) -> None:
    """A second client, with the transcript of the first, asks only what is new; another model or seed is new."""
    path = tmp_path / "answers" / "said.jsonl"
    with chat_server() as server:
        with Transcript(path) as kept:
            first = ChatClient("tiny", server.url, transcript=kept).complete(REQUESTS[:4])
        with Transcript(path) as kept:
            again = ChatClient("tiny", server.url, transcript=kept)
            assert first == again.complete(REQUESTS)[:4]
            assert 6 == len(server.asked)
            assert {1} == set(server.billed.values())
            assert 2 * 15 == again.budget.spent
            again.complete([Request.of("Be kind.", "Question 0?", max_tokens=50, seed=1)])
            ChatClient("other", server.url, transcript=kept).complete(REQUESTS[:1])
    assert 8 == len(server.asked)
    assert 0o600 == path.stat().st_mode & 0o777


def test_a_busy_failing_and_cutting_endpoint_is_asked_again(client: Make, tmp_path: Path) -> None:
    """429, 500, a cut connection, half a body and nonsense are tried again; every request is answered once."""
    trouble = [
        {"status": 429, "error": "slow down", "headers": {"retry-after": "0"}},
        {"status": 503},
        {"cut": True},
        {"text": "never whole", "half": True},
        {"raw": "<html>gateway</html>", "type": "text/html"},
        {"raw": '{"choices": []}'},
    ]

    def behave(body: dict[str, Any], nth: int) -> dict[str, Any]:
        which = int(body["messages"][1]["content"].split()[1].rstrip("?"))
        return trouble[which] if nth == 0 else {"text": "At last."}

    with chat_server(behave) as server:
        answers = client(server, tmp_path / "said.jsonl").complete(REQUESTS)
        assert {"At last."} == {each.text for each in answers}
        assert 2 * len(REQUESTS) == len(server.asked)
        assert {1} == set(server.billed.values())
        assert len(REQUESTS) == len(set(server.keys)), "a request keeps its idempotency key when it is tried again"
    lines = (tmp_path / "said.jsonl").read_text().splitlines()
    assert {each.key for each in answers} == {json.loads(line)["key"] for line in lines} == set(server.keys)


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ({"status": 429, "error": "slow down"}, "slow down"),
        ({"cut": True}, "in vain"),
        ({"raw": "\x1b[31mnonsense", "type": "text/plain"}, "[31mnonsense"),
    ],
)
def test_trouble_without_end_is_an_error(client: Make, reply: dict[str, Any], told: str, tmp_path: Path) -> None:
    """After the last attempt the error says what came; what was answered before is not asked again."""
    broken = True

    def behave(body: dict[str, Any], nth: int) -> dict[str, Any]:
        return reply if broken and "Question 3" in body["messages"][1]["content"] else {"text": "Yes."}

    with chat_server(behave) as server:
        talk = client(server, tmp_path / "said.jsonl", attempts=3, parallel=1)
        with pytest.raises(ModelError) as caught:
            talk.complete(REQUESTS)
        assert told in caught.value.message
        assert "\x1b" not in caught.value.message
        assert 3 == caught.value.attempts
        assert 3 + 3 == len(server.asked)
        broken = False
        assert ["Yes."] * 6 == [each.text for each in talk.complete(REQUESTS)]
        assert {1} == set(server.billed.values())


@pytest.mark.parametrize(("status", "more"), [(401, {}), (400, {}), (429, {"code": "insufficient_quota"})])
def test_a_refusal_is_not_asked_again(client: Make, status: int, more: dict[str, Any]) -> None:
    """A wrong key, a wrong request, a spent account: one try, and the endpoint's own words."""
    with chat_server(lambda *_: {"status": status, "error": "because I say so", **more}) as server:
        with pytest.raises(ModelError, match="because I say so") as caught:
            client(server).complete(REQUESTS[:1])
        assert 1 == len(server.asked)
        assert status == caught.value.status
        assert caught.value.hint


def test_nobody_there_is_an_error(client: Make) -> None:
    """An address where nothing listens."""
    with chat_server() as server:
        pass
    with pytest.raises(ModelError, match="in vain"):
        client(server, attempts=2).complete(REQUESTS[:1])


def test_the_budget_is_never_overdrawn(client: Make, tmp_path: Path) -> None:
    """The client stops before a request that might cost too much; run again, it goes on where it stopped."""
    usage = {"prompt_tokens": 30, "completion_tokens": 50}
    with chat_server(lambda *_: {"text": "Yes.", "usage": usage}) as server:
        budget = Budget(300)
        talk = client(server, tmp_path / "said.jsonl", budget=budget, parallel=3)
        with pytest.raises(BudgetError) as caught:
            talk.complete(REQUESTS)
        assert 0 < budget.spent <= 300
        assert budget.spent == 80 * len(server.asked)
        assert "--budget" in caught.value.hint
        before = len(server.asked)
        talk.budget = Budget(None)
        assert 6 == len(talk.complete(REQUESTS))
        assert 6 == len(server.asked)
        assert 80 * (6 - before) == talk.budget.spent
        assert {1} == set(server.billed.values())


def test_a_cut_attempt_counts_as_spent(client: Make) -> None:
    """Nobody knows whether an answer that never came was billed, so the budget takes it for billed."""
    with chat_server(lambda _, nth: {"cut": True} if nth == 0 else {"text": "Yes."}) as server:
        talk = client(server)
        talk.complete(REQUESTS[:1])
        asked = sum(len(content) + 8 for _, content in REQUESTS[0].messages)
        assert asked + 50 + 15 == talk.budget.spent


@pytest.mark.slow
def test_the_answer_is_on_disk_before_it_is_used(client: Make, tmp_path: Path) -> None:
    """Killed by the first look at an answer, a run has left it in the transcript; the next run does not ask again."""
    path = tmp_path / "said.jsonl"
    program = (
        "import os, sys\n"
        "from graphengine.models.chat import ChatClient\n"
        "from graphengine.models.requests import Request\n"
        "from graphengine.models.transcript import Transcript\n"
        "talk = ChatClient('tiny', sys.argv[1], transcript=Transcript(sys.argv[2]), parallel=1)\n"
        "requests = [Request.of('Be kind.', f'Question {number}?', max_tokens=50) for number in range(6)]\n"
        "talk.complete(requests, progress=lambda done, all_: os._exit(9) if done == 3 else None)\n"
    )
    with chat_server() as server:
        died = subprocess.run([sys.executable, "-c", program, server.url, str(path)], check=False)
        assert 9 == died.returncode
        lines = path.read_text().splitlines()
        assert len(lines) >= 3
        client(server, path).complete(REQUESTS)
        assert 6 <= len(server.asked) <= 7, "only a request that was under way may be asked again"


def test_half_a_line_is_dropped(client: Make, tmp_path: Path) -> None:
    """A crash in the middle of writing costs that line only, and the next line starts where a line starts."""
    path = tmp_path / "said.jsonl"
    with chat_server() as server:
        talk = client(server, path)
        talk.complete(REQUESTS[:2])
        talk.transcript.close()
        path.write_bytes(path.read_bytes()[:-20])
        again = client(server, path)
        assert 1 == len(again.transcript)
        again.complete(REQUESTS[:2])
        again.transcript.close()
    assert 3 == len(server.asked)
    assert 2 == len([json.loads(line) for line in path.read_text().splitlines()])


def test_a_foreign_or_busy_file_is_an_error(tmp_path: Path) -> None:
    """A file that is no transcript is left as it is; two processes never write one transcript."""
    foreign = tmp_path / "thesis.jsonl"
    for text in ('{"chapter": 1}\n', "All that I know", "\n"):
        foreign.write_text(text)
        with pytest.raises(ModelError, match="line 1 is not of a transcript"):
            Transcript(foreign)
        assert text == foreign.read_text()
    with Transcript(tmp_path / "said.jsonl"), pytest.raises(ModelError, match="in use"):
        Transcript(tmp_path / "said.jsonl")


def test_a_refusal_to_speak_and_a_cut_answer_are_told(client: Make, tmp_path: Path) -> None:
    """No text, and an answer that ran into its limit, are answers (they were billed), and say what they are."""
    said = [{"text": None}, {"text": "  "}, {"text": "And then", "finish": "length"}, {"text": "a" * (LONGEST + 1)}]

    def behave(body: dict[str, Any], nth: int) -> dict[str, Any]:
        return said[int(body["messages"][1]["content"].split()[1].rstrip("?"))]

    with chat_server(behave) as server:
        for _ in range(2):
            answers = client(server, None).complete(REQUESTS[:4])
            assert [NO_TEXT, NO_TEXT, CUT_OFF, CUT_OFF] == [each.stopped for each in answers]
            assert LONGEST == len(answers[3].text)


def test_the_key_goes_where_it_belongs(client: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The key is sent from its variable, OpenAI's own key to nobody else, and none is in the transcript."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-theirs")
    with chat_server() as server:
        client(server).complete(REQUESTS[:1])
        assert "Bearer none" == server.headers[-1]["authorization"]
        monkeypatch.setenv(KEY_VARIABLE, "sk-ours")
        client(server, tmp_path / "said.jsonl").complete(REQUESTS[:1])
        assert "Bearer sk-ours" == server.headers[-1]["authorization"]
        assert not any("sk-theirs" in value for each in server.headers for value in each.values())
    assert "sk-" not in (tmp_path / "said.jsonl").read_text()


def test_options_reach_the_endpoint(client: Make) -> None:
    """Fields are added, and left out where their value is None; a request for JSON says so."""
    with chat_server() as server:
        talk = client(server, options={"top_p": 0.9, "seed": None})
        talk.complete([Request.of("Be kind.", "Question 0?", json=True)])
    assert 0.9 == server.asked[0]["top_p"]
    assert "seed" not in server.asked[0]
    assert {"type": "json_object"} == server.asked[0]["response_format"]


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host/v1", "http://", "http://user:secret@host/v1"])
def test_an_address_that_is_none_is_an_error(url: str) -> None:
    """And a password in an address is not repeated."""
    with pytest.raises(InputError) as caught:
        ChatClient("tiny", url)
    assert "secret" not in caught.value.message
    assert KEY_VARIABLE in caught.value.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\x00b\x07c\x9b", "abc"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("safe \u202etxt.exe\u2066", "safe txt.exe"),
        ("hi<|im_end|>\n<|im_start|>system", "hi\nsystem"),
        ("<|im_<|x|>end|>", ""),
        ("👩‍👧 दिल 悲しみ e\u0301", "👩‍👧 दिल 悲しみ e\u0301"),
        ("\ud800", ""),
    ],
)
def test_what_a_model_wrote_is_made_readable(text: str, expected: str) -> None:
    """No control characters, marks of direction or special tokens; people's writing in any language stays."""
    assert expected == readable(text)


@pytest.mark.parametrize(
    "text",
    [
        'Sure! {"rating": 3}', '{"rating": 3} ok', '{"rating": 3, "rating": 4}', '{"rating": "3"}',
        '{"rating": true}', '{"rating": NaN}', '{"rating": 3, "why": "x"}', "[3]", "{}", "", "[" * 100_000,
    ],
)  # fmt: skip
def test_json_is_taken_strictly(text: str) -> None:
    """Only the object that was asked for, with its fields and types, is taken."""
    with pytest.raises(ModelError, match="not the JSON that was asked for"):
        strict_json(text, {"rating": int})


def test_json_may_stand_in_a_fence() -> None:
    """A fence around the whole answer is no other answer."""
    assert {"rating": 3} == strict_json('```json\n{"rating": 3}\n```\n', {"rating": int})
