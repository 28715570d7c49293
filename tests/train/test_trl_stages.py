"""SFT, DPO, KTO, GRPO and RLOO on a tiny model: what is trained, counted, written, and gone on with."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from graphengine.errors import TrainingError
from graphengine.models.tiny import make_tiny
from graphengine.training import dpo, grpo, kto, rloo, sft
from graphengine.training.settings import read_settings
from tests.training_folders import pairs, texts, write_folder

pytestmark = [pytest.mark.train, pytest.mark.slow]
for _name in ("torch", "datasets", "trl"):
    pytest.importorskip(_name)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset folder with every kind that a stage here reads."""
    folder = tmp_path_factory.mktemp("data")
    rows = {"train": pairs(24), "test": pairs(6, start=24)}
    rows["train"][0]["p_chosen"] = 0.55
    for split, of_split in rows.items():
        write_folder(folder, {split: of_split}, "cards")
        write_folder(folder, {split: [
            {"prompt": row["prompt"], "completion": row["chosen"], "context_id": row["context_id"]} for row in of_split
        ]}, "sft")
        write_folder(folder, {split: [
            {"prompt": row["prompt"], "completion": row[side], "label": side == "chosen", "weight": 1.0,
             "context_id": row["context_id"]}
            for row in of_split for side in ("chosen", "rejected")
        ]}, "unpaired")
        write_folder(folder, {split: [
            {"prompt": row["prompt"], "context_id": row["context_id"], "letter": "e"} for row in of_split
        ]}, "prompts")
    return folder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a few thousand weights."""
    return make_tiny(tmp_path_factory.mktemp("tiny") / "model", texts(pairs(30)), hidden=32, layers=2, heads=2,
                     vocabulary=320, context=512)


@pytest.fixture
def reward(tmp_path: Path) -> str:
    """A reward that a file defines: the share of a letter that the dataset names."""
    file = tmp_path / "mine.py"
    file.write_text(
        "def share(rows, completions):\n"
        "    return [text.count(row['letter']) / (len(text) or 1) for row, text in zip(rows, completions)]\n"
    )
    return f"{file}:share"


STAGES = {
    "sft": (sft.SFTSettings, sft.train_sft),
    "dpo": (dpo.DPOSettings, dpo.train_dpo),
    "kto": (kto.KTOSettings, kto.train_kto),
    "grpo": (grpo.GRPOSettings, grpo.train_grpo),
    "rloo": (rloo.RLOOSettings, rloo.train_rloo),
}
SAMPLED = ("grpo", "rloo")


def settings_of(stage: str, tiny: Path, data: Path, out: Path, *more: str, reward: str = "") -> Any:
    """Settings for a few steps."""
    given = [f"model={tiny}", f"data={data}", f"out={out}", "batch_size=8", "learning_rate=1e-3", "log_every=1",
             "max_length=256", *more]
    if stage in SAMPLED:
        given += [f"rewards={{'{reward}': 1}}", "max_new_tokens=8", "steps=3"]
    return read_settings(STAGES[stage][0], None, given)


def weights(model: Path) -> dict[str, Any]:
    """The weights of a folder."""
    from safetensors.torch import load_file

    return load_file(model / "model.safetensors")


def same(one: Path, other: Path) -> bool:
    """Whether two folders hold the same weights, bit for bit."""
    import torch

    first, second = weights(one), weights(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_trains_a_plain_model_and_tells_about_it(
    stage: str, tiny: Path, data: Path, reward: str, tmp_path: Path
) -> None:
    """The model opens with AutoModelForCausalLM and has moved; metrics, report and card are there; nothing else is."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    settings = settings_of(stage, tiny, data, tmp_path / "run", reward=reward)
    said: list[str] = []
    outcome = STAGES[stage][1](settings, progress=said.append)

    assert {"run.json", "metrics.jsonl", "model", "checkpoints", "report.json", "README.md"} == {
        path.name for path in outcome.out.iterdir()
    }
    assert [] == list((outcome.out / "checkpoints").iterdir())
    assert not same(tiny, outcome.model)
    assert AutoModelForCausalLM.from_pretrained(outcome.model).num_parameters() == outcome.report["parameters"]["all"]
    assert AutoTokenizer.from_pretrained(outcome.model).chat_template
    assert json.loads((outcome.out / "report.json").read_text()) == outcome.report
    lines = [json.loads(line) for line in (outcome.out / "metrics.jsonl").read_text().splitlines()]
    steps = {"sft": 3, "dpo": 3, "kto": 6, "grpo": 3, "rloo": 3}[stage]
    assert list(range(1, steps + 1)) == [line["step"] for line in lines]
    assert steps == outcome.report["steps"]
    assert f"{stage}: step {steps}/{steps}" in said[-1]
    measure = "reward" if stage in SAMPLED else "loss"
    assert outcome.report["curve"][measure]["first"]["mean"] == lines[0][measure]
    if stage in SAMPLED:
        assert outcome.report["held_out"] is None
    else:
        assert ("test", {"kto": 12}.get(stage, 6)) == tuple(outcome.report["held_out"][k] for k in ("split", "rows"))
        assert outcome.report["held_out"]["loss"] > 0


