"""PPO on a tiny model: it learns what is rewarded, goes on exactly where it was, and stops before harm."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch

from graphengine.errors import TrainingError
from graphengine.models.tiny import make_tiny
from graphengine.training.actor import ActorCritic, log_probabilities, reads_flat
from graphengine.training.ppo import PPO, PPOSettings, train_ppo
from graphengine.training.ppo_state import open_accelerator
from graphengine.training.rewards import Rewards
from graphengine.training.sampling import sample

pytestmark = [
    pytest.mark.train,
    pytest.mark.slow,
    # What the libraries say to each other about coming versions is not about us.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]
TEXTS = [f"A {who} asks about {it}{more}." for who in ("nurse", "friend") for it in ("grief", "debt", "school")
         for more in ("", " and what to do", " now")]


def share_of_e(rows: list[dict[str, Any]], texts: list[str]) -> list[float]:
    """A known reward: the share of letters that are an e."""
    return [text.count("e") / max(1, len(text)) for text in texts]


def nothing(rows: list[dict[str, Any]], texts: list[str]) -> list[float]:
    """No reward at all."""
    return [0.0] * len(texts)


FUNCTIONS = {"e": share_of_e, "nothing": nothing}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of some 20,000 parameters."""
    return make_tiny(tmp_path_factory.mktemp("ppo") / "tiny", TEXTS, hidden=32, layers=2, heads=2, vocabulary=300)


@pytest.fixture
def settings(tiny: Path, tmp_path: Path) -> PPOSettings:
    """A run of a few seconds."""
    data = tmp_path / "prompts.jsonl"
    data.write_text("".join(json.dumps({"prompt": [{"role": "user", "content": text}]}) + "\n" for text in TEXTS))
    return PPOSettings(
        model=tiny, data=data, out=tmp_path / "out", rewards={"e": 1.0}, updates=12, episodes=32, batch_size=16,
        max_new_tokens=12, learning_rate=5e-3, save_every=0,
    )  # fmt: skip


def make(settings: PPOSettings, rewards: Rewards | None = None, second: Rewards | None = None) -> PPO:
    """The algorithm without a folder."""
    from transformers import AutoTokenizer

    from graphengine.training.prompts import open_prompts, tokens_of_prompts

    rows = open_prompts(settings.data).rows
    tokenizer = AutoTokenizer.from_pretrained(settings.model)
    return PPO(settings, rows, tokens_of_prompts(rows, tokenizer), tokenizer,
               rewards or Rewards({"e": (1.0, share_of_e)}), second, accelerator=open_accelerator(settings))


def weights(ppo: PPO) -> torch.Tensor:
    """All that is trained, in one row."""
    return torch.cat([each.detach().flatten() for each in ppo.actor.parameters() if each.requires_grad])


def lines(out: Path) -> list[dict[str, Any]]:
    """metrics.jsonl, without what the clock says."""
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


@pytest.mark.parametrize("seed", range(5))
def test_the_reward_rises_within_the_bound_of_kl(settings: PPOSettings, seed: int) -> None:
    """With a known reward, on each seed: the last updates are better than the first, and KL is where it may be."""
    ppo = make(replace(settings, seed=seed, updates=14, kl_target=6.0, kl_horizon=200, kl_coefficient=0.1))
    for _ in range(14):
        ppo.update()
    rewards = [row["reward"] for row in ppo.history]
    noise = max(row["reward_sd"] for row in ppo.history) / (3 * 32) ** 0.5
    assert sum(rewards[-3:]) / 3 > sum(rewards[:3]) / 3 + 3 * noise
    assert max(row["kl"] for row in ppo.history) < 12


def test_no_reward_no_change(settings: PPOSettings) -> None:
    """A reward of zero everywhere: nothing is learnt, not even from rounding; nor where all rewards are alike."""
    for level in (0.0, 3.0):
        ppo = make(settings, Rewards({"nothing": (1.0, lambda rows, texts, level=level: [level] * len(texts))}))
        before = weights(ppo).clone()
        for _ in range(4):
            metrics = ppo.update()
        assert torch.equal(before, weights(ppo))
        assert 0.0 == metrics["kl"]


