"""What can be wrong before, in and after a training of the reward model: clear messages, and nothing lost."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

torch = pytest.importorskip("torch")
for _name in ("transformers", "datasets", "accelerate", "sklearn"):
    pytest.importorskip(_name)

from graphengine.errors import TrainingError  # noqa: E402 (torch may be missing)
from graphengine.models.tiny import make_tiny  # noqa: E402
from graphengine.training.reward import RewardSettings, train_reward  # noqa: E402
from tests.training_folders import pairs, texts, write_folder  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.train,
    # What the libraries say to each other about coming versions is not about us.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]
ROWS = pairs(40)
SOME = {"learning_rate": 3e-3, "batch_size": 8, "log_every": 1, "dtype": "float32"}
PROGRAM = """
import os, resource, signal, sys
from pathlib import Path
from graphengine.errors import TrainingError
from graphengine.training.reward import RewardSettings, train_reward

def rename(path, target, renamed=[], original=Path.rename):
    if "step-" in str(target) and not renamed.append(1) and len(renamed) == 2:
        os.kill(os.getpid(), signal.SIGKILL)  # all is written, and nothing has its name
    return original(path, target)

def disk(line):
    if "step 5/" in line:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

how, model, data, out, more = sys.argv[1:]
if how == "killed":
    Path.rename = rename
settings = RewardSettings(model=Path(model), data=Path(data), out=Path(out), **eval(more))
try:
    train_reward(settings, progress=disk if how == "full" else print)
except TrainingError as error:
    sys.exit(f"{error.message}\\n{error.hint}")
