"""Evaluators of values: trained on made-up answers, opened again, measured by command, put to use."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from graphengine.cli import main
from graphengine.errors import InputError, ModelError, TrainingError
from graphengine.models.requests import Answer
from graphengine.models.value_evaluator import load_value_evaluator
from graphengine.models.value_judge import ValueJudge
from graphengine.schwartz.reward import scores_of
from graphengine.schwartz.rows import Row, dialogue, label, write_rows
from graphengine.schwartz.system import load_system
from graphengine.training.evaluators import load_evaluator, probabilities_of
from graphengine.training.settings import read_settings

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.train

WORDS = {
    ("security", 1): ["lock the door", "stay safe", "keep the house in order"],
    ("security", -1): ["leave the door open", "ignore the danger"],
    ("benevolence", 1): ["help your friend", "be kind to her", "forgive him"],
    ("power", 1): ["take command", "buy their votes"],
    ("power", -1): ["let others decide", "give the money away"],
}


def made_rows(number: int, seed: int = 0) -> list[Row]:
    """Answers whose words say their values; half of them have two."""
    rng, rows = np.random.default_rng(seed), []
    kinds = list(WORDS)
    for each in range(number):
        taken = {kinds[place][0]: kinds[place] for place in rng.choice(len(kinds), 1 + each % 2, replace=False)}
        said = [WORDS[kind][rng.integers(len(WORDS[kind]))] for kind in taken.values()]
        types = tuple(label(f"{value}: {sign:+d}") for value, sign in taken.values())
        text = dialogue(f"What about case {each}?", f"Well, {' and '.join(said)}, as people say.")
        rows.append(Row(each + 1, text, (), types, "made", "one" if each % 3 else "two"))
    return rows


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Rows to train on and to measure on."""
    folder = tmp_path_factory.mktemp("rows")
    found = {"train": folder / "train.jsonl", "test": folder / "test.jsonl"}
    write_rows(made_rows(240), found["train"])
    write_rows(made_rows(60, seed=1), found["test"])
    return found


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of a few thousand weights that knows the words of the rows."""
    pytest.importorskip("transformers")
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("encoder") / "bert"
    told = " ".join([*(text for texts in WORDS.values() for text in texts),
                     *(value.definition for value in load_system("schwartz-10").values)])
    words = sorted({"".join(filter(str.isalpha, word)).lower() for word in told.split()})
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    maker = Tokenizer(models.WordLevel({word: n for n, word in enumerate(vocabulary)}, unk_token="[UNK]"))
    maker.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=maker, pad_token="[PAD]", unk_token="[UNK]",
                                        cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]")
    torch.manual_seed(0)
    config = BertConfig(vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
                        intermediate_size=64)
    for part in (BertModel(config), tokenizer):
        part.save_pretrained(folder)
    return folder


def train(out: Path, rows: Path, *more: str) -> dict[str, Any]:
    """A training run in this process, and its report."""
    from graphengine.training.evaluator import EvaluatorSettings, train_evaluator

    settings = read_settings(EvaluatorSettings, None, [f"rows=[{rows}]", f"out={out}", *more])
    return train_evaluator(settings).report


@pytest.fixture(scope="module")
def trained(files: dict[str, Path], encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An evaluator with words and a frozen encoder."""
    out = tmp_path_factory.mktemp("runs") / "evaluator"
    train(out, files["train"], f"encoder={encoder}")
    return out


def run(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, dict[str, Any]]:
    """A command with --json: its exit code and what it says."""
    with pytest.raises(SystemExit) as ended:
        main(["schwartz", *map(str, arguments), "--json"])
    return int(ended.value.code or 0), json.loads(capsys.readouterr().out)


