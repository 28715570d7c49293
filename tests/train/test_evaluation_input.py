"""`graphengine evaluate`: tasks, and what can't be evaluated."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from graphengine.errors import InputError, TrainingError
from graphengine.training.evaluation import EvaluationSettings, evaluate
from tests.train.evaluation_kit import (
    LENGTH,
    answer,
    pair,
    prompt,
    small,
    talkative,
    tiny,
    value,
    write_dataset,
)

pytestmark = [
    pytest.mark.train,
    # What the libraries say to each other about coming versions is not about us.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]


def test_exact_match_is_a_count(tmp_path: Path, base: Path, data: Path) -> None:
    """A task whose answer is what the model greedily says is matched, another one is not."""
    from graphengine.training.evaluation.loading import open_language, respond, with_weights

    folder = talkative(tmp_path / "talkative", base)
    language = with_weights(open_language(folder))
    [said] = respond(
        language, [[{"role": "user", "content": "6 x 7?"}]], most_tokens=8, batch_size=1, seed=0, greedy=True
    )
    assert said.text.strip()
    task = tmp_path / "task.jsonl"
    task.write_text("".join(
        json.dumps({"prompt": "6 x 7?", "answer": each}) + "\n" for each in (f"  {said.text} ", "something else")
    ))
    found = evaluate(small(tmp_path / "out", data=data, models=(folder,), task=task))
    assert 0.5 == value(found, "talkative", "exact_match")


@pytest.mark.parametrize(("line", "where"), [
    ('{"prompt": "a"}', "answer"), ("no json", "JSON"), ('["a"]', "object"), ('{"prompt": 3, "answer": "b"}', "prompt"),
])
def test_a_bad_task_is_told_by_file_and_line(tmp_path: Path, base: Path, data: Path, line: str, where: str) -> None:
    """The error names the file, the line, the column and the value."""
    task = tmp_path / "task.jsonl"
    task.write_text('{"prompt": "a", "answer": "b"}\n\n' + line + "\n")
    with pytest.raises(InputError, match=rf"task\.jsonl, line 3.*{where}") as error:
        evaluate(small(tmp_path / "out", data=data, models=(base,), task=task))
    assert 3 == error.value.row


def test_only_a_line_break_ends_a_task(tmp_path: Path) -> None:
    """A line separator of Unicode, which JSON takes as it stands, is a part of its text; lines of Windows end, too."""
    from graphengine.training.evaluation.tax import read_tasks

    file = tmp_path / "task.jsonl"
    task = {"prompt": "one\u2028two\x85three", "answer": "b"}
    line = json.dumps(task, ensure_ascii=False)
    file.write_bytes(f"{line}\r\n{line}\n".encode())
    assert [task, task] == [vars(each) for each in read_tasks(file)]


def test_an_evaluation_that_fails_leaves_the_report_before(tmp_path: Path, data: Path, length: str) -> None:
    """An older report stays whole until a new one is written; pictures of models that are gone go with it then."""
    evaluate(small(tmp_path / "out", data=data, reward=length))
    before = {each.name: each.read_bytes() for each in (tmp_path / "out").iterdir()}
    with pytest.raises(TrainingError):
        evaluate(small(tmp_path / "out", data=data, reward=length, stages=(tmp_path / "none",)))
    assert before == {each.name: each.read_bytes() for each in (tmp_path / "out").iterdir()}
    (tmp_path / "yours.py").write_text(LENGTH)
    evaluate(small(tmp_path / "out", data=data, reward=f"{tmp_path / 'yours.py'}:reward"))
    assert ["reliability-yours.py-reward.svg"] == [each.name for each in (tmp_path / "out").glob("*.svg")]


def test_what_can_not_be_evaluated_is_said(tmp_path: Path, base: Path, data: Path, length: str) -> None:
    """No model, a folder that holds something else, a model given twice, no held-out pair, no chat template."""
    with pytest.raises(TrainingError, match="nothing to evaluate"):
        EvaluationSettings(out=tmp_path / "out")
    with pytest.raises(TrainingError, match="a judge needs its address and its name"):
        EvaluationSettings(out=tmp_path / "out", models=(base,), judge="http://localhost:1/v1")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(TrainingError, match="holds no evaluation"):
        evaluate(small(tmp_path / "full", data=data, models=(base,)))
    assert "mine" == (tmp_path / "full" / "mine.txt").read_text()
    with pytest.raises(TrainingError, match="holds no model"):
        evaluate(small(tmp_path / "out", data=data, models=(tmp_path,)))
    with pytest.raises(TrainingError, match="given twice"):
        evaluate(small(tmp_path / "out", data=data, models=(base, base)))
    with pytest.raises(TrainingError, match="no dataset of the kind prompts"):
        only = write_dataset(tmp_path / "only", {"cards": {"train": [pair("t", "s", "a b", "c")]}})
        evaluate(small(tmp_path / "out", data=only, models=(base,)))
    with pytest.raises(TrainingError, match="no pairs of contexts that train does not have"):
        evaluate(small(tmp_path / "out", data=only, reward=length))
    shutil.copytree(base, tmp_path / "mute")
    for file in (tmp_path / "mute").glob("chat_template*"):
        file.unlink()
    with pytest.raises(TrainingError, match="no chat template"):
        evaluate(small(tmp_path / "out", data=data, models=(tmp_path / "mute",)))


@pytest.mark.parametrize("kept", [0, 0.5, 0.99])
def test_weights_that_were_cut_are_told(tmp_path: Path, base: Path, data: Path, kept: float) -> None:
    """Weights that end early, of a copy that was broken off, are an error that names the folder."""
    shutil.copytree(base, tmp_path / "cut")
    [weights] = (tmp_path / "cut").glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[: int(kept * weights.stat().st_size)])
    with pytest.raises(TrainingError, match="cut can't be opened as a language model"):
        evaluate(small(tmp_path / "out", data=data, models=(tmp_path / "cut",)))


def test_no_test_split_is_said(tmp_path: Path, base: Path, length: str) -> None:
    """Where there is no test split, the report says what was measured on instead."""
    folder = write_dataset(tmp_path / "data", {
        "cards": {"train": [pair("t", "s", "a b c", "d"), pair("u", "s2", "e f g", "h")],
                  "validation": [pair("v", "s3", "a b c", "d")]},
        "prompts": {"train": [prompt("t", None)]},
        "sft": {"train": [answer("t", "Wait.")]},
    })
    found = evaluate(small(tmp_path / "out", data=folder, reward=length, reference=base))

    said = " ".join(found.notes)
    for part in ("those of validation", "those of train", "no winning cards", "no held-out text"):
        assert part in said
    figure = found.rows[0].measures["accuracy_contexts"]
    assert figure is not None and (1.0, 0.0, 1.0) == (figure.value, figure.lower, figure.upper)


def test_the_command_takes_models_one_after_the_other(
    tmp_path: Path, base: Path, other: Path, data: Path, length: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--models A B` with `--json` prints the one object of the report on stdout, and progress on stderr."""
    from graphengine.cli import main

    third = tiny(tmp_path / "third", seed=4)
    line = [
        "evaluate", "--data", data, "--reward", length, "--reference", base, "--models", other, third, "--out",
        tmp_path / "out", "--prompts", "4", "--max-new-tokens", "4", "--no-in-context", "--json",
    ]
    with pytest.raises(SystemExit) as code:
        main([str(each) for each in line])
    assert 0 == code.value.code
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert ["reward model", "reference", "policy", "policy"] == [each["kind"] for each in told["models"]]
    assert "other: answers 4 of 4" in err