"""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of one small layer, with its tokenizer."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    return make_tiny(folder, texts(ROWS), hidden=32, layers=1, heads=2, vocabulary=400)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """32 pairs to train on, 8 to test on."""
    return write_folder(tmp_path / "data", {"train": ROWS[:32], "test": ROWS[32:]})


def train(model: Path, data: Path, out: Path, **more: Any) -> Any:
    """A short run."""
    return train_reward(RewardSettings(model=model, data=data, out=out, **{**SOME, **more}))


def changed(model: Path, to: Path, **settings: Any) -> Path:
    """A copy of a model with other settings of its tokenizer."""
    shutil.copytree(model, to)
    file = to / "tokenizer_config.json"
    told = json.loads(file.read_text())
    file.write_text(json.dumps({name: value for name, value in {**told, **settings}.items() if value is not None}))
    return to


def test_a_changed_file_stops_it_before_anything_is_made(tiny: Path, data: Path, tmp_path: Path) -> None:
    """A dataset that is not what was exported is refused, and no run folder is left behind."""
    file = data / "cards" / "test.parquet"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(TrainingError, match=r"test\.parquet was changed after the export"):
        train(tiny, data, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("column", "said"), [("weight", "has no column weight"), ("margin", "has no column margin")])
def test_a_missing_column_stops_it(tiny: Path, tmp_path: Path, column: str, said: str) -> None:
    """With the file and the columns that there are."""
    rows = [{name: value for name, value in row.items() if name != column} for row in ROWS]
    with pytest.raises(TrainingError, match=said):
        train(tiny, write_folder(tmp_path / "data", {"train": rows}), tmp_path / "run")


def test_an_empty_weight_stops_it(tiny: Path, tmp_path: Path) -> None:
    """With file and row, instead of a TypeError in the middle of an epoch."""
    rows = [*ROWS[:5], {**ROWS[5], "weight": None}]
    with pytest.raises(TrainingError, match=r"train\.parquet, row 6: weight is empty"):
        train(tiny, write_folder(tmp_path / "data", {"train": rows}), tmp_path / "run")


def test_nothing_to_learn_stops_it(tiny: Path, tmp_path: Path) -> None:
    """All weights zero, or no train split: said at once."""
    with pytest.raises(TrainingError, match=r"all weights of .* are zero"):
        rows = [{**row, "weight": 0.0} for row in ROWS]
        train(tiny, write_folder(tmp_path / "zero", {"train": rows}), tmp_path / "run")
    with pytest.raises(TrainingError, match="has no train split"):
        train(tiny, write_folder(tmp_path / "none", {"test": ROWS}), tmp_path / "run")


def test_long_rows_are_counted_and_told(tiny: Path, data: Path, tmp_path: Path) -> None:
    """Rows beyond max_length are left out of training and measures, and told in report, card and progress."""
    from transformers import AutoTokenizer

    tokenizer, said = AutoTokenizer.from_pretrained(tiny), []
    talks = [[row["prompt"] + row[side] for side in ("chosen", "rejected")] for row in ROWS]
    lengths = [max(len(tokenizer.apply_chat_template(talk)["input_ids"]) for talk in each) for each in talks]
    most = sorted(lengths)[20]
    settings = RewardSettings(model=tiny, data=data, out=tmp_path / "run", **SOME, max_length=most)
    report = train_reward(settings, progress=said.append).report
    long = [length > most for length in lengths]
    assert {"train": sum(long[:32]), "test": sum(long[32:])} == report["left_out"]["longer than max_length"]
    assert {"train": 32 - sum(long[:32]), "test": 8 - sum(long[32:])} == report["rows"]
    assert report["rows"]["test"] == report["held_out"]["pairs"]
    assert f"{sum(long)} longer than max_length left out" in said[0]
    assert f"train: {sum(long[:32])}, test: {sum(long[32:])}" in (tmp_path / "run" / "README.md").read_text()
    with pytest.raises(TrainingError, match=r"no pair .* all 32 are longer than max_length, 3") as caught:
        train(tiny, data, tmp_path / "none", max_length=3)
    assert "larger max_length" in caught.value.hint


@pytest.mark.parametrize("pad", ["<|im_end|>", None], ids=["pad is eos", "no pad"])
def test_a_pad_token_that_ends_texts_is_replaced(tiny: Path, data: Path, tmp_path: Path, pad: str | None) -> None:
    """Where pad and end are one token, a padded text would be scored one token early: a new token pads, and is told.

    The template ends a text with the end token here, so the fault would show: the saved model gives the report's
    rewards for texts alone and for padded batches.
    """
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = changed(tiny, tmp_path / "model", pad_token=pad)
    template = (model / "chat_template.jinja").read_text()
    (model / "chat_template.jinja").write_text(template.replace("{{- '\\n' -}}{%- endfor -%}", "{%- endfor -%}"))
    outcome = train(model, data, tmp_path / "run", steps=2)
    assert any("new pad token" in note for note in outcome.report["notes"])
    tokenizer = AutoTokenizer.from_pretrained(outcome.model)
    saved = AutoModelForSequenceClassification.from_pretrained(outcome.model)
    assert tokenizer.eos_token_id != tokenizer.pad_token_id == saved.config.pad_token_id
    talks = [row["prompt"] + row[side] for row in ROWS[32:] for side in ("chosen", "rejected")]
    shown = [tokenizer.apply_chat_template(talk, tokenize=False) for talk in talks]
    assert all(text.endswith("<|im_end|>") for text in shown)
    batch = tokenizer(shown, return_tensors="pt", padding=True, padding_side="right", add_special_tokens=False)
    with torch.no_grad():
        together = saved(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, 0]
        alone = [saved(input_ids=batch["input_ids"][i : i + 1, : mask.sum()]).logits.item()
                 for i, mask in enumerate(batch["attention_mask"])]  # fmt: skip
    assert pytest.approx(alone, abs=1e-5) == together.tolist()
    assert pytest.approx(together.mean().item(), abs=1e-5) == outcome.report["held_out"]["mean_reward"]


def test_a_model_without_a_chat_template_is_told(tiny: Path, data: Path, tmp_path: Path) -> None:
    """The message says what is missing, the hint what to do; plain rows need none."""
    model = changed(tiny, tmp_path / "model")
    (model / "chat_template.jinja").unlink()
    with pytest.raises(TrainingError, match="has no chat template") as caught:
        train(model, data, tmp_path / "run")
    assert "chat model" in caught.value.hint
    plain = [
        {**row, **{name: row[name][0]["content"] for name in ("prompt", "chosen", "rejected")}} for row in ROWS
    ]
    folder = write_folder(tmp_path / "plain", {"train": plain[:32], "test": plain[32:]})
    assert 8 == train(model, folder, tmp_path / "other", steps=1).report["held_out"]["pairs"]


def test_rows_that_mix_forms_are_told(tiny: Path, tmp_path: Path) -> None:
    """A plain prompt with a conversation as the answer: file and row, not a TypeError of the template."""
    rows = [{**row, "prompt": row["prompt"][0]["content"]} for row in ROWS]
    with pytest.raises(TrainingError, match="row 1: the prompt is plain text, and the answer a conversation"):
        train(tiny, write_folder(tmp_path / "data", {"train": rows}), tmp_path / "run")


def test_weights_that_are_cut_short_are_told(tiny: Path, data: Path, tmp_path: Path) -> None:
    """A download that ended in the middle, or weights that are not all there."""
    model = changed(tiny, tmp_path / "model")
    whole = (model / "model.safetensors").read_bytes()
    (model / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TrainingError, match=r"the weights of .* can't be opened") as caught:
        train(model, data, tmp_path / "run")
    assert "copy or download the model again" == caught.value.hint
    from safetensors.torch import load_file, save_file

    kept = {name: value for name, value in load_file(tiny / "model.safetensors").items() if "mlp" not in name}
    save_file(kept, model / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TrainingError, match="lacks 3 of its weights"):
        train(model, data, tmp_path / "run")


def test_pairs_that_read_alike_are_counted(tiny: Path, tmp_path: Path) -> None:
    """They stay, teach nothing, count as ties, and are told."""
    rows = [{**row, "rejected": row["chosen"]} if place % 8 == 0 else row for place, row in enumerate(ROWS)]
    data = write_folder(tmp_path / "data", {"train": rows[:32], "test": rows[32:]})
    report = train(tiny, data, tmp_path / "run", steps=2).report
    assert ["Pairs whose texts are the same to the model, which teach nothing and count as ties: 4 in train, 1 in test."
            ] == report["notes"]  # fmt: skip
    assert 1 == report["held_out"]["ties"]


def test_a_loss_that_is_not_finite_stops_it(tiny: Path, tmp_path: Path) -> None:
    """With the step, instead of a model of nothing but NaN."""
    rows = [{**row, "margin": 1e300} for row in ROWS]
    data = write_folder(tmp_path / "data", {"train": rows})
    with pytest.raises(TrainingError, match="the loss of step 1 is not finite"):
        train(tiny, data, tmp_path / "run", evidence="margin")
    assert not (tmp_path / "run" / "model").exists()


def test_weights_that_are_no_numbers_are_no_checkpoint(tiny: Path, tmp_path: Path) -> None:
    """Where a run breaks between two lines of its log, what it goes on from is still the checkpoint before."""
    data = write_folder(tmp_path / "data", {"train": ROWS})
    with pytest.raises(TrainingError, match=r"the loss of step \d is not finite"):
        train(tiny, data, tmp_path / "run", learning_rate=1e36, log_every=5, save_every=1)
    (kept,) = (tmp_path / "run" / "checkpoints").glob("step-*")
    state = torch.load(kept / "state.pt", weights_only=True)
    assert all(each.isfinite().all() for each in state["weights"].values())


def test_a_model_that_can_not_read_flat_is_told(data: Path, tmp_path: Path) -> None:
    """With layout: flat it is an error; with auto the report says why the pairs were padded."""
    from transformers import BertConfig, BertForSequenceClassification

    tiny = make_tiny(tmp_path / "tokens", texts(ROWS), hidden=32, layers=1, heads=2, vocabulary=400)
    shutil.copytree(tiny, tmp_path / "bert")
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BertConfig(vocab_size=500, num_labels=1, pad_token_id=0, **sizes)
    BertForSequenceClassification(config).save_pretrained(tmp_path / "bert")
    report = train(tmp_path / "bert", data, tmp_path / "run", steps=1).report
    assert "padded" == report["layout"]
    assert "another head" in report["notes"][0]
    with pytest.raises(TrainingError, match="can't read pairs flat: it has another head"):
        train(tmp_path / "bert", data, tmp_path / "other", steps=1, layout="flat")


def run(how: str, tiny: Path, data: Path, out: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    """A run in a process of its own, to which something happens."""
    arguments = [how, str(tiny), str(data), str(out), repr({**SOME, **more})]
    return subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["full", "killed"])
def test_a_save_that_fails_leaves_the_last_good_checkpoint(tiny: Path, data: Path, tmp_path: Path, how: str) -> None:
    """The disk is full at the second checkpoint, or the machine goes down between writing it and naming it.

    The first one is whole, no half one has a name, and the run goes on from it to the same model.
    """
    more = {"epochs": 2, "save_every": 3}
    done = run(how, tiny, data, tmp_path / "run", **more)
    if how == "full":
        assert "step-00000006 can't be written" in done.stderr
        assert "go on with --set resume=true" in done.stderr
        assert not list((tmp_path / "run" / "checkpoints").glob(".*"))
    else:
        assert -9 == done.returncode, done.stderr
    assert ["step-00000003"] == [path.name for path in (tmp_path / "run" / "checkpoints").glob("step-*")]
    train(tiny, data, tmp_path / "whole", **more)
    train(tiny, data, tmp_path / "run", **more, resume=True)
    one, other = (tmp_path / each / "model" / "model.safetensors" for each in ("whole", "run"))
    assert one.read_bytes() == other.read_bytes()
    assert ["step-00000008"] == [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()]


@pytest.mark.slow
def test_a_full_disk_at_the_end_leaves_nothing_half(tiny: Path, data: Path, tmp_path: Path) -> None:
    """Where the finished model can't be written, a message says so, and neither half a model nor a report is left."""
    done = run("full", tiny, data, tmp_path / "run", steps=5)
    assert 1 == done.returncode
    assert "model can't be written" in done.stderr
    assert not (tmp_path / "run" / "model").exists()
    assert not (tmp_path / "run" / "report.json").exists()