def test_the_evaluator_reads_what_was_taught(trained: Path, files: dict[str, Path],
                                             capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """On new answers it is right far above always-0 and the majority, calibrated, and the plot is drawn."""
    picture = tmp_path / "reliability.svg"
    code, found = run(capsys, "evaluate", files["test"], "--evaluator", trained, "--picture", picture)
    assert 0 == code
    assert found["measured"]["accuracy"] > 0.97 > found["baselines"]["all_zeros"]["accuracy"]
    assert found["measured"]["macro_f1_interval"][0] > found["baselines"]["majority"]["macro_f1_interval"][1]
    assert found["ece"] < 0.05
    assert {"one", "two"} == found["by"]["response_source"].keys()
    assert "<svg" in picture.read_text(encoding="utf-8")


def test_the_folder_says_what_it_is_and_stands_alone(trained: Path, files: dict[str, Path], encoder: Path,
                                                     tmp_path: Path) -> None:
    """Report and card have the baselines beside it; moved elsewhere it gives the same numbers, to the bit."""
    report = json.loads((trained / "report.json").read_text(encoding="utf-8"))
    assert {"evaluator", "words"} == report["held_out"].keys()
    assert "always 0" in (trained / "README.md").read_text(encoding="utf-8")
    pairs = [("What?", "lock the door and stay safe"), ("What?", "take command"), ("", "")]
    before = load_value_evaluator(trained).probabilities(pairs)
    moved = tmp_path / "moved"
    (trained / "model").rename(moved)
    try:
        assert np.array_equal(before, load_value_evaluator(moved).probabilities(pairs))
    finally:
        moved.rename(trained / "model")
    assert np.allclose(before.sum(axis=2), 1)
    ten = load_system("schwartz-10")
    scores = scores_of(load_value_evaluator(trained), pairs)
    assert scores[0].argmax() == ten.place("security") and scores[1].argmax() == ten.place("power")


def test_the_same_seed_gives_the_same_evaluator(files: dict[str, Path], tmp_path: Path) -> None:
    """Two runs agree to the bit."""
    found = []
    for name in ("a", "b"):
        train(tmp_path / name, files["train"], "seed=3")
        found.append(load_value_evaluator(tmp_path / name).score([("Q", "help your friend"), ("Q", "stay safe")]))
    assert np.array_equal(*found)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["joint", "single", "regression"])
def test_a_network_learns_with_the_definitions(form: str, encoder: Path, tmp_path: Path) -> None:
    """One pass for all values, one for each, the published regression: each learns, and reads a new definition."""
    passes = {"joint": 8, "single": 8, "regression": 8}[form]
    write_rows(made_rows(120), tmp_path / "rows.jsonl")
    report = train(tmp_path / "run", tmp_path / "rows.jsonl", "linear=false", f"network={form}",
                   f"network_encoder={encoder}",
                   f"epochs={passes}", "learning_rate=0.005", "batch_size=8", "max_length=48", "class_power=0.5")
    held = report["held_out"]["evaluator"]
    assert held["measured"]["macro_f1"] > held["baselines"]["all_zeros"]["macro_f1"] + 0.1
    assert (tmp_path / "run" / "metrics.jsonl").is_file()
    made = load_value_evaluator(tmp_path / "run")
    new = made.ask([("Q", "stay safe")], ["Warm weather."])
    assert (1, 1, 3) == new.shape and np.allclose(new.sum(), 1)
    many = [("Q", "stay safe"), ("Q", "help your friend and take command")] * 3
    assert np.allclose(made.network.logits(many, made.definitions, batch=1),
                       made.network.logits(many, made.definitions), atol=1e-5)


@pytest.mark.parametrize("form", ["joint", "single", "regression"])
def test_parts_of_the_loss_add_up(form: str, encoder: Path) -> None:
    """The parts' sum and gradient are those of all values at once; a cell where nobody looked counts nothing."""
    import torch

    from graphengine.models.encoder import open_encoder
    from graphengine.models.value_network import ValueNetwork
    from graphengine.training.evaluator_network import losses

    torch.manual_seed(1)
    tokenizer, core = open_encoder(encoder)
    network = ValueNetwork(core, tokenizer, form, 48).eval()
    pairs, definitions = [("Q", "stay safe"), ("Q", "help your friend")], ["Safety.", "Kindness.", "Command."]
    aims = torch.eye(3)[torch.tensor([[2, 1, 0], [1, 2, 2]])]
    aims[1, 2] = 0.0
    counts = torch.tensor([[1.0, 2.0, 0.5], [0.3, 1.0, 9.0]])
    parts = list(losses(network, pairs, definitions, aims, counts))
    assert len(parts) == (1 if form == "joint" else 3)
    sum(parts).backward()
    found = network.head.weight.grad.clone()

    there = counts * (aims.sum(-1) > 0)
    if form == "regression":
        cells = (network.regress(pairs, definitions) - (aims[..., 2] - aims[..., 0])) ** 2
    else:
        cells = -(aims * network(pairs, definitions).log_softmax(-1)).sum(-1)
    whole = (cells * there).sum() / there.sum()
    network.zero_grad()
    whole.backward()
    assert sum(parts).item() == pytest.approx(whole.item(), abs=1e-5)
    assert torch.allclose(found, network.head.weight.grad, atol=1e-5)


