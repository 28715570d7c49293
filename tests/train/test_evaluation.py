"""`graphengine evaluate` on tiny models: exact numbers, and equal models that differ by nothing."""

from __future__ import annotations

import json
import math
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from graphengine.preferences.audit import baselines
from graphengine.training.data import open_folder
from graphengine.training.evaluation import MEASURES, evaluate
from tests.train.evaluation_kit import (
    TEXTS,
    finished_run,
    pair,
    prompt,
    row,
    small,
    talkative,
    tiny,
    tiny_reward_model,
    value,
    write_dataset,
)

pytestmark = [
    pytest.mark.train,
    # What the libraries say to each other about coming versions is not about us.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]


def test_accuracy_is_a_count_by_hand(tmp_path: Path, length: str) -> None:
    """Of five held-out pairs two are right, two wrong and one a tie: .5, ties told, an interval that holds it, n."""
    held_out = [
        pair("a", "s1", "longer text", "text"), pair("a", "s1", "some longer text", "text!"),
        pair("b", "s2", "x", "longer"), pair("b", "s2", "y", "longer!"), pair("c", "s3", "same", "even"),
    ]
    train = [pair(f"t{c}", f"st{c}", f"wise one {c}", f"hasty {c}") for c in range(4)]
    folder = write_dataset(tmp_path / "data", {"cards": {"train": train, "test": held_out}})

    found = evaluate(small(tmp_path / "out", data=folder, reward=length))

    measures = found.rows[0].measures
    accuracy, ties = measures["accuracy_contexts"], measures["ties"]
    assert accuracy is not None and ties is not None
    assert (0.5, 5, "pairs", 3) == (accuracy.value, accuracy.n, accuracy.of, accuracy.clusters)
    assert accuracy.lower is not None and accuracy.upper is not None
    assert 0 <= accuracy.lower < 0.5 < accuracy.upper <= 1
    assert 0.2 == ties.value


def test_an_exact_accuracy_does_not_depend_on_batches(tmp_path: Path, data: Path, base: Path) -> None:
    """A model's accuracy is what its own classifier says pair by pair, and equal texts tie whatever else is read."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = tiny_reward_model(tmp_path / "reward", base)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    right = 0
    rows = open_folder(data, "cards").splits["test"].to_list()
    for each in rows:
        scores = []
        for side in ("chosen", "rejected"):
            ids = tokenizer.apply_chat_template(each["prompt"] + each[side], return_tensors="pt", return_dict=False)
            with torch.no_grad():
                hidden = model.model(ids).last_hidden_state[0, -1]
                scores.append(float(model.score(hidden)))
        right += scores[0] > scores[1]

    found = evaluate(small(tmp_path / "out", data=data, reward=str(folder)))

    assert right / len(rows) == value(found, "reward", "accuracy_contexts")
    same = [pair("z", "sz", "the very same words", "the very same words", 0.5)]
    train = open_folder(data, "cards").splits["train"].to_list()
    tied = write_dataset(tmp_path / "tied", {"cards": {"train": train, "test": [*rows, *same]}})
    assert 1 / 7 == value(evaluate(small(tmp_path / "tied-out", data=tied, reward=str(folder))), "reward", "ties")


def test_held_out_scenarios_are_those_that_train_does_not_show(tmp_path: Path, length: str, data: Path) -> None:
    """With an export of all scenarios, pairs of contexts in train count whose scenario train does not have."""
    more = [
        pair("t0", "st0", "seen and longer", "seen"), pair("t0", "new", "longer text", "text"),
        pair("t1", "newer", "x", "longer"), pair("h0", "sh9", "longer text", "text"),
    ]
    folder = write_dataset(tmp_path / "all", {"cards": {"train": more}})

    found = evaluate(small(tmp_path / "out", data=data, reward=length, scenarios=folder)).rows[0]

    figure = found.measures["accuracy_scenarios"]
    assert figure is not None
    assert (0.5, 2, 2) == (figure.value, figure.n, figure.clusters)
    alone = evaluate(small(tmp_path / "alone", data=data, reward=length))
    assert any("--all-scenarios" in note for note in alone.notes)


def test_baselines_stand_beside_on_the_same_pairs(tmp_path: Path, length: str, data: Path) -> None:
    """The report has what the audit's baselines reach on exactly the pairs that the model is measured on."""
    found = evaluate(small(tmp_path / "out", data=data, reward=length))
    splits = open_folder(data, "cards").splits

    assert [each.as_json() for each in baselines(splits["train"], splits["test"])] == list(found.baselines)
    assert "which never sees the prompt" in (tmp_path / "out" / "report.md").read_text()


def test_equal_models_differ_by_exactly_nothing(tmp_path: Path, base: Path, data: Path, length: str) -> None:
    """KL, tax and change of reward between a model and its copy are 0, and its win rate is a half."""
    shutil.copytree(base, tmp_path / "copy")
    task = tmp_path / "task.jsonl"
    task.write_text('{"prompt": "6 x 7?", "answer": "forty two"}\n')

    found = evaluate(
        small(tmp_path / "out", data=data, reward=length, reference=base, models=(tmp_path / "copy",), task=task)
    )

    for measure in ("kl_token", "kl_response", "reward_change", "loss_change", "exact_match_change"):
        figure = row(found, "copy").measures[measure]
        assert figure is not None and figure.lower is not None and figure.upper is not None
        assert 0 == figure.value, measure
        assert figure.lower <= 0 <= figure.upper
    assert 0.5 == value(found, "copy", "win_rate")
    assert any("sft test split" in note for note in found.notes)
    assert value(found, "base", "loss") == value(found, "copy", "loss")


def test_kl_loss_and_reward_are_those_of_plain_transformers(
    tmp_path: Path, base: Path, other: Path, data: Path, length: str
) -> None:
    """KL, loss per token and bits per byte agree with numbers worked out by the plain models."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    text = tmp_path / "text.txt"
    text.write_text("Listen for what weighs on them.\n\nName the cost plainly.\n")
    found = evaluate(
        small(tmp_path / "out", data=data, reward=length, reference=base, models=(other,), text=text, in_context=False)
    )

    models = {each.name: AutoModelForCausalLM.from_pretrained(each).eval() for each in (base, other)}
    tokenizer = AutoTokenizer.from_pretrained(base)
    nats, tokens = {"base": 0.0, "other": 0.0}, 0
    for paragraph in text.read_text().strip().split("\n\n"):
        ids = [tokenizer.eos_token_id, *tokenizer(paragraph)["input_ids"]]
        tokens += len(ids) - 1
        for name, model in models.items():
            with torch.no_grad():
                loss = model(torch.tensor([ids]), labels=torch.tensor([ids])).loss
            nats[name] += float(loss) * (len(ids) - 1)
    assert value(found, "other", "loss") == pytest.approx(nats["other"] / tokens, abs=1e-5)
    change = (nats["other"] - nats["base"]) / tokens
    assert value(found, "other", "loss_change") == pytest.approx(change, abs=1e-5)
    size = len("Listen for what weighs on them.Name the cost plainly.")
    assert value(found, "other", "bits_per_byte") == pytest.approx(nats["other"] / math.log(2) / size, abs=1e-5)
    assert value(found, "other", "kl_response") > 0
    per_answer = value(found, "other", "kl_token") * value(found, "other", "length")
    assert value(found, "other", "kl_response") == pytest.approx(per_answer)


def test_kl_is_the_one_of_a_model_worked_out_by_hand(base: Path, other: Path) -> None:
    """On an answer of two tokens KL is the sum over the vocabulary at both places; it differs by direction."""
    import torch
    from transformers import AutoModelForCausalLM

    from graphengine.training.evaluation.divergence import divergence
    from graphengine.training.evaluation.loading import Response, open_language, with_weights

    one, two = (with_weights(open_language(each)) for each in (base, other))
    answers = [Response("ab", (70, 71), ended=False)]
    found = divergence(one, two, ["Hi"], answers, ["c"])
    ids = torch.tensor([[*one.ids("Hi"), 70]])
    with torch.no_grad():
        p, q = (AutoModelForCausalLM.from_pretrained(each).eval()(ids).logits[0, -2:].log_softmax(-1)
                for each in (base, other))
    expected = float(sum((a.exp() * (a - b)).sum() for a, b in zip(p, q, strict=True)))
    assert found.response.value == pytest.approx(expected, rel=1e-4)
    assert found.token.value == pytest.approx(expected / 2, rel=1e-4)


def test_generation_pads_left_and_follows_its_seed(tmp_path: Path, base: Path) -> None:
    """A prompt's greedy answer is the same alone and beside a longer one; a draw repeats with its seed."""
    import torch

    from graphengine.training.evaluation.loading import open_language, respond, with_weights

    language = with_weights(open_language(talkative(tmp_path / "talkative", base)))
    prompts: list[Any] = ["Hi", "What should I do when a promise is hard to keep?", "Wait"]

    def answers(rows: list[Any], **more: Any) -> list[tuple[int, ...]]:
        options = {"most_tokens": 8, "batch_size": 8, "seed": 0, **more}
        return [each.tokens for each in respond(language, rows, **options)]

    torch.manual_seed(5)
    before = torch.get_rng_state()
    greedy = answers(prompts, greedy=True)
    assert 3 == len(set(greedy)) and len(set(greedy[0])) > 1
    assert [answers([each], greedy=True)[0] for each in prompts] == greedy
    assert answers(prompts) == answers(prompts)
    assert answers(prompts) != answers(prompts, seed=1)
    assert torch.equal(before, torch.get_rng_state())


def test_sampling_ignores_the_habits_of_a_checkpoint(tmp_path: Path, base: Path) -> None:
    """A checkpoint that asks for the likeliest token only is drawn from whole, else KL would be of another policy."""
    from transformers import GenerationConfig

    from graphengine.training.evaluation.loading import open_language, respond, with_weights

    shutil.copytree(base, tmp_path / "narrow")
    config = GenerationConfig(do_sample=True, top_k=1, repetition_penalty=9.0, eos_token_id=3, pad_token_id=0)
    config.save_pretrained(tmp_path / "narrow")
    drawn = [
        [each.tokens for each in respond(
            with_weights(open_language(folder)), ["Hi", "Wait"], most_tokens=8, batch_size=2, seed=0
        )]
        for folder in (base, tmp_path / "narrow")
    ]
    assert drawn[0] == drawn[1]


def test_an_in_context_row_is_measured_like_the_others(
    tmp_path: Path, base: Path, other: Path, data: Path, length: str
) -> None:
    """The reference with the winning card before it has the measures of a policy, and a policy is held against it."""
    task = tmp_path / "task.jsonl"
    task.write_text('{"prompt": "6 x 7?", "answer": "forty two"}\n')
    found = evaluate(small(tmp_path / "out", data=data, reward=length, reference=base, models=(other,), task=task))

    assert ["reward model", "reference", "in-context", "policy"] == [each.kind for each in found.rows]
    led = row(found, "in-context")
    measured = {key for key, figure in led.measures.items() if figure is not None}
    assert measured == set(row(found, "other").measures) - {"reward_over_in_context", "judge_win_rate"}
    assert value(found, "in-context", "kl_token") > 0  # the card changes what is said
    gain = value(found, "other", "reward") - value(found, "in-context", "reward")
    assert value(found, "other", "reward_over_in_context") == pytest.approx(gain)
    without = evaluate(small(tmp_path / "without", data=data, reward=length, reference=base, in_context=False))
    assert ["reward model", "reference"] == [each.kind for each in without.rows]


def test_several_models_are_held_against_their_size(tmp_path: Path, base: Path, data: Path, length: str) -> None:
    """Models of three sizes are tabulated with their parameters, and what gets worse with size is named."""
    models = tuple(tiny(tmp_path / f"m{hidden}", seed=3, hidden=hidden) for hidden in (16, 32, 64))
    found = evaluate(small(tmp_path / "out", data=data, reward=length, reference=base, models=models, in_context=False))

    sizes = [each.parameters for each in found.rows if each.kind == "policy"]
    assert sizes == sorted(sizes, key=lambda size: size or 0) and None not in sizes
    trends = {each.measure: each for each in found.trends}
    assert {"reward", "win_rate", "loss", "loss_change"} <= set(trends)
    assert all(trend.slope.n == 3 for trend in found.trends)
    assert set(found.worse_with_size) == {each.measure for each in found.trends if each.worse}
    page = (tmp_path / "out" / "report.md").read_text()
    assert all(f"{size:,}" in page for size in sizes)
    named = " ".join(line for line in page.splitlines() if line.startswith("- Worse with size"))
    assert all(MEASURES[key].heading in named for key in found.worse_with_size)
    assert bool(found.worse_with_size) == bool(named)


def test_reward_models_of_several_sizes_are_tabulated(tmp_path: Path, base: Path, data: Path) -> None:
    """A reward model among the models is measured on pairs; its parameters are counted from its files."""
    from transformers import AutoModelForSequenceClassification

    larger = tiny(tmp_path / "c", hidden=64)
    models = (tiny_reward_model(tmp_path / "a", base), tiny_reward_model(tmp_path / "b", larger))
    found = evaluate(small(tmp_path / "out", data=data, models=models))

    assert ["a", "b"] == [each.name for each in found.rows]
    counted = [AutoModelForSequenceClassification.from_pretrained(each).num_parameters() for each in models]
    assert counted == [each.parameters for each in found.rows]
    assert {"reliability-a.svg", "reliability-b.svg"} <= {each.name for each in (tmp_path / "out").iterdir()}
    assert {"accuracy_contexts", "ece"} <= {each.measure for each in found.trends}


def test_reward_stands_against_tax_over_kl_weights(
    tmp_path: Path, base: Path, other: Path, data: Path, length: str
) -> None:
    """Runs of several KL weights are a table by weight with what they cost, their stages, and a picture."""
    runs = [
        finished_run(tmp_path / "loose", other, kl_coefficient=0.01),
        finished_run(tmp_path / "tight", tiny(tmp_path / "third", seed=2), kl_coefficient=0.2),
    ]
    found = evaluate(small(tmp_path / "out", data=data, reward=length, reference=base, models=tuple(runs)))

    assert [0.01, 0.2] == [row(found, name).kl_weight for name in ("loose", "tight")]
    page = (tmp_path / "out" / "report.md").read_text()
    part = page.split("### Reward against tax")[1]
    assert part.index("| tight | 0.2 |") < part.index("| loose | 0.01 |")
    assert [("ppo", 12.5), ("ppo", 12.5)] == [(each.stage, each.seconds) for each in found.stages]
    assert "400 MiB" in page
    picture = (tmp_path / "out" / "reward-and-tax.svg").read_text()
    ElementTree.fromstring(picture)
    assert "KL weight 0.01" in picture


class Judge(BaseHTTPRequestHandler):
    """A judge that likes the longer answer, or always the first, or talks nonsense."""

    taste = "longer"
    asked: list[dict[str, Any]] = []  # noqa: RUF012

    def do_POST(self) -> None:
        """Answer like a chat endpoint."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(body)
        shown = json.loads(body["messages"][-1]["content"])
        longer = "A" if len(shown["A"]) > len(shown["B"]) else "B" if len(shown["A"]) < len(shown["B"]) else "tie"
        text = {"longer": json.dumps({"better": longer}), "first": '{"better": "A"}', "nonsense": "Both are fine!"}
        said = {
            "id": "x", "object": "chat.completion", "created": 0, "model": "judge",
            "choices": [{"index": 0, "finish_reason": "stop",
                         "message": {"role": "assistant", "content": text[self.taste]}}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }
        content = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def judge_endpoint(taste: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A judge on a real server of this machine: its address, and what it was asked."""
    handler = type("Handler", (Judge,), {"taste": taste, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", handler.asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("taste", ["longer", "first", "nonsense"])
def test_a_judge_is_asked_in_both_orders(
    tmp_path: Path, base: Path, other: Path, data: Path, length: str, taste: str
) -> None:
    """The judge's taste is found whatever stands first; a taste for first places is seen through, too."""
    pytest.importorskip("openai")
    with judge_endpoint(taste) as (url, asked):
        settings = small(
            tmp_path / "out", data=data, reward=length, reference=base, models=(other,), in_context=False, judge=url,
            judge_model="judge",
        )
        found = evaluate(settings)
        first = len(asked)
        evaluate(settings)
        again = len(asked) - first

    judged = found.judged["other"]
    different = 5 - judged.same
    assert 2 * different == first and different > 0
    assert 0 == again  # the transcript has it all
    shown = [json.loads(each["messages"][-1]["content"]) for each in asked]
    assert {(each["request"], each["A"], each["B"]) for each in shown} == {
        (each["request"], each["B"], each["A"]) for each in shown
    }
    if taste == "longer":
        assert value(found, "other", "win_rate") == judged.win_rate.value
        assert 1 == judged.agreement.value and 0.5 == judged.position_bias.value
    elif taste == "first":
        assert 0.5 == judged.win_rate.value
        assert 1 == judged.position_bias.value and 0 == judged.agreement.value
    else:
        assert first == judged.unreadable and judged.same == judged.win_rate.n
        assert any("can't be read" in note for note in found.notes)


def test_the_report_has_stable_keys_and_says_what_it_is_from(
    tmp_path: Path, base: Path, other: Path, data: Path, length: str
) -> None:
    """`report.json` is `as_json()`, with every measure by key, its interval and n, hashes, versions and settings."""
    found = evaluate(small(tmp_path / "out", data=data, reward=length, reference=base, models=(other,)))

    told = json.loads((tmp_path / "out" / "report.json").read_text())
    assert json.loads(json.dumps(found.as_json())) == told
    assert {
        "ok", "format", "path", "models", "baselines", "calibration", "judge", "sizes", "worse_with_size", "stages",
        "notes", "cost", "run",
    } == set(told)
    for each in told["models"]:
        assert {"name", "kind", "folder", "parameters", "kl_weight", "measures"} == set(each)
        assert set(each["measures"]) <= set(MEASURES)
        for figure in filter(None, each["measures"].values()):
            assert {"value", "lower", "upper", "n", "of", "clusters"} == set(figure)
            assert figure["n"] > 0
    assert {"stage", "settings", "data", "models", "files", "device", "versions"} == set(told["run"])
    assert 64 == len(told["run"]["data"]["prompts"]["data_hash"])
    assert {"config.json", "model.safetensors"} == set(told["run"]["models"]["other"]["sha256"])
    assert told["cost"]["seconds"] > 0
    assert 64 == len(told["run"]["files"][length.removesuffix(":reward")])
    ElementTree.fromstring((tmp_path / "out" / "reliability-mine.py-reward.svg").read_text())


def test_an_evaluation_repeats_itself(tmp_path: Path, base: Path, other: Path, data: Path, length: str) -> None:
    """The same settings give the same numbers, also into the same folder; another seed draws other answers."""
    settings = small(tmp_path / "out", data=data, reward=length, reference=base, models=(other,), in_context=False)
    first, second = evaluate(settings), evaluate(settings)
    other_seed = evaluate(replace(settings, seed=1))

    assert first.as_json()["models"] == second.as_json()["models"]
    assert value(first, "other", "kl_response") != value(other_seed, "other", "kl_response")


def test_prompts_too_long_for_a_model_are_asked_of_none(
    tmp_path: Path, base: Path, length: str
) -> None:
    """A prompt that some model has no room for is left out for all, and counted."""
    rows = [prompt("h0"), prompt("h1"), {**prompt("h2"), "prompt": [{"role": "user", "content": "wait " * 600}]}]
    folder = write_dataset(tmp_path / "data", {"prompts": {"test": rows}})
    (tmp_path / "t.txt").write_text("Wait a day. " * 300)
    found = evaluate(small(
        tmp_path / "out", data=folder, models=(base,), text=tmp_path / "t.txt", in_context=False
    ))

    length_ = row(found, "base").measures["length"]
    assert length_ is not None and 2 == length_.n
    assert any("1 prompt(s) are too long" in note for note in found.notes)
    assert any("no room for the end of 1 held-out text" in note for note in found.notes)


def test_models_with_other_tokens_are_compared_by_bytes_alone(tmp_path: Path, base: Path, data: Path) -> None:
    """Another tokenizer: KL and change of loss are not told, and the report says why; bits per byte are."""
    foreign = tiny(tmp_path / "foreign", texts=[*TEXTS, "Quite other words are here, other words, quite other."])
    found = evaluate(small(tmp_path / "out", data=data, reference=base, models=(foreign,), in_context=False))

    measures = row(found, "foreign").measures
    assert measures.get("kl_token") is None and measures.get("loss_change") is None
    assert value(found, "foreign", "bits_per_byte") > 0
    assert any("other tokens" in note for note in found.notes)