def test_no_reward_without_scaling_changes_no_more_than_noise(settings: PPOSettings) -> None:
    """A critic that starts elsewhere than at zero makes noise, and the policy stays where it was."""
    noisy = make(replace(settings, normalise_rewards=False), Rewards({"nothing": (1.0, nothing)}))
    torch.nn.init.normal_(noisy.actor.value.weight, std=0.01)
    for _ in range(6):
        noise = noisy.update()
    rewarded = make(settings)
    for _ in range(6):
        real = rewarded.update()
    assert noise["kl"] < 0.5 * real["kl"]


def test_a_run_that_was_cut_off_goes_on_bit_for_bit(settings: PPOSettings) -> None:
    """Policy, critic, optimiser, random numbers, prompts, scale of rewards: all as if nothing had happened."""
    settings = replace(settings, updates=5, save_every=2, kl_target=1.0, schedule="linear")
    whole = train_ppo(settings, functions=FUNCTIONS)
    again = replace(settings, out=settings.out.with_name("again"))

    def cut(line: str) -> None:
        if "update 3" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_ppo(again, functions=FUNCTIONS, progress=cut)
    assert ["step-00000002"] == [each.name for each in (again.out / "checkpoints").iterdir()]
    assert not (again.out / "report.json").exists()
    resumed = train_ppo(replace(again, resume=True), functions=FUNCTIONS)
    assert lines(whole.out) == lines(resumed.out)
    assert [1, 2, 3, 4, 5] == [row["step"] for row in lines(resumed.out)]
    for name in ("weights.pt", "state.pt"):
        one, other = (torch.load(out / "checkpoints" / "step-00000005" / name, weights_only=True)
                      for out in (whole.out, resumed.out))
        assert _equal(one, other)
    assert (whole.model / "model.safetensors").read_bytes() == (resumed.model / "model.safetensors").read_bytes()


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(value, other[name]) for name, value in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    return one == other


def test_other_settings_don_t_go_on(settings: PPOSettings) -> None:
    """A run goes on with its own settings; the price of KL may change, a seed may not."""
    settings = replace(settings, updates=1)
    train_ppo(settings, functions=FUNCTIONS)
    with pytest.raises(TrainingError, match="seed was 0 and is 1"):
        train_ppo(replace(settings, seed=1, resume=True), functions=FUNCTIONS)
    more = train_ppo(replace(settings, updates=2, kl_coefficient=1.0, resume=True), functions=FUNCTIONS)
    assert [0.05, 1.0] == [row["kl_coefficient"] for row in lines(more.out)]


