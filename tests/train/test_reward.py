"""The reward model: the steps of TRL's trainer, exact resume and evaluation, plain checkpoints."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
for _name in ("transformers", "trl", "datasets", "accelerate", "peft", "sklearn"):
    pytest.importorskip(_name)

from graphengine.errors import TrainingError  # noqa: E402 (torch may be missing)
from graphengine.models.tiny import make_tiny  # noqa: E402
from graphengine.training.batches import Order  # noqa: E402
from graphengine.training.data import open_folder  # noqa: E402
from graphengine.training.reward import RewardSettings, train_reward  # noqa: E402
from graphengine.training.reward_rows import encode  # noqa: E402
from graphengine.training.tokens import open_tokenizer  # noqa: E402
from tests.training_folders import pair, pairs, texts, write_folder  # noqa: E402

pytestmark = [
    pytest.mark.train,
    # What the libraries say to each other about coming versions is not about us.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]
ROWS = pairs(72)
SOME = {"learning_rate": 3e-3, "batch_size": 8, "log_every": 1, "dtype": "float32"}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of two small layers, with its tokenizer."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    return make_tiny(folder, texts(ROWS), hidden=32, layers=2, heads=2, vocabulary=400)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 pairs to train on, 12 to validate and 12 to test on."""
    folder = tmp_path_factory.mktemp("data") / "pairs"
    return write_folder(folder, {"train": ROWS[:48], "validation": ROWS[48:60], "test": ROWS[60:]})


def train(model: Path, data: Path, out: Path, **more: Any) -> Any:
    """A short run."""
    return train_reward(RewardSettings(model=model, data=data, out=out, **{**SOME, **more}))


def lines(out: Path, name: str = "loss") -> list[float]:
    """A number of each step."""
    read = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [line[name] for line in read if name in line]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """The weights of a finished model."""
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def rewards_of(folder: Path, rows: list[dict[str, Any]]) -> np.ndarray:
    """What the plain checkpoint says of each text, read alone: [n, 2]."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model, tokenizer = AutoModelForSequenceClassification.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    found = []
    for row in rows:
        talks = [row["prompt"] + row[side] for side in ("chosen", "rejected")]
        with torch.no_grad():
            ids = [tokenizer.apply_chat_template(talk, return_tensors="pt", return_dict=True) for talk in talks]
            found.append([model(input_ids=each["input_ids"]).logits.item() for each in ids])
    return np.array(found)


def two_processes(program: Path, *arguments: str) -> None:
    """Run a program as two processes that train together, and end both if one hangs."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(program)]
    env = {**os.environ, "ACCELERATE_USE_CPU": "true", "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [*command, *arguments], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    ) as running:  # fmt: skip
        try:
            said, _ = running.communicate(timeout=240)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
    assert 0 == running.returncode, said[-4000:]


def of_trl(model: Path, data: Path, out: Path, *, margin: bool, **more: Any) -> tuple[list[float], Any]:
    """TRL's RewardTrainer on the same rows in the same order: the loss of each step, and the trained model."""
    from trl import RewardConfig, RewardTrainer

    rows = open_folder(data).splits["train"]
    order = Order(len(rows), 8, seed=0)
    steps = [row for step in range(2 * order.per_epoch) for row in order.step(step)]
    columns = ["prompt", "chosen", "rejected", *(["margin"] if margin else [])]
    arguments = RewardConfig(
        output_dir=str(out), num_train_epochs=1, per_device_train_batch_size=8, learning_rate=3e-3, logging_steps=1,
        logging_first_step=True, report_to="none", save_strategy="no", seed=0, bf16=False, use_cpu=True,
        gradient_checkpointing=False, disable_tqdm=True, train_sampling_strategy="sequential", **more,
    )  # fmt: skip
    trainer = RewardTrainer(model=str(model), args=arguments, train_dataset=rows.select(steps).select_columns(columns))
    trainer.train()
    return [float(line["loss"]) for line in trainer.state.log_history if "loss" in line], trainer.model


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["flat", "padded"])
@pytest.mark.parametrize("evidence", ["weight", "margin"])
def test_the_steps_are_those_of_trl(tiny: Path, tmp_path: Path, evidence: str, layout: str) -> None:
    """With weights of 1, and with margins: the loss of each of 12 steps and the trained weights are TRL's to 1e-5."""
    data = write_folder(tmp_path / "data", {"train": [{**row, "weight": 1.0} for row in ROWS[:48]]})
    expected, model = of_trl(tiny, data, tmp_path / "trl", margin=evidence == "margin", center_rewards_coefficient=0.01)
    train(tiny, data, tmp_path / "ours", evidence=evidence, layout=layout, epochs=2, micro_batch=4)
    found = lines(tmp_path / "ours")
    assert 12 == len(expected) == len(found)
    assert np.allclose(expected, found, atol=1e-5)
    assert min(expected) < 0.6 * expected[0]
    ours = weights(tmp_path / "ours" / "model")
    for name, value in model.state_dict().items():
        assert torch.allclose(value, ours[name], atol=1e-4), name


