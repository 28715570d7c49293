"""Flat batches give the rewards and gradients of padded ones, and of each text alone."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from graphengine.training import flat  # noqa: E402 (torch may be missing)
from graphengine.training.batches import pad  # noqa: E402
from graphengine.training.reward_model import Scorer, use_flat  # noqa: E402

pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")]
VOCABULARY = 60


def llama(**more: Any) -> Any:
    """A tiny model with grouped queries."""
    from transformers import LlamaConfig, LlamaForSequenceClassification

    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return LlamaForSequenceClassification(
            LlamaConfig(vocab_size=VOCABULARY, num_key_value_heads=2, num_labels=1, pad_token_id=0, **sizes, **more)
        ).eval()


def made_up(number: int, *, seed: int = 0, longest: int = 30) -> list[tuple[list[int], list[int]]]:
    """Pairs of random tokens with a prompt in common, of very different lengths."""
    draw = random.Random(seed)

    def tokens() -> list[int]:
        return [draw.randrange(1, VOCABULARY) for _ in range(draw.randint(1, longest))]

    return [((prompt := tokens()) + tokens(), prompt + tokens()) for _ in range(number)]


PAIRS = made_up(6)


def rewards_and_gradients(model: Any, batch: Any) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Of a loss in which each answer counts differently."""
    model.zero_grad()
    rewards = Scorer(model)(batch)
    (rewards * torch.linspace(-1, 1, len(rewards))).sum().backward()
    return rewards.detach(), [each.grad.clone() for each in model.parameters() if each.grad is not None]


@pytest.mark.parametrize("share", [True, False])
def test_flat_rewards_and_gradients_are_the_padded_ones(share: bool) -> None:
    """To 1e-6 in single precision; with the common beginning read once, and without."""
    model = llama()
    expected, gradients = rewards_and_gradients(model, pad(PAIRS, 0))
    assert "" == use_flat(model, PAIRS, pad_id=0)
    found, flat_gradients = rewards_and_gradients(model, flat.pack(PAIRS, share=share))
    assert torch.allclose(expected, found, atol=1e-6)
    assert len(gradients) == len(flat_gradients)
    for one, other in zip(gradients, flat_gradients, strict=True):
        assert torch.allclose(one, other, atol=2e-6)


def test_rewards_are_those_of_each_text_alone() -> None:
    """No text sees its neighbour: read alone, without any mask, it has the same reward."""
    model = llama()
    with torch.no_grad():
        alone = [model(input_ids=torch.tensor([text])).logits.item() for side in (0, 1) for text in
                 [pair[side] for pair in PAIRS]]  # fmt: skip
        use_flat(model, PAIRS, pad_id=0)
        assert torch.allclose(torch.tensor(alone), Scorer(model)(flat.pack(PAIRS)), atol=1e-6)


TEXT = st.lists(st.integers(1, 5), min_size=1, max_size=6)


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=6))
@settings(deadline=None, max_examples=60)
def test_a_layout_holds_every_text_once(pairs: list[tuple[list[int], list[int]]]) -> None:
    """Each text can be read back: its tokens are the keys of its segment, positions count from 0, it ends at `last`."""
    packed = flat.pack(pairs)
    ids, positions = packed.ids[0].tolist(), packed.positions[0].tolist()
    keys = packed.keys.tolist() if packed.keys is not None else list(range(len(ids)))
    ends = packed.last.tolist()
    bounds, begins = packed.cu_keys.tolist(), packed.cu_queries.tolist()
    read = {
        begins[place + 1] - 1: keys[start:end]
        for place, (start, end) in enumerate(pairwise(bounds))
    }
    for place, text in enumerate([one for one, _ in pairs] + [other for _, other in pairs]):
        tokens = read[ends[place]]
        assert text == [ids[token] for token in tokens]
        assert list(range(len(text))) == [positions[token] for token in tokens]
    assert packed.real == sum(len(one) + len(other) for one, other in pairs)
    assert sum(number * own for number, own, _ in packed.groups) == len(ids)
    assert sum(number * whole for number, _, whole in packed.groups) == len(keys)


def test_what_both_begin_with_is_read_once() -> None:
    """A batch of a long prompt and two short answers has about half the tokens of both texts."""
    prompt = list(range(1, 41))
    packed = flat.pack([([*prompt, 50, 51], [*prompt, 52])])
    assert (43, 83) == (packed.ids.shape[1], packed.real)


def test_identical_texts_have_a_place_of_their_own() -> None:
    """A pair of one text twice shares all but the last token, and its rewards are the same."""
    model = llama()
    use_flat(model, PAIRS, pad_id=0)
    with torch.no_grad():
        one, other = Scorer(model)(flat.pack([([5, 6, 7], [5, 6, 7])])).tolist()
    assert pytest.approx(one, abs=1e-6) == other