def test_what_a_run_leaves_behind(settings: PPOSettings) -> None:
    """A plain model that any program opens, metrics with every name, a report, a card."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    outcome = train_ppo(replace(settings, updates=2), functions=FUNCTIONS)
    AutoTokenizer.from_pretrained(outcome.model)
    model = AutoModelForCausalLM.from_pretrained(outcome.model)
    saved = torch.load(outcome.out / "checkpoints" / "step-00000002" / "weights.pt", weights_only=True)
    for name, value in model.state_dict().items():
        if name != "lm_head.weight":  # tied
            assert torch.equal(value, saved[f"policy.{name}"])
    assert {
        "step", "episodes", "reward", "reward_sd", "kl", "kl_coefficient", "entropy", "clip_share",
        "explained_variance", "policy_loss", "value_loss", "length", "eos_share", "gradient_norm", "learning_rate",
        "tokens",
    } == set(lines(outcome.out)[0])  # fmt: skip
    assert {"train": 18} == outcome.report["rows"]
    assert outcome.report == json.loads((outcome.out / "report.json").read_text())
    assert "PPO" in (outcome.out / "README.md").read_text()


def test_lora_has_its_base_as_reference(settings: PPOSettings) -> None:
    """Without its adapters the policy is the reference; the critic shares its backbone; in the end they are merged."""
    from transformers import AutoModelForCausalLM

    settings = replace(settings, lora_rank=4, updates=6, learning_rate=0.03)
    ppo = make(settings)
    assert ppo.reference is None
    assert ppo.actor.critic is None
    base = AutoModelForCausalLM.from_pretrained(settings.model).eval()
    for _ in range(3):
        ppo.update()
    texts = sample(ppo.actor, ppo.prompts[:5], ends=ppo.ends, most=8)
    with torch.no_grad():
        off, on = ppo.actor("reference", texts), ppo.actor("read", texts)[0]
    torch.testing.assert_close(off, log_probabilities(base, texts), atol=1e-5, rtol=1e-5)
    assert (on - off).abs().max() > 1e-3
    trained = {name for name, each in ppo.actor.named_parameters() if each.requires_grad}
    assert all("lora" in name or name.startswith("value.") for name in trained)
    outcome = train_ppo(settings, functions=FUNCTIONS)
    rows = lines(outcome.out)
    assert 0.0 == pytest.approx(rows[0]["kl"], abs=1e-5) != pytest.approx(rows[-1]["kl"], abs=1e-5)
    merged = AutoModelForCausalLM.from_pretrained(outcome.model)
    assert base.state_dict().keys() == merged.state_dict().keys()
    assert any(not torch.equal(one, other) for one, other in zip(base.parameters(), merged.parameters(), strict=True))


def test_a_run_with_adapters_goes_on_bit_for_bit(settings: PPOSettings) -> None:
    """Checkpoints hold adapters and critic only, and that is enough."""
    settings = replace(settings, lora_rank=4, updates=4, learning_rate=0.03)
    whole = train_ppo(settings, functions=FUNCTIONS)
    first = train_ppo(replace(settings, updates=2, out=settings.out.with_name("again")), functions=FUNCTIONS)
    saved = torch.load(first.out / "checkpoints" / "step-00000002" / "weights.pt", weights_only=True)
    assert saved, sorted(saved)
    assert all("lora" in name or name.startswith("value.") for name in saved)
    rest = train_ppo(replace(settings, out=first.out, resume=True), functions=FUNCTIONS)
    assert lines(whole.out) == lines(rest.out)


def test_a_shared_critic_learns_too(settings: PPOSettings) -> None:
    """One backbone: fewer weights, and what is rewarded is learnt."""
    shared, separate = (make(replace(settings, critic=critic)) for critic in ("shared", "separate"))
    assert shared.parameters["trained"] < 0.6 * separate.parameters["trained"]
    for _ in range(12):
        metrics = shared.update()
    assert metrics["reward"] > shared.history[0]["reward"] + 0.02
    assert metrics["explained_variance"] > 0


def test_two_rewards_are_weighted_and_told_apart(settings: PPOSettings) -> None:
    """The reward is their sum with weights; each is in the metrics."""
    length = lambda rows, texts: [float(len(text)) for text in texts]  # noqa: E731
    outcome = train_ppo(
        replace(settings, updates=2, rewards={"e": 2.0, "length": -0.5}), functions={**FUNCTIONS, "length": length}
    )
    for row in lines(outcome.out):
        assert row["reward"] == pytest.approx(2 * row["reward/e"] - 0.5 * row["reward/length"], rel=1e-5)


def test_each_prompt_is_drawn_once_before_any_is_drawn_again(settings: PPOSettings) -> None:
    """In another order each time round."""
    ppo = make(replace(settings, episodes=16))
    drawn: list[int] = []
    for step in range(9):
        ppo.step = step
        drawn += ppo.draw()
    rounds = [drawn[start : start + 18] for start in range(0, 144, 18)]
    assert all(sorted(each) == list(range(18)) for each in rounds)
    assert len({tuple(each) for each in rounds}) == len(rounds)


def test_a_text_is_read_as_if_it_were_alone(tiny: Path) -> None:
    """Prompts of any length, sampled together with padding on the left, read padded, flat and one by one."""
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    actor = ActorCritic(AutoModelForCausalLM.from_pretrained(tiny).eval())
    torch.nn.init.normal_(actor.value.weight)
    prompts = [[5, 6, 7], [8] * 11, [9, 10], [11, 12, 13, 14]]
    texts = sample(actor, prompts, ends=[299, *range(40)], most=9)
    assert texts.starts.tolist() == [3, 11, 2, 4]
    assert len(set(texts.lengths.tolist())) > 1
    assert all(texts.ids[i, : len(prompt)].tolist() == prompt for i, prompt in enumerate(prompts))
    assert reads_flat(actor.policy, prompts, 20)
    with torch.no_grad():
        padded = actor("read", texts)
        actor.flat = True
        flat = actor("read", texts)
        for i in range(4):
            some = texts.select(torch.tensor([i]))
            logits = actor.policy(some.ids).logits[0, texts.starts[i] - 1 : -1]
            answer = some.ids[0, texts.starts[i] :]
            alone = logits.log_softmax(-1).gather(1, answer[:, None])[:, 0]
            rows = slice(int(texts.lengths[:i].sum()), int(texts.lengths[: i + 1].sum()))
            for logp, values, _ in (padded, flat):
                torch.testing.assert_close(alone, logp[rows], atol=1e-5, rtol=1e-5)
                torch.testing.assert_close(actor("read", some)[1], values[rows], atol=1e-5, rtol=1e-5)


def test_sampling_draws_from_the_whole_distribution(tiny: Path) -> None:
    """After one prompt, the first tokens come as often as the model says, at the temperature that is asked for."""
    from transformers import AutoModelForCausalLM

    policy = AutoModelForCausalLM.from_pretrained(tiny).eval()
    torch.manual_seed(0)
    with torch.no_grad():
        policy.lm_head.weight.mul_(8)  # a random model is nearly uniform: make it prefer something
        expected = (policy(torch.tensor([[5, 6, 7]])).logits[0, -1] / 0.5).softmax(-1)
    found = sample(ActorCritic(policy, temperature=0.5), [[5, 6, 7]] * 4000, ends=[0], most=1)
    counts = torch.bincount(found.ids[:, 3], minlength=len(expected)) / 4000
    top = expected.topk(5).indices
    assert expected[top[0]] > 0.02
    torch.testing.assert_close(counts[top], expected[top], atol=4 * (0.25 / 4000) ** 0.5, rtol=0)


def test_an_answer_ends_with_its_first_end_token(tiny: Path) -> None:
    """What stands behind it is no part of the text; an answer without one has all its tokens, and is counted."""
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    actor = ActorCritic(AutoModelForCausalLM.from_pretrained(tiny).eval())
    ends = list(range(100))
    texts = sample(actor, [[200, 201]] * 60, ends=ends, most=6)
    for i in range(60):
        answer = texts.ids[i, 2 : 2 + texts.lengths[i]].tolist()
        assert all(token >= 100 for token in answer[:-1])
        assert answer[-1] < 100 or len(answer) == 6
    assert 6 in texts.lengths.tolist()
    assert 1 in texts.lengths.tolist()


def test_pad_equal_to_the_end_token_changes_nothing(settings: PPOSettings, tmp_path: Path) -> None:
    """Masks come from lengths, never from a token: the same texts, the same numbers."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(settings.model)
    tokenizer.pad_token = tokenizer.eos_token
    model = AutoModelForCausalLM.from_pretrained(settings.model)
    model.config.pad_token_id = model.generation_config.pad_token_id = tokenizer.eos_token_id
    model.save_pretrained(tmp_path / "same")
    tokenizer.save_pretrained(tmp_path / "same")
    settings = replace(settings, episodes=256, ppo_epochs=1)  # an untrained model ends one answer in thirty
    own, same = (make(replace(settings, model=folder)).update() for folder in (settings.model, tmp_path / "same"))
    for name in ("reward", "length", "eos_share", "entropy", "tokens", "explained_variance"):
        assert own[name] == same[name], name
    assert 0 < own["eos_share"] < 1