@pytest.mark.parametrize("evidence", ["weight", "soft-label"])
def test_the_weight_of_a_pair_reaches_the_gradient(tiny: Path, tmp_path: Path, evidence: str) -> None:
    """Wrong pairs of weight 0 do no harm, and a soft label of 0 turns a pair round."""
    no = {"weight": 0.0, "p_chosen": 0.0}
    wrong = [{**row, "chosen": row["rejected"], "rejected": row["chosen"], **no} for row in ROWS]
    both = [each for right, other in zip(ROWS[:48], wrong[:48], strict=True) for each in (right, other)]
    data = write_folder(tmp_path / "data", {"train": both, "test": ROWS[48:]})
    report = train(tiny, data, tmp_path / "run", evidence=evidence, epochs=3).report
    assert report["held_out"]["accuracy"] > 0.9
    assert evidence == report["evidence"]


def test_an_interrupted_run_goes_on_as_if_it_had_not_been(tiny: Path, data: Path, tmp_path: Path) -> None:
    """Stopped in the middle, between two lines of the log, and taken up again: the same bytes in model and numbers."""
    more = {"epochs": 3, "log_every": 4, "save_every": 3}
    train(tiny, data, tmp_path / "whole", **more)

    def stop(line: str) -> None:
        if "step 12/" in line:
            raise KeyboardInterrupt

    settings = RewardSettings(model=tiny, data=data, out=tmp_path / "two", **{**SOME, **more})
    with pytest.raises(KeyboardInterrupt):
        train_reward(settings, progress=stop)
    assert ["step-00000009"] == [path.name for path in (tmp_path / "two" / "checkpoints").iterdir()]
    assert not (tmp_path / "two" / "report.json").exists()
    said: list[str] = []
    again = train_reward(RewardSettings(**{**vars(settings), "resume": True}), progress=said.append)
    assert "reward: goes on from step 9" in said
    one, other = (tmp_path / each / "model" / "model.safetensors" for each in ("whole", "two"))
    assert one.read_bytes() == other.read_bytes()
    for name in ("loss", "accuracy", "difference", "grad_norm", "learning_rate", "validation_accuracy"):
        assert lines(tmp_path / "whole", name) == lines(tmp_path / "two", name)
    whole = json.loads((tmp_path / "whole" / "report.json").read_text())
    assert whole["held_out"] == again.report["held_out"]


@pytest.mark.slow
def test_a_killed_run_goes_on(tiny: Path, data: Path, tmp_path: Path) -> None:
    """Kill -9 in the middle of a run leaves a whole checkpoint, and the rest is done from there."""
    program = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom graphengine.training.reward import *\n"
        "stop = lambda line: os.kill(os.getpid(), signal.SIGKILL) if 'step 7/' in line else None\n"
        "train_reward(RewardSettings(model=Path(sys.argv[1]), data=Path(sys.argv[2]), out=Path(sys.argv[3]),"
        " **eval(sys.argv[4])), progress=stop)"
    )
    more = {**SOME, "epochs": 2, "save_every": 2}
    arguments = [str(tiny), str(data), str(tmp_path / "run"), repr(more)]
    done = subprocess.run([sys.executable, "-c", program, *arguments], check=False)
    assert -9 == done.returncode
    train(tiny, data, tmp_path / "whole", epochs=2, save_every=2)
    train(tiny, data, tmp_path / "run", epochs=2, save_every=2, resume=True)
    one, other = (tmp_path / each / "model" / "model.safetensors" for each in ("whole", "run"))
    assert one.read_bytes() == other.read_bytes()
    assert lines(tmp_path / "whole") == lines(tmp_path / "run")


def test_a_run_of_other_data_does_not_go_on(tiny: Path, data: Path, tmp_path: Path) -> None:
    """Resuming with another dataset or another setting is refused, and names what changed."""
    train(tiny, data, tmp_path / "run", steps=2, save_every=1)
    other = write_folder(tmp_path / "other", {"train": ROWS[:20]})
    with pytest.raises(TrainingError, match="data_hash was"):
        train(tiny, other, tmp_path / "run", steps=2, save_every=1, resume=True)
    with pytest.raises(TrainingError, match="evidence was 'weight' and is 'margin'"):
        train(tiny, data, tmp_path / "run", steps=2, save_every=1, resume=True, evidence="margin")


