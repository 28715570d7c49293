"""The generator on this machine, with a tiny model: the same answers for the same seed, whatever is in the batch."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from graphengine.errors import InputError, ModelError
from graphengine.models.generator import LocalGenerator
from graphengine.models.requests import CUT_OFF, END, TOO_LONG, Request, readable
from graphengine.models.tiny import make_tiny
from graphengine.models.transcript import Transcript

pytestmark = [
    pytest.mark.train,
    # What the libraries say to each other about coming versions is not about us.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]
TEXTS = ["My dog died.", "Be kind."]
SIZE = {"hidden": 32, "layers": 1, "heads": 2, "vocabulary": 300, "context": 256}
REQUESTS = [
    Request.of("Be kind.", "My dog died. " * number, max_tokens=8 + number % 2, seed=number) for number in range(1, 8)
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of one layer."""
    for name in ("torch", "transformers"):
        pytest.importorskip(name)
    folder = tmp_path_factory.mktemp("models") / "tiny"
    return make_tiny(folder, TEXTS, **SIZE)


def test_answers_do_not_depend_on_the_batch(tiny: Path) -> None:
    """One by one, in batches of three, in another order: each request has its answer, and another seed another one."""
    alone = LocalGenerator(tiny, batch_size=1).complete(REQUESTS)
    together = LocalGenerator(tiny, batch_size=3).complete(REQUESTS[::-1])
    assert alone == together[::-1]
    assert len(REQUESTS) == len({each.key for each in alone})
    more = [Request.of("Be kind.", "My dog died.", max_tokens=8, seed=seed) for seed in range(20)]
    assert len({each.text for each in LocalGenerator(tiny, batch_size=20).complete(more)}) > 10


def test_temperature_zero_takes_the_likeliest(tiny: Path) -> None:
    """Then the seed does nothing, and the text is the one that transformers writes greedily."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    cold = [Request.of("Be kind.", "My dog died.", max_tokens=8, seed=seed, temperature=0.0) for seed in (1, 2)]
    one, other = LocalGenerator(tiny).complete(cold)
    assert one.text == other.text
    tokenizer, model = AutoTokenizer.from_pretrained(tiny), AutoModelForCausalLM.from_pretrained(tiny)
    asked = tokenizer.apply_chat_template(
        cold[0].as_chat(), add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    out: Any = model.generate(**asked, max_new_tokens=8, do_sample=False)
    said = tokenizer.decode(out[0, asked["input_ids"].shape[1] :], skip_special_tokens=True)
    assert one.text == readable(said)


def test_draws_follow_the_model(tiny: Path) -> None:
    """The first tokens of many requests have the frequencies that the model gives them at that temperature."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from graphengine.models.generator import _own_noise

    tokenizer, model = AutoTokenizer.from_pretrained(tiny), AutoModelForCausalLM.from_pretrained(tiny)
    asked = tokenizer.apply_chat_template(
        REQUESTS[0].as_chat(), add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    heat, number = 0.05, 4000  # cold, so that a few tokens of the untrained model are likely
    with torch.no_grad():
        scores = model(**asked).logits[0, -1]
    expected = torch.softmax(scores / heat, -1)
    requests = [Request.of("", "", seed=seed, temperature=heat) for seed in range(number)]
    noise = _own_noise(requests, [each.key({}) for each in requests])
    drawn = Counter(noise(None, scores.expand(number, -1)).argmax(-1).tolist())
    for token in expected.topk(5).indices.tolist():
        p = float(expected[token])
        assert abs(drawn[token] / number - p) < 4 * (p * (1 - p) / number) ** 0.5


def test_a_stopped_run_ends_as_if_it_had_not_been(tiny: Path, tmp_path: Path) -> None:
    """Stopped after the first answers, a second run writes the rest, and together they are those of one run."""

    class StopError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise StopError

    path = tmp_path / "said.jsonl"
    with Transcript(path) as kept, pytest.raises(StopError):
        LocalGenerator(tiny, kept, batch_size=2).complete(REQUESTS, progress=stop)
    with Transcript(path) as kept:
        assert 3 == len(kept)
        seen: list[tuple[int, int]] = []
        answers = LocalGenerator(tiny, kept, batch_size=2).complete(
            REQUESTS, progress=lambda done, total: seen.append((done, total))
        )
    assert answers == LocalGenerator(tiny, batch_size=4).complete(REQUESTS)
    assert [(done, 7) for done in (4, 5, 6, 7)] == seen


def test_a_moved_model_is_the_same_and_a_changed_one_is_not(tiny: Path, tmp_path: Path) -> None:
    """The transcript serves a copy of the model in another folder; with other weights everything is asked anew."""
    moved = tmp_path / "moved"
    shutil.copytree(tiny, moved)
    assert LocalGenerator(tiny).identity == LocalGenerator(moved).identity
    make_tiny(moved, TEXTS, **SIZE, seed=1)
    assert LocalGenerator(tiny).identity != LocalGenerator(moved).identity


def test_answers_end_at_the_limit_or_by_themselves(tiny: Path) -> None:
    """What is cut off says so; a request that does not fit the model is not asked, and the others are."""
    requests = [*REQUESTS[:2], Request.of("Be kind.", "word " * 500)]
    answers = LocalGenerator(tiny).complete(requests)
    assert TOO_LONG == answers[2].stopped
    assert {each.stopped for each in answers[:2]} <= {CUT_OFF, END}
    short = [Request.of("Be kind.", "My dog died.", max_tokens=200, seed=seed) for seed in range(12)]
    stopped = Counter(each.stopped for each in LocalGenerator(tiny, batch_size=12).complete(short))
    assert stopped[END], "an untrained model ends about one answer in two within 200 tokens of 300"


def test_what_is_no_model_is_an_error(tiny: Path, tmp_path: Path) -> None:
    """An empty folder, weights that are missing, a tokenizer without a chat template."""
    with pytest.raises(InputError, match=r"no config\.json"):
        LocalGenerator(tmp_path).complete(REQUESTS)
    broken, silent = tmp_path / "broken", tmp_path / "silent"
    for folder in (broken, silent):
        shutil.copytree(tiny, folder)
    (broken / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="can't be loaded"):
        LocalGenerator(broken).complete(REQUESTS)
    (silent / "chat_template.jinja").unlink()
    with pytest.raises(ModelError, match="no chat template"):
        LocalGenerator(silent).complete(REQUESTS)