def test_memory_may_be_bounded_without_changing_what_is_learnt(settings: PPOSettings) -> None:
    """Micro-batches give the losses and the gradient of the minibatch, weighted by tokens."""
    settings = replace(settings, batch_size=32, ppo_epochs=1)
    whole, parts = (make(replace(settings, micro_batch=micro)).update() for micro in (0, 4))
    for name in ("reward", "kl", "policy_loss", "value_loss", "gradient_norm"):
        assert whole[name] == pytest.approx(parts[name], rel=1e-4, abs=1e-6), name


def test_an_answer_that_does_not_end_costs_its_penalty(settings: PPOSettings) -> None:
    """It is taken off what is learnt from, not off what is told."""
    ppo = make(replace(settings, missing_eos_penalty=2.0, normalise_rewards=False))
    assert [0.5, -1.5] == ppo._scores([0.5, 0.5], [1.0, 0.0], [], [])
    metrics = ppo.update()
    assert metrics["reward"] >= 0


@pytest.mark.parametrize(
    ("change", "message"),
    [({"max_length": 14}, "no prompt .* leaves room for 12 tokens in 14"),
     ({"trackers": ("nothere",)}, "tracker nothere is not installed")],
)
def test_what_can_t_work_is_said_at_once(settings: PPOSettings, change: dict[str, Any], message: str) -> None:
    """Before anything is trained or written."""
    with pytest.raises(TrainingError, match=message):
        train_ppo(replace(settings, **change), functions=FUNCTIONS)
    assert not settings.out.exists()


