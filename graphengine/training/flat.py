"""Pairs in one row of tokens, without padding, and what both answers begin with only once.

Reward models are trained on pairs of the same prompt with two answers, of very different lengths. Padded to one length
in a batch, half of the tokens are padding; and the prompt is read twice. Here a batch is one sequence of tokens:

    chosen 1 | rejected 1 without what it shares with chosen 1 | chosen 2 | …

A token attends to what comes before it in its own text; the second answer takes keys and values of the shared tokens
from the first. For a causal model that gives the same rewards and gradients as each text alone (up to rounding): a
token's state depends on what stands before it only.

On a CPU, and for single precision, attention runs text by text (those of equal lengths together); on a GPU in half
precision it is one call of `torch.nn.attention.varlen`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

ATTENTION = "graphengine-flat"
"""The name of the attention, for `model.set_attn_implementation`."""


@dataclass(frozen=True)
class Packed:
    """A batch of B pairs as one sequence of T tokens.

    Attributes:
        ids: Token ids, [1, T].
        positions: Place of each token in its text, [1, T].
        last: Where the text of each answer ends: chosen ones first, then rejected ones, [2B].
        keys: Tokens that are attended to, segment by segment, [K]; None where that is each token once, in order.
        groups: Segments of equal lengths that stand side by side: number, queries of each, keys of each.
        cu_queries, cu_keys: Where each segment begins, and the end, int32 [segments + 1].
        real: Tokens of all texts, as if none were shared.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    last: torch.Tensor
    keys: torch.Tensor | None
    groups: tuple[tuple[int, int, int], ...]
    cu_queries: torch.Tensor
    cu_keys: torch.Tensor
    real: int

    def to(self, device: torch.device | str) -> Packed:
        """The same on a device."""
        tensors = {name: value for name, value in vars(self).items() if isinstance(value, torch.Tensor)}
        return replace(self, **{name: moved(value, torch.device(device)) for name, value in tensors.items()})