def test_half_precision_keeps_shapes_and_values() -> None:
    """Under autocast to bfloat16, as on a GPU, rewards are single and close to those of single precision."""
    model = llama()
    use_flat(model, PAIRS, pad_id=0)
    with torch.no_grad():
        expected = Scorer(model)(flat.pack(PAIRS))
        with torch.autocast("cpu", torch.bfloat16):
            found = Scorer(model)(flat.pack(PAIRS))
    assert (torch.float32, expected.shape) == (found.dtype, found.shape)
    assert torch.allclose(expected, found, atol=0.02)


def test_the_kernel_of_a_gpu_takes_the_layout() -> None:
    """The call of `varlen_attn` traced without a GPU: what goes in fits, what comes out is [tokens, heads, size]."""
    packed = flat.pack(PAIRS)
    tokens, keys = packed.ids.shape[1], packed.cu_keys[-1].item()
    query, key, value = (
        torch.empty(4, length, 16, device="meta", dtype=torch.bfloat16, requires_grad=True)
        for length in (tokens, keys, keys)
    )
    out = flat._varlen(query, key, value, 0.25, packed.to("meta"))
    assert ((tokens, 4, 16), torch.bfloat16) == (tuple(out.shape), out.dtype)
    out.sum().backward()
    assert query.grad is not None and key.grad is not None
    assert (query.shape, key.shape) == (query.grad.shape, key.grad.shape)
    assert packed.cu_queries.dtype == packed.cu_keys.dtype == torch.int32
    assert (tokens, keys) == (packed.cu_queries[-1], packed.cu_keys[-1])
    assert flat.kernel_agrees(torch.device("cpu"))


def test_layers_can_be_recomputed() -> None:
    """Gradient checkpointing hands the layout on to each layer, and changes no gradient."""
    model = llama()
    use_flat(model, PAIRS, pad_id=0)
    _, expected = rewards_and_gradients(model.train(), flat.pack(PAIRS))
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    _, found = rewards_and_gradients(model, flat.pack(PAIRS))
    assert all(torch.allclose(one, other, atol=1e-7) for one, other in zip(expected, found, strict=True))


def test_a_model_that_reads_both_ways_is_left_as_it_was() -> None:
    """An encoder has another head: it is not read flat, and its attention stays what it was."""
    from transformers import BertConfig, BertForSequenceClassification

    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = BertForSequenceClassification(BertConfig(vocab_size=VOCABULARY, num_labels=1, **sizes)).eval()
    before = model.config._attn_implementation
    assert "another head" in use_flat(model, PAIRS, pad_id=0)
    assert before == model.config._attn_implementation
    assert (12,) == Scorer(model)(pad(PAIRS, 0)).shape


def test_a_model_that_refuses_is_left_as_it_was() -> None:
    """A model that hands nothing on to its attention: the reason is told, and it is read padded."""
    model = llama()
    forward = model.model.forward
    model.model.forward = lambda input_ids, position_ids=None, attention_mask=None, **more: forward(
        input_ids, position_ids=position_ids, attention_mask=attention_mask, use_cache=False
    )
    before = model.config._attn_implementation
    assert "it refuses: TypeError" in use_flat(model, PAIRS, pad_id=0)
    assert before == model.config._attn_implementation
    assert (12,) == Scorer(model)(pad(PAIRS, 0)).shape


def test_a_model_that_mixes_neighbours_is_found_out() -> None:
    """A layer whose state runs on from token to token, whatever text it is of: the trial on two pairs shows it."""
    model = llama()
    model.model.norm.register_forward_hook(lambda _, __, out: out + out.cumsum(1))
    assert "its rewards differ" in use_flat(model, PAIRS, pad_id=0)
    assert flat.ATTENTION != model.config._attn_implementation


@pytest.mark.parametrize(("window", "fits"), [(8, False), (64, True)])
def test_a_short_window_is_not_read_flat(window: int, fits: bool) -> None:
    """A model that looks back less far than a text is long: short trials would agree, so its window is read."""
    from transformers import MistralConfig, MistralForSequenceClassification

    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
             "num_key_value_heads": 2}  # fmt: skip
    config = MistralConfig(vocab_size=VOCABULARY, num_labels=1, pad_token_id=0, sliding_window=window, **sizes)
    why = use_flat(MistralForSequenceClassification(config).eval(), PAIRS, pad_id=0)
    assert fits == (why == "")
    assert fits or f"looks {window} tokens back" in why


@pytest.mark.parametrize("family", ["Qwen2", "Qwen3", "Gemma", "Phi3"])
def test_families_of_decoders_are_read_flat(family: str) -> None:
    """Rewards agree with the padded ones for other decoders too."""
    import transformers

    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
             "num_key_value_heads": 2, "head_dim": 8}  # fmt: skip
    config = getattr(transformers, f"{family}Config")(vocab_size=VOCABULARY, num_labels=1, pad_token_id=0, **sizes)
    model = getattr(transformers, f"{family}ForSequenceClassification")(config).eval()
    with torch.no_grad():
        expected = Scorer(model)(pad(PAIRS, 0))
        assert "" == use_flat(model, PAIRS, pad_id=0)
        assert torch.allclose(expected, Scorer(model)(flat.pack(PAIRS)), atol=1e-5)