def test_prompts_that_are_too_long_are_left_out_and_counted(settings: PPOSettings) -> None:
    """The others are trained on."""
    lengths = sorted(map(len, make(settings).prompts))
    outcome = train_ppo(replace(settings, updates=1, max_length=12 + lengths[8]), functions=FUNCTIONS)
    assert {"train": sum(each <= lengths[8] for each in lengths)} == outcome.report["rows"]
    left = outcome.report["left_out"]["longer than max_length"]["train"]
    assert 0 < left == 18 - outcome.report["rows"]["train"]


def test_kl_that_runs_away_stops_the_run(settings: PPOSettings) -> None:
    """With what happened, where the last good checkpoint is, and how to go on; the checkpoint is there."""
    with pytest.raises(TrainingError, match="KL ran away") as caught:
        train_ppo(replace(settings, kl_limit=1.0, kl_coefficient=0.0, learning_rate=0.02, save_every=1),
                  functions=FUNCTIONS)
    last = sorted((settings.out / "checkpoints").iterdir())[-1]
    assert str(last) in caught.value.message
    assert last.name == f"step-{caught.value.step - 1:08d}"
    assert "resume=true" in caught.value.hint
    assert not (settings.out / "report.json").exists()


def test_what_a_stopped_run_shall_go_on_with_changes_something(settings: PPOSettings) -> None:
    """A price of zero has no multiple, and one that is steered comes from the checkpoint, whatever is set."""
    stopped = replace(settings, updates=2, kl_limit=1e-6, learning_rate=0.02)
    for run, told in (
        (stopped, "kl_coefficient=0.15"), (replace(stopped, kl_coefficient=0.0), "kl_coefficient=0.05"),
        (replace(stopped, kl_target=6.0), "kl_target=2"),
    ):
        with pytest.raises(TrainingError, match="KL ran away") as caught:
            train_ppo(replace(run, out=settings.out / told), functions=FUNCTIONS)
        assert caught.value.hint.endswith(f"--set {told}")


def test_a_reward_that_collapses_stops_the_run(settings: PPOSettings) -> None:
    """A reward that turns round in the middle of the run."""
    calls: list[int] = []

    def turning(rows: list[dict[str, Any]], texts: list[str]) -> list[float]:
        calls.append(1)
        return [share - (1.0 if len(calls) > 8 else 0.0) for share in share_of_e(rows, texts)]

    with pytest.raises(TrainingError, match="the reward collapsed"):
        train_ppo(replace(settings, updates=20), functions={"e": turning})
    assert 9 <= len(calls) < 15


def test_metrics_reach_the_trackers_of_accelerate(settings: PPOSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What accelerate logs is what metrics.jsonl says."""
    from accelerate import Accelerator

    told: list[tuple[int, dict[str, float]]] = []
    monkeypatch.setattr(Accelerator, "log", lambda self, values, step=None: told.append((step, values)))
    outcome = train_ppo(replace(settings, updates=2), functions=FUNCTIONS)
    assert [1, 2] == [step for step, _ in told]
    assert [row["reward"] for row in lines(outcome.out)] == [values["reward"] for _, values in told]


def test_half_precision_keeps_whole_weights(settings: PPOSettings) -> None:
    """bfloat16 as on a GPU, here on a CPU: single weights, a reference in half, KL that starts near zero."""
    ppo = make(replace(settings, dtype="bfloat16"))
    assert ppo.reference.dtype == torch.bfloat16
    first = ppo.update()
    assert {torch.float32} == {each.dtype for each in ppo.actor.parameters()}
    assert abs(first["kl"]) < 0.5
    assert first["gradient_norm"] > 0
    assert all(value == value for value in ppo.update().values())