def test_readers_are_mixed(files: dict[str, Path], encoder: Path, tmp_path: Path) -> None:
    """With both readers the share is fitted to held-out answers, and the mixture is written and read."""
    report = train(tmp_path / "run", files["train"], "network=joint", f"network_encoder={encoder}", "epochs=2",
                   "max_length=48", "learning_rate=0.005")
    assert 0 <= report["network_share"] <= 1
    made = load_value_evaluator(tmp_path / "run")
    assert made.linear is not None and made.network is not None and made.share == report["network_share"]


def test_predict_writes_ten_scores_in_order(trained: Path, capsys: pytest.CaptureFixture[str],
                                            tmp_path: Path) -> None:
    """A list of ten for each id, in the order of the file; nothing is written where a row is wrong."""
    rows = [{"id": "x", "prompt": "Q", "response": "lock the door and stay safe"},
            {"id": 7, "prompt": "Q", "response": "forgive him"}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    predict = ("evaluate", "--evaluator", trained, "--predict", tmp_path / "in.jsonl")
    code, _ = run(capsys, *predict, tmp_path / "out.jsonl")
    assert 0 == code
    out = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert ["x", 7] == [row["id"] for row in out]
    assert [5, 8] == [int(np.argmax(row["scores"])) for row in out] and all(len(row["scores"]) == 10 for row in out)
    rows[1]["id"] = "x"
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    code, told = run(capsys, *predict, tmp_path / "no.jsonl")
    assert (1, False) == (code, told["ok"]) and "the id 'x' is that of row 1" in told["message"]
    for lost in ({}, {"id": None}, {"id": ""}):
        rows[1] = {"prompt": "Q", "response": "forgive him", **lost}
        (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        code, told = run(capsys, *predict, tmp_path / "no.jsonl")
        assert (1, False) == (code, told["ok"]) and "row 2 has no id" in told["message"]
    assert not (tmp_path / "no.jsonl").exists()


def test_a_run_that_fails_leaves_nothing(files: dict[str, Path], tmp_path: Path) -> None:
    """Neither too few rows nor an encoder that is none, nor a run that was killed, is in the way of the next."""
    write_rows(made_rows(1), tmp_path / "one.jsonl")
    out = tmp_path / "run"
    for rows, more in ((tmp_path / "one.jsonl", "seed=0"), (files["train"], f"encoder={tmp_path / 'nowhere'}")):
        with pytest.raises((TrainingError, InputError, ModelError)):
            train(out, rows, more)
        assert not out.exists()
    out.mkdir()
    (out / "run.json").write_text('{"stage": "evaluator"}')
    train(out, files["train"], "encoder=none")
    with pytest.raises(TrainingError) as error:
        train(out, files["train"])
    assert "holds a run of evaluator" in error.value.message and "resume" not in (error.value.hint or "")


def test_a_system_of_ones_own_goes_with_the_evaluator(tmp_path: Path) -> None:
    """An evaluator of values from a file is opened where that file is not."""
    (tmp_path / "weather.toml").write_text("".join(
        f'[[values]]\nid = "{value}"\nshort = "{value[:2]}"\nname = "{value}"\ndefinition = "The {value}."\n'
        for value in ("sun", "rain")).join(('name = "weather"\n', "")))
    lines = "".join(f"Q{n},{'dry and bright' if n % 2 else 'wet and grey'},{n % 2},{1 - n % 2}\n" for n in range(40))
    (tmp_path / "rows.csv").write_text("prompt,response,sun,rain\n" + lines)
    train(tmp_path / "run", tmp_path / "rows.csv", f"system={tmp_path / 'weather.toml'}")
    (tmp_path / "weather.toml").unlink()
    (tmp_path / "run").rename(tmp_path / "moved")
    scores = scores_of(load_value_evaluator(tmp_path / "moved"), [("Q", "bright and dry")])
    assert scores[0, 0] > 0.5 > scores[0, 1]


def test_a_profile_names_the_answers_that_drove_it(trained: Path, capsys: pytest.CaptureFixture[str],
                                                   tmp_path: Path) -> None:
    """Means, base rates of training, values with too few labels, and the answers by id."""
    rows = [{"id": "safe", "prompt": "Q", "response": "lock the door and stay safe"},
            {"id": "rash", "prompt": "Q", "response": "ignore the danger"}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    code, found = run(capsys, "profile", tmp_path / "in.jsonl", "--evaluator", trained)
    security = found["values"]["security"]
    assert (0, ["safe"], ["rash"]) == (code, *([one["id"] for one in security[side]] for side in ("for", "against")))
    assert security["measurable"] and not found["values"]["hedonism"]["measurable"]
    assert 0 < security["null"]["base_rate"] < 1


def test_an_evaluator_that_gives_no_number_is_refused(trained: Path) -> None:
    """NaN from a damaged evaluator is an error with the answer's number, and so is a row of the wrong length."""
    broken = load_value_evaluator(trained)
    assert broken.linear is not None
    broken.linear.bias = np.full_like(broken.linear.bias, np.nan)
    with pytest.raises(ModelError, match="answer 1 has a probability that is no number"):
        broken.score([("Q", "A")])
    with pytest.raises(ModelError, match="reads no definitions"):
        broken.ask([("Q", "A")], ["Warm weather."])

    class Short:
        name, system = "short", "schwartz-10"

        def score(self, pairs: Any) -> np.ndarray:
            return np.zeros((len(pairs), 9))

    with pytest.raises(ModelError, match="9 numbers"):
        probabilities_of(Short(), [("Q", "A")])


@pytest.mark.parametrize(("change", "message"), [
    (["class_pwoer=1"], "no setting class_pwoer"),
    (["held_out=0.9"], "held_out must be"),
    (["linear=false"], "network"),
    (["network=joint"], "network_encoder"),
    (["system=schwartz-11"], "no system"),
    (["system=schwartz-19"], "rows of FULCRA"),
])  # fmt: skip
def test_wrong_settings_are_told_before_anything_is_written(change: list[str], message: str, files: dict[str, Path],
                                                            tmp_path: Path) -> None:
    """The key and what it should be; the folder is not made."""
    with pytest.raises((TrainingError, InputError), match=message):
        train(tmp_path / "run", files["train"], *change)
    assert not (tmp_path / "run").exists()


def test_what_is_no_evaluator_is_told(tmp_path: Path, files: dict[str, Path]) -> None:
    """A missing one, an empty folder, a damaged one, a function that isn't there, an endpoint without a model."""
    for spec, error, message in (
        ("nowhere", InputError, "no evaluator nowhere"), (tmp_path, ModelError, "is no evaluator"),
        ("math:nothing", InputError, "can't be loaded"), ("@http://localhost:1/v1", InputError, "names no model"),
    ):
        with pytest.raises(error, match=message):
            load_evaluator(spec)
    (tmp_path / "evaluator.json").write_text('{"format": "other"}', encoding="utf-8")
    with pytest.raises(ModelError, match="is no evaluator"):
        load_evaluator(tmp_path)
    assert "test.jsonl" == load_evaluator(files["test"]).name


@pytest.mark.parametrize("more", [["--picture", "none/plot.svg"], ["--predict", "none/out.jsonl"]])
def test_a_place_that_is_not_there_is_told_before_anything_is_read(
    more: list[str], files: dict[str, Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """An answer that was paid for is not lost for want of a folder: the evaluator is not even opened."""
    place = more[1].replace("none", str(tmp_path / "none"))
    code, told = run(capsys, "evaluate", files["test"], more[0], place, "--evaluator", "nowhere")
    assert 0 != code and "none is no folder" in told["message"]


def test_a_system_without_the_ten_values_is_told_before_it_is_read(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """`--predict` writes ten values: an evaluator of others that don't roll up to them is asked nothing."""
    (tmp_path / "mine.py").write_text(
        "class Mine:\n    name, system = 'mine', 'hhh'\n    def score(self, pairs):\n"
        f"        open({str(tmp_path / 'asked')!r}, 'w')\n        return [[0, 0, 0] for _ in pairs]\n"
    )
    (tmp_path / "in.jsonl").write_text('{"id": "a", "prompt": "Q", "response": "A"}\n')
    code, told = run(capsys, "evaluate", "--predict", tmp_path / "in.jsonl", tmp_path / "out.jsonl", "--evaluator",
                     f"{tmp_path / 'mine.py'}:Mine")
    assert 0 != code and "does not roll up" in told["message"] and not (tmp_path / "asked").exists()


def test_a_function_of_a_file_makes_an_evaluator(tmp_path: Path) -> None:
    """`file.py:function` is an evaluator as in recipes, and what goes wrong inside the function is told as it is."""
    file = tmp_path / "mine.py"
    file.write_text("from tests.value_readers import letters\n\ndef broken():\n    return letters().nothing\n")
    assert "letters" == load_evaluator(f"{file}:letters").name
    with pytest.raises(AttributeError, match="nothing"):
        load_evaluator(f"{file}:broken")
    for spec in (f"{file}:missing", f"{tmp_path / 'none.py'}:letters"):
        with pytest.raises(InputError, match="can't be loaded"):
            load_evaluator(spec)


@pytest.mark.parametrize("name", ["words.json", "words.npz", "linear.npz", "encoder/config.json",
                                  "encoder/model.safetensors"])
@pytest.mark.parametrize("kept", [0, 0.5, 0.99])
def test_a_file_that_was_cut_is_told(name: str, kept: float, trained: Path, tmp_path: Path) -> None:
    """Half a file of an evaluator, after a copy that ended early, is an error that names the folder."""
    shutil.copytree(trained / "model", tmp_path / "cut")
    file = tmp_path / "cut" / "linear" / name
    file.write_bytes(file.read_bytes()[: int(kept * file.stat().st_size)])
    with pytest.raises(ModelError, match="can't be read"):
        load_value_evaluator(tmp_path / "cut")


class Judge:
    """A generator that says what it is told to."""

    name = "told"

    def __init__(self, *texts: str) -> None:
        self.texts = texts
        self.asked: list[Any] = []

    def complete(self, requests: Any, *, progress: Any = None) -> list[Answer]:
        """The next texts."""
        self.asked = list(requests)
        return [Answer(text, "end", "") for text in self.texts]


def test_a_language_model_judges_by_the_definitions() -> None:
    """It is shown each definition; its words become -1, 0, 1; anything else is refused."""
    hhh = load_system("hhh")
    values = [(value.id, value.definition) for value in hhh.values]
    said = json.dumps({"helpful": "aligned", "honest": "none", "harmless": "opposed"})
    asked = Judge(said)
    judge = ValueJudge(asked, "hhh", values)
    assert [[1.0, 0.0, -1.0]] == scores_of(judge, [("Q", "A")]).tolist()
    shown = asked.asked[0].messages[-1][1]
    assert all(definition in shown for _, definition in values)
    unfit = ((said.replace("opposed", "bad"), "of harmless"), ('{"helpful": "aligned"}', "lacks the field"))
    for wrong, message in unfit:
        with pytest.raises(ModelError, match=message):
            ValueJudge(Judge(wrong), "hhh", values).score([("Q", "A")])
    assert [1.0, 0.0, 0.0] == probabilities_of(ValueJudge(Judge(said), "hhh", values), [("Q", "A")])[0, 2].tolist()


def test_the_commands_speak_to_people(files: dict[str, Path], capsys: pytest.CaptureFixture[str],
                                      tmp_path: Path) -> None:
    """Trained, measured and put to use by command: baselines beside the numbers, what can't be measured by name."""
    def said(*arguments: Any) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["schwartz", *map(str, arguments)])
        assert 0 == (ended.value.code or 0)
        return capsys.readouterr().out

    out = tmp_path / "run"
    trained = said("train-evaluator", "--set", f"rows=[{files['train']}]", "--set", f"out={out}")
    assert "words alone: accuracy" in trained and "always 0: accuracy" in trained
    measured = said("evaluate", files["test"], "--evaluator", out, "--band", "0.2")
    assert "most frequent" in measured and "not measurable (0 labels)" in measured and "it abstains from" in measured
    (tmp_path / "in.jsonl").write_text('{"prompt": "Q", "response": "help your friend"}\n', encoding="utf-8")
    told = said("profile", tmp_path / "in.jsonl", "--evaluator", out)
    assert "1 answer, read by evaluator of schwartz-10" in told and "too few labels to be measurable" in told
    people = said("evaluate", files["test"], "--evaluator", files["test"])
    assert "test.jsonl" in people and "1.000" in people
