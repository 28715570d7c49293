"""`schwartz annotate` with a model on this machine that answers, and an endpoint that labels."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("openai")

from click.testing import CliRunner

from graphengine.cli import main
from graphengine.models.tiny import make_tiny
from tests.chat_server import chat_server

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.train


def test_a_model_on_this_machine_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of a model is a responder, its name stands in the rows, and the same seed gives the same answers."""
    make_tiny(tmp_path / "tiny", ["Ask first.", "Let her decide."], hidden=32, layers=1, heads=2)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompts.txt").write_text("May I?\nShould I?\n")

    def label(body: dict[str, Any], nth: int) -> dict[str, Any]:
        return {"text": json.dumps({"labels": {"polite": 1}})}

    written = []
    with chat_server(label) as server:
        for out in ("one", "two"):
            asked = ["schwartz", "annotate", "prompts.txt", out, "--responder", "tiny", "--labeller",
                     f"judge@{server.url}", "--max-tokens", "8", "--json"]
            result = CliRunner().invoke(main, asked, catch_exceptions=False)
            assert result.exit_code in (0, 3), result.output
            assert ["tiny"] == json.loads(result.stdout)["responders"]
            written.append((tmp_path / out / "rows.jsonl").read_text())
    rows = [json.loads(line) for line in written[0].splitlines()]
    assert {"tiny"} == {row["response_source"] for row in rows}
    assert {"judge"} == {row["labelled_by"] for row in rows}
    assert [["conformity: +1"]] * len(rows) == [row["value_types"] for row in rows]
    assert written[0] == written[1]