def test_the_report_tells_what_a_plain_checkpoint_says(tiny: Path, data: Path, tmp_path: Path) -> None:
    """Accuracy, mean reward and difference are those of the saved model, each text read alone; counts are right."""
    outcome = train(tiny, data, tmp_path / "run", epochs=2)
    found, rewards = outcome.report["held_out"], rewards_of(outcome.model, ROWS[60:])
    apart = rewards[:, 0] - rewards[:, 1]
    assert pytest.approx((apart > 0).mean()) == found["accuracy"]
    assert pytest.approx(apart.mean(), abs=1e-5) == found["mean_difference"]
    assert pytest.approx(rewards.mean(), abs=1e-5) == found["mean_reward"]
    assert ("test", 12, 0) == (found["split"], found["pairs"], found["ties"])
    assert found["lower"] < found["accuracy"] <= found["upper"]
    assert {"train": 48, "validation": 12, "test": 12} == outcome.report["rows"]
    assert "validation" == outcome.report["validation"]["split"]
    assert found["accuracy"] >= outcome.report["before"]["accuracy"]
    assert {"length", "words", "title"} <= {each["name"] for each in outcome.report["baselines"]}
    assert ("flat", "weight", "ab12") == tuple(outcome.report[key] for key in ("layout", "evidence", "votes_hash"))
    card = (tmp_path / "run" / "README.md").read_text()
    assert "| evidence used | weight |" in card
    assert "graphengine-flat" not in (outcome.model / "config.json").read_text()


@pytest.mark.parametrize("layout", ["flat", "padded"])
def test_measures_do_not_depend_on_the_batch(tiny: Path, data: Path, tmp_path: Path, layout: str) -> None:
    """The same run measured in batches of 40, 500 and 16,384 tokens: the same accuracy and ties, rewards to 1e-6.

    What is measured is the untrained model, since the size of batches moves the rounding of training.
    """
    tied = [*ROWS[:10], {**ROWS[10], "rejected": ROWS[10]["chosen"]}]
    folder = write_folder(tmp_path / "data", {"train": ROWS[20:30], "test": tied})
    found = [
        train(tiny, folder, tmp_path / str(tokens), layout=layout, steps=1, tokens_at_once=tokens).report["before"]
        for tokens in (10, 125, 16384)
    ]
    for name in ("accuracy", "ties", "lower", "upper", "pairs"):
        assert 1 == len({each[name] for each in found})
    assert 1 == found[0]["ties"]
    assert pytest.approx(0.5) == found[0]["accuracy"] * 11 % 1
    assert np.ptp([each["mean_reward"] for each in found]) < 1e-6


def test_trl_samples_against_the_checkpoint(tiny: Path, data: Path, tmp_path: Path) -> None:
    """RLOO takes the folder as its reward, by path, and moves a policy with it."""
    from trl import RLOOConfig, RLOOTrainer

    outcome = train(tiny, data, tmp_path / "run", steps=2)
    arguments = RLOOConfig(
        output_dir=str(tmp_path / "rloo"), max_steps=1, per_device_train_batch_size=4, num_generations=2,
        max_completion_length=4, learning_rate=1e-3, report_to="none", save_strategy="no", bf16=False, use_cpu=True,
        gradient_checkpointing=False, disable_tqdm=True, logging_steps=1,
    )  # fmt: skip
    rows = open_folder(data).splits["train"].select_columns(["prompt"])
    trainer = RLOOTrainer(
        model=str(tiny), reward_funcs=str(outcome.model), args=arguments, train_dataset=rows
    )
    trainer.train()
    told = [line for line in trainer.state.log_history if "reward" in line]
    assert np.isfinite(told[0]["reward"])


def test_adapters_become_part_of_the_weights(tiny: Path, data: Path, tmp_path: Path) -> None:
    """LoRA trains a tenth of the weights, resumes bit for bit, and saves a folder that needs no peft."""
    more = {"lora_rank": 2, "epochs": 2, "learning_rate": 1e-2, "save_every": 4}
    outcome = train(tiny, data, tmp_path / "whole", **more)
    assert outcome.report["parameters"]["trained"] < 0.3 * outcome.report["parameters"]["all"]
    rewards = rewards_of(outcome.model, ROWS[60:])
    apart = (rewards[:, 0] - rewards[:, 1]).mean()
    assert pytest.approx(apart, abs=1e-4) == outcome.report["held_out"]["mean_difference"]
    assert not list(outcome.model.glob("adapter*"))

    def stop(line: str) -> None:
        if "step 6/" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_reward(
            RewardSettings(model=tiny, data=data, out=tmp_path / "two", **{**SOME, **more}), progress=stop
        )
    again = train(tiny, data, tmp_path / "two", **more, resume=True)
    assert (outcome.model / "model.safetensors").read_bytes() == (again.model / "model.safetensors").read_bytes()


