"""A ranked source, a generator that writes in a predictable way, and files of responses, for tests of written texts."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from graphengine import tables
from graphengine.models.requests import END, Answer, Request
from graphengine.preferences import Form, Source, preference_pairs, prompt_rows
from graphengine.preferences.texts import Texts, _that_stay
from graphengine.ranking import calibrate, rank_counts
from graphengine.sample import sample_files
from tests.preference_sources import source_of_files


@cache
def ranked_sample() -> Source:
    """The sample graph with its ranks."""
    source = source_of_files(sample_files()["cards"].parent)
    edges = source.edges.to_pylist()
    counts = tables.COUNTS.table([
        {
            "context_id": row["context_id"], "from_id": row[start], "to_id": row[end],
            **{answer: row[answer + suffix] for answer in tables.ANSWERS},
        }
        for row in edges for start, end, suffix in (("from_id", "to_id", ""), ("to_id", "from_id", "_reverse"))
    ])  # fmt: skip
    return replace(source, ranks=rank_counts(counts, calibration=calibrate(counts)))


@dataclass
class Echo:
    """A generator that answers with words that follow from the request, as long as was asked for.

    Attributes:
        change: Turns an answer into another one.
        asked: What it was asked.
    """

    change: Callable[[Request, Answer], Answer] = lambda _, answer: answer
    asked: list[Request] = field(default_factory=list)
    name: str = "echo"
    identity: Mapping[str, Any] = field(default_factory=lambda: {"model": "echo"})

    def complete(
        self, requests: Sequence[Request], *, progress: Callable[[int, int], None] | None = None
    ) -> list[Answer]:
        """Answers at once."""
        self.asked += requests
        return [self.change(request, self.answer(request)) for request in requests]

    def answer(self, request: Request) -> Answer:
        """Words drawn by the sha256 of the request, or a rating."""
        key = request.key(self.identity)
        if request.json:
            answer = json.loads(request.messages[-1][1])["answer"]
            rating = 1 + int(hashlib.sha256(answer.encode()).hexdigest(), 16) % 5
            return Answer(json.dumps({"rating": rating}), END, key)
        long = re.search(r"two or three|two hundred|a hundred", request.messages[0][1])
        words = {"two or three": 8, "a hundred": 20, "two hundred": 40}.get(long[0] if long else "", 12)
        return Answer(" ".join(key[place] * 3 for place in range(words)), END, key)


SOURCE = ranked_sample()
PAIRS, PAIRS_LEFT = _that_stay(preference_pairs(SOURCE), SOURCE, Form())
PROMPTS, _ = _that_stay(prompt_rows(SOURCE), SOURCE, Form())
CONTEXTS = sorted(SOURCE.contexts.column("id").to_pylist())
Cells = dict[str, Any]


def write_csv(path: Path, rows: list[Cells]) -> Path:
    """Rows as a CSV file."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    return path


def opinion(prompt: str, response: str, **more: Any) -> Cells:
    """A row of a file of responses."""
    return {"prompt_id": prompt, "response_id": response, "response": f"Text of {response}", **more}


def made(texts: Texts, kind: str, **form: Any) -> Any:
    """The rows of one kind."""
    return texts.rows(SOURCE, [kind], Form(**form))[0]