def test_sft_learns_the_answers(tiny: Path, data: Path, tmp_path: Path) -> None:
    """Over some epochs the loss on held-out answers falls below what the untrained model has."""
    before = sft.train_sft(settings_of("sft", tiny, data, tmp_path / "none", "steps=1", "learning_rate=0"))
    after = sft.train_sft(settings_of("sft", tiny, data, tmp_path / "run", "epochs=10", "learning_rate=1e-2"))

    assert after.report["held_out"]["loss"] < 0.7 * before.report["held_out"]["loss"]
    assert same(tiny, before.model)


def test_sft_learns_the_chosen_side_of_pairs_once(tiny: Path, data: Path, tmp_path: Path) -> None:
    """From pairs, the chosen sides are learnt; one that stands in several pairs counts once."""
    repeated = write_folder(tmp_path / "data", {"train": [*pairs(8), *pairs(3)]})
    outcome = sft.train_sft(settings_of("sft", tiny, repeated, tmp_path / "run", "kind=cards"))

    assert ({"train": 8}, {"train": 3}) == (outcome.report["rows"], outcome.report["left_out"][sft.AGAIN])
    assert outcome.report["held_out"] is None


def test_dpo_leaves_doubtful_pairs_out(tiny: Path, data: Path, tmp_path: Path) -> None:
    """Pairs below `min_probability` are not trained on, and both their number and the evidence are in the report."""
    outcome = dpo.train_dpo(settings_of("dpo", tiny, data, tmp_path / "run", "min_probability=0.6"))

    assert 23 == outcome.report["rows"]["train"]
    assert {"train": 1, "test": 0} == outcome.report["left_out"][dpo.DOUBTFUL]
    assert ("none", 0.6) == (outcome.report["evidence"], outcome.report["min_probability"])