def moved(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A tensor on a device."""
    # A copy from pinned memory does not wait for what the GPU is doing, so the next batch is laid out meanwhile.
    return (tensor.pin_memory() if device.type == "cuda" else tensor).to(device, non_blocking=True)


def shared_length(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two texts begin with in common; each keeps at least one of its own.

    Example:
        >>> shared_length([5, 6, 7], [5, 6, 8, 9]), shared_length([5, 6], [5, 6])
        (2, 1)
    """
    most = min(len(one), len(other)) - 1
    return next((place for place in range(most) if one[place] != other[place]), most)


def pack(pairs: Sequence[tuple[Sequence[int], Sequence[int]]], *, share: bool = True) -> Packed:
    """Lay pairs out as one sequence.

    Args:
        pairs: Token ids of the chosen and of the rejected text.
        share: Read what both texts begin with once.

    Example:
        >>> packed = pack([([5, 6, 7], [5, 6, 8, 9])])
        >>> packed.ids.tolist(), packed.positions.tolist(), packed.last.tolist()
        ([[8, 9, 5, 6, 7]], [[2, 3, 0, 1, 2]], [4, 1])
        >>> packed.keys.tolist(), packed.groups, packed.real
        ([2, 3, 0, 1, 2, 3, 4], ((1, 2, 4), (1, 3, 3)), 7)
    """
    number = len(pairs)
    shared = [shared_length(*pair) if share else 0 for pair in pairs]
    # A segment is (answer, tokens of its own, tokens in all); equal ones side by side can be computed together.
    segments = sorted(
        [(len(one), len(one), place) for place, (one, _) in enumerate(pairs)]
        + [(len(other) - shared[place], len(other), number + place) for place, (_, other) in enumerate(pairs)]
    )
    ends = list(accumulate(own for own, _, _ in segments))
    start = {which: end - own for (own, _, which), end in zip(segments, ends, strict=True)}
    ids: list[int] = []
    positions: list[int] = []
    keys: list[int] = []
    last = [0] * (2 * number)
    for (own, whole, which), end in zip(segments, ends, strict=True):
        text = pairs[which % number][which // number]
        common = whole - own
        ids += text[common:]
        positions += range(common, whole)
        keys += range(start[which - number], start[which - number] + common) if common else ()
        keys += range(end - own, end)
        last[which] = end - 1
    return Packed(
        ids=torch.tensor([ids]),
        positions=torch.tensor([positions]),
        last=torch.tensor(last),
        keys=torch.tensor(keys) if any(shared) else None,
        groups=tuple((len(list(same)), *sizes) for sizes, same in groupby(segments, key=lambda each: each[:2])),
        cu_queries=torch.tensor([0, *ends], dtype=torch.int32),
        cu_keys=torch.tensor([0, *accumulate(whole for _, whole, _ in segments)], dtype=torch.int32),
        real=sum(whole for _, whole, _ in segments),
    )


def attend(
    module: torch.nn.Module,  # noqa: ARG001 (the signature of an attention in transformers)
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None = None,  # noqa: ARG001 (the layout says who sees whom)
    *,
    scaling: float | None = None,
    packed: Packed,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within the texts of a packed batch; what `transformers` calls in each layer.

    Args:
        module: The layer.
        query: [1, heads, T, size of a head].
        key: [1, heads or a divisor of them, T, size].
        value: As `key`.
        attention_mask: None.
        scaling: What the scores are multiplied with; None for 1/√size.
        packed: The layout, handed to the model's forward.

    Returns:
        [1, T, heads, size], and None where others return weights.
    """
    query, key, value = query[0], key[0], value[0]
    if packed.keys is not None:
        key, value = key[:, packed.keys], value[:, packed.keys]
    if (repeat := query.shape[0] // key.shape[0]) > 1:  # grouped queries; not all versions of varlen know them
        key, value = key.repeat_interleave(repeat, 0), value.repeat_interleave(repeat, 0)
    # Under autocast positions are turned in single precision; values come as the layer computes.
    query, key = query.to(value.dtype), key.to(value.dtype)
    by_kernel = value.is_cuda and value.dtype in (torch.bfloat16, torch.float16)
    return (_varlen if by_kernel else _by_groups)(query, key, value, scaling, packed)[None], None


def _varlen(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float | None, packed: Packed
) -> torch.Tensor:
    from torch.nn.attention.varlen import varlen_attn

    longest_own, longest = (max(group[place] for group in packed.groups) for place in (1, 2))
    # Keys may be more than queries: causal then means that the last query sees all keys (flash attention aligns so).
    query, key, value = (each.transpose(0, 1).contiguous() for each in (query, key, value))
    found = varlen_attn(
        query, key, value, packed.cu_queries, packed.cu_keys, longest_own, longest, scale=scaling, window_size=(-1, 0)
    )
    assert isinstance(found, torch.Tensor)
    return found


def _by_groups(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float | None, packed: Packed
) -> torch.Tensor:
    found, from_query, from_key = [], 0, 0
    for number, own, whole in packed.groups:
        to_query, to_key = from_query + number * own, from_key + number * whole
        parts = (
            each[:, start:end].unflatten(1, (number, length)).transpose(0, 1)
            for each, start, end, length in (
                (query, from_query, to_query, own), (key, from_key, to_key, whole), (value, from_key, to_key, whole)
            )
        )
        # PyTorch aligns its causal mask to the first key, so where keys precede the queries the mask is made here.
        mask = query.new_ones(own, whole, dtype=torch.bool).tril(whole - own) if own < whole else None
        out = functional.scaled_dot_product_attention(*parts, attn_mask=mask, is_causal=mask is None, scale=scaling)
        found.append(out.transpose(1, 2).flatten(0, 1))
        from_query, from_key = to_query, to_key
    return torch.cat(found)


def register() -> None:
    """Make the attention known to `transformers` under `ATTENTION`."""
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface

    AttentionInterface.register(ATTENTION, attend)
    AttentionMaskInterface.register(ATTENTION, lambda *_, **__: None)


def kernel_agrees(device: torch.device) -> bool:
    """Whether the kernel of this device says in half precision what single precision says; true where there is none.

    Versions of the kernel differ in how they align a causal mask where keys precede the queries, so it is tried before
    it is trusted.
    """
    if device.type != "cuda":
        return True
    packed = pack([(list(range(5, 40)), [*range(5, 25), *range(60, 75)]), ([5, 6, 7], [5, 6, 8, 9])]).to(device)
    draw = torch.Generator(device).manual_seed(0)
    size = (1, 2, packed.ids.shape[1], 64)
    query, key, value = (torch.randn(size, generator=draw, device=device) for _ in range(3))
    half = [each.to(torch.bfloat16) for each in (query, key, value)]
    expected, _ = attend(torch.nn.Identity(), *(each.float() for each in half), packed=packed)
    found, _ = attend(torch.nn.Identity(), *half, packed=packed)
    return bool(torch.allclose(expected, found.float(), atol=3e-2))