def test_half_precision_trains(tiny: Path, data: Path, tmp_path: Path) -> None:
    """bfloat16 as on a GPU: weights stay single, losses are those of single precision to rounding."""
    train(tiny, data, tmp_path / "single", steps=6)
    half = train(tiny, data, tmp_path / "half", steps=6, dtype="bfloat16")
    assert {torch.float32} == {value.dtype for value in weights(half.model).values()}
    assert np.allclose(lines(tmp_path / "single"), lines(tmp_path / "half"), atol=0.03)
    assert lines(tmp_path / "single") != lines(tmp_path / "half")


def test_schedules_are_those_of_transformers(tiny: Path, data: Path, tmp_path: Path) -> None:
    """The learning rate of each step with warm-up, for every schedule."""
    from transformers import get_scheduler

    for schedule in ("linear", "cosine", "constant"):
        train(tiny, data, tmp_path / schedule, steps=8, schedule=schedule, warmup=0.25)
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=3e-3)
        name = "constant_with_warmup" if schedule == "constant" else schedule
        there = get_scheduler(name, optimizer, num_warmup_steps=2, num_training_steps=8)
        expected = []
        for _ in range(8):
            expected.append(there.get_last_lr()[0])
            optimizer.step()
            there.step()
        assert pytest.approx(expected) == lines(tmp_path / schedule, "learning_rate")


def test_recomputed_layers_give_the_same_run(tiny: Path, data: Path, tmp_path: Path) -> None:
    """Gradient checkpointing changes memory, not numbers."""
    train(tiny, data, tmp_path / "one", steps=4)
    train(tiny, data, tmp_path / "two", steps=4, gradient_checkpointing=True)
    assert np.allclose(lines(tmp_path / "one"), lines(tmp_path / "two"), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["flat", "padded"])
def test_two_processes_train_as_one(tiny: Path, tmp_path: Path, layout: str) -> None:
    """DDP by accelerate, each process with its share of a step: losses and measures of one process to rounding.

    The last step of the epoch has one pair, which one of the two can't have.
    """
    data = write_folder(tmp_path / "data", {"train": ROWS[:41], "test": ROWS[41:]})
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\nfrom pathlib import Path\nfrom graphengine.training.reward import *\n"
        "train_reward(RewardSettings(model=Path(sys.argv[1]), data=Path(sys.argv[2]), out=Path(sys.argv[3]),"
        " **eval(sys.argv[4])))"
    )
    # A small learning rate: Adam's first steps have the size of it whatever the gradient, and blow rounding up.
    same = {**SOME, "learning_rate": 3e-4, "steps": 8, "layout": layout}
    more = {**same, "batch_size": 4, "save_every": 4}
    two_processes(program, str(tiny), str(data), str(tmp_path / "two"), repr(more))
    one = train(tiny, data, tmp_path / "one", **same).report
    two = json.loads((tmp_path / "two" / "report.json").read_text())
    assert np.allclose(lines(tmp_path / "one"), lines(tmp_path / "two"), atol=1e-5)
    for name in ("accuracy", "pairs", "ties"):
        assert one["held_out"][name] == two["held_out"][name]
    assert pytest.approx(one["held_out"]["mean_reward"], abs=1e-4) == two["held_out"]["mean_reward"]


def test_rows_are_read_as_trl_reads_them(tiny: Path, data: Path, tmp_path: Path) -> None:
    """Token ids of conversations and of plain texts are those of TRL's preparation."""
    from datasets import Dataset
    from trl import RewardConfig, RewardTrainer

    plain = [{"prompt": "Q: hi ", "chosen": "there", "rejected": "you<|im_end|>", "context_id": "a"}] * 3
    for rows in (open_folder(data).splits["train"], Dataset.from_list(plain)):
        ours = encode(rows, open_tokenizer(tiny, rows), 512, "none", "train.parquet")
        arguments = RewardConfig(output_dir=str(tmp_path), bf16=False, use_cpu=True, report_to="none", max_length=512)
        columns = rows.select_columns(["prompt", "chosen", "rejected"])
        theirs = RewardTrainer(model=str(tiny), args=arguments, train_dataset=columns).train_dataset
        assert ours.pairs == list(zip(theirs["chosen_ids"], theirs["rejected_ids"], strict=True))


def test_the_sample_graph_trains(tiny: Path, tmp_path: Path) -> None:
    """An export of the sample graph, as it is, goes through a step."""
    from graphengine.preferences import write_preferences
    from graphengine.sample import sample_files
    from tests.preference_sources import source_of_files

    write_preferences(source_of_files(sample_files()["cards"].parent), tmp_path / "data")
    report = train(tiny, tmp_path / "data", tmp_path / "run", steps=1, max_length=2048).report
    assert report["rows"]["train"] > 0 == report["left_out"]["longer than max_length"]["train"]
    assert report["held_out"]["pairs"] > 0


def test_pair_is_what_its_number_says() -> None:
    """The pairs of these tests do not change under them."""
    assert pair(3) == pair(3) != pair(4)