def test_a_reward_model_passes_its_gate_or_is_forced(tiny: Path, data: Path, tmp_path: Path) -> None:
    """A reward model that nobody measured is refused; forced, it pays the answers, and the report says so."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    judge = tmp_path / "judge"
    AutoModelForSequenceClassification.from_pretrained(tiny, num_labels=1).save_pretrained(judge)
    AutoTokenizer.from_pretrained(tiny).save_pretrained(judge)
    settings = settings_of("grpo", tiny, data, tmp_path / "run", "steps=1", reward=str(judge))
    with pytest.raises(TrainingError, match="is not fit to be optimised"):
        grpo.train_grpo(settings)
    report = grpo.train_grpo(replace(settings, force=True)).report

    assert [(str(judge), False)] == [(gate["model"], gate["passed"]) for gate in report["gates"]]
    assert 0 != report["curve"]["reward"]["first"]["mean"]


def test_rows_that_are_too_long_are_counted(tiny: Path, data: Path, tmp_path: Path) -> None:
    """Where TRL would cut a row, it is left out and counted; where none is left, nothing is trained."""
    from transformers import AutoTokenizer

    from graphengine.training.tokens import count_tokens

    tokenizer = AutoTokenizer.from_pretrained(tiny)
    lengths = sorted(
        max(count_tokens(tokenizer, row["prompt"], row[side]) for side in ("chosen", "rejected")) for row in pairs(24)
    )
    outcome = dpo.train_dpo(settings_of("dpo", tiny, data, tmp_path / "run", f"max_length={lengths[12]}", "steps=1"))

    kept = sum(length <= lengths[12] for length in lengths)
    assert kept == outcome.report["rows"]["train"]
    assert 24 - kept == outcome.report["left_out"]["longer than max_length"]["train"]
    with pytest.raises(TrainingError, match=r"no row of .* is left to train on .*longer than max_length: 24"):
        dpo.train_dpo(settings_of("dpo", tiny, data, tmp_path / "other", "max_length=5"))
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("stage", ["sft", "rloo"])
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not(
    stage: str, tiny: Path, data: Path, reward: str, tmp_path: Path
) -> None:
    """Stopped after a checkpoint and resumed: the same weights, bit for bit, and the same lines of metrics."""
    more = ["save_every=2", *(["epochs=2"] if stage == "sft" else [])]
    whole = STAGES[stage][1](settings_of(stage, tiny, data, tmp_path / "whole", *more, reward=reward))

    def stop(line: str) -> None:
        if f"{stage}: step 3/" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        STAGES[stage][1](settings_of(stage, tiny, data, tmp_path / "run", *more, reward=reward), progress=stop)
    broken = tmp_path / "run" / "checkpoints" / "checkpoint-9"
    broken.mkdir()  # as if it had been stopped while it wrote
    again = STAGES[stage][1](
        settings_of(stage, tiny, data, tmp_path / "run", *more, "resume=true", reward=reward)
    )

    assert same(whole.model, again.model)
    told = [
        [{key: row.get(key) for key in ("step", "loss", "reward")} for row in map(json.loads, lines)]
        for lines in ((run.out / "metrics.jsonl").read_text().splitlines() for run in (whole, again))
    ]
    assert told[0] == told[1]
    assert not broken.exists()


def test_lora_becomes_a_plain_model(tiny: Path, data: Path, tmp_path: Path) -> None:
    """With adapters few weights are trained, and the folder that is written opens without peft."""
    outcome = sft.train_sft(settings_of("sft", tiny, data, tmp_path / "run", "lora_rank=2"))

    assert outcome.report["parameters"]["trained"] < 0.3 * outcome.report["parameters"]["all"]
    assert not list(outcome.model.glob("adapter*"))
    assert weights(tiny).keys() == weights(outcome.model).keys()
    assert not same(tiny, outcome.model)


def test_a_damaged_model_is_named(tiny: Path, data: Path, tmp_path: Path) -> None:
    """Weights cut short, no model at all, a folder of something else, a name that is not in the cache."""
    import shutil

    cut = shutil.copytree(tiny, tmp_path / "cut")
    (cut / "model.safetensors").write_bytes((tiny / "model.safetensors").read_bytes()[:5000])
    with pytest.raises(TrainingError, match=r"the weights of .*cut can't be opened"):
        sft.train_sft(settings_of("sft", cut, data, tmp_path / "run"))
    with pytest.raises(TrainingError, match=r"has no config\.json"):
        sft.train_sft(settings_of("sft", data, data, tmp_path / "run"))
    with pytest.raises(TrainingError, match="nobody/nothing can't be opened") as caught:
        sft.train_sft(settings_of("sft", Path("nobody/nothing"), data, tmp_path / "run"))
    assert "HF_HUB_OFFLINE=0" in caught.value.hint


def test_a_model_without_a_template_is_refused(tiny: Path, data: Path, tmp_path: Path) -> None:
    """Conversations need a chat template, and the message says what to do."""
    import shutil

    bare = shutil.copytree(tiny, tmp_path / "bare")
    (bare / "chat_template.jinja").unlink()
    with pytest.raises(TrainingError, match="has no chat template, and the rows are conversations"):
        sft.train_sft(settings_of("sft", bare, data, tmp_path / "run"))


def test_pad_may_equal_end(tiny: Path, data: Path, tmp_path: Path) -> None:
    """Where a tokenizer pads with its end token, the end is learnt all the same: answers are as likely to end."""
    import shutil

    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    alike = shutil.copytree(tiny, tmp_path / "alike")
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    tokenizer.pad_token = tokenizer.eos_token
    tokenizer.save_pretrained(alike)
    found = []
    for model in (tiny, alike):
        out = sft.train_sft(settings_of("sft", model, data, tmp_path / f"run-{model.name}", "epochs=2")).model
        ids = torch.tensor([tokenizer("I would take a breath.")["input_ids"]])
        with torch.no_grad():
            found.append(AutoModelForCausalLM.from_pretrained(out)(ids).logits[0, -1])

    assert torch.equal(*found)


@pytest.mark.parametrize(
    ("stage", "more", "message"),
    [
        ("kto", ["batch_size=1"], "KTO compares answers within a batch"),
        ("grpo", ["generations=3"], "generations is 3, which does not divide batch_size, 8"),
        ("rloo", ["max_length=8"], "leaves no room for a prompt"),
        ("rloo", ["temperature=0"], "temperature must be more than 0"),
        ("sft", ["warmup=10"], "warmup is 10.0, and is a share of the steps"),
    ],
)
def test_settings_that_do_not_fit_each_other_are_refused(
    stage: str, more: list[str], message: str, tiny: Path, data: Path, reward: str, tmp_path: Path
) -> None:
    """Before anything is opened, the setting at fault is named."""
    with pytest.raises(TrainingError, match=message):
        settings_of(stage, tiny, data, tmp_path / "run", *more, reward=reward)


def test_a_full_disk_keeps_the_last_checkpoint(tiny: Path, data: Path, tmp_path: Path) -> None:
    """Where a checkpoint can't be written, the message says so, and the run goes on from the one before."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(line: str) -> None:
        if "step 3/" in line:
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))

    more = ("epochs=2", "save_every=2")
    try:
        with pytest.raises(TrainingError, match="can't be written") as caught:
            sft.train_sft(settings_of("sft", tiny, data, tmp_path / "run", *more), progress=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "resume=true" in caught.value.hint
    said: list[str] = []
    again = sft.train_sft(settings_of("sft", tiny, data, tmp_path / "run", *more, "resume=true"), progress=said.append)

    assert "sft: step 3/6" in said[1]
    lines = (again.out / "metrics.jsonl").read_text().splitlines()
    assert list(range(1, 7)) == [json.loads(line)["step"] for line in lines]


def test_two_processes_train_one_model(tiny: Path, data: Path, tmp_path: Path) -> None:
    """Started by torchrun, each process takes its share of a step, and one of them writes and speaks."""
    import os
    import subprocess
    import sys

    sets = [f"--set={each}" for each in (
        f"model={tiny}", f"data={data}", f"out={tmp_path / 'run'}", "batch_size=4", "log_every=1", "save_every=2",
        "max_length=256",
    )]
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m", "graphengine",
         "train", "sft", *sets],
        capture_output=True, text=True, check=False, timeout=300,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )
    assert 0 == done.returncode, done.stderr
    assert 1 == done.stdout.count("sft: 3 steps on 24 rows")
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [1, 2, 3] == [json.loads(line)["step"] for line in lines]
    assert not same(tiny, tmp_path / "run" / "model")
