"""Prompts with answers as tensors, and the two ways to lay them out for a model: padded, or flat in one row."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, Any

import torch

from graphengine.training import flat

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Texts:
    """Prompts with their answers.

    Attributes:
        ids: Token ids, prompt and answer in one piece, padded on the right, (texts, longest).
        starts: Length of each prompt, (texts,).
        lengths: Length of each answer, its end token included, (texts,); at least 1.
    """

    ids: Tensor
    starts: Tensor
    lengths: Tensor

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, rows: Tensor) -> Texts:
        """Some of the texts, without the padding that none of them needs."""
        starts, lengths = self.starts[rows], self.lengths[rows]
        return Texts(self.ids[rows, : int((starts + lengths).max())], starts, lengths)

    def mask(self, width: int) -> Tensor:
        """Which of `width` tokens an answer has, (texts, width)."""
        return torch.arange(width, device=self.ids.device) < self.lengths[:, None]

    def answers(self) -> Tensor:
        """The tokens of the answers, one answer after the other, (tokens,)."""
        row, place = self._places()
        return self.ids[row, self.starts[row] + place]

    def padded(self) -> Layout:
        """As rows. In a causal model nothing that follows changes a token, so padding on the right needs no mask."""
        row, place = self._places()
        return Layout({"input_ids": self.ids}, row * self.ids.shape[1] + self.starts[row] + place - 1)

    def flat(self) -> Layout:
        """One after the other in a single row, without padding; for the attention of `training.flat`."""
        whole = self.starts + self.lengths
        order = whole.argsort()  # equal lengths side by side can be computed together
        sizes = whole[order].tolist()
        real = torch.arange(self.ids.shape[1], device=self.ids.device) < whole[order, None]
        ends = torch.tensor([0, *accumulate(sizes)], dtype=torch.int32, device=self.ids.device)
        begins = torch.empty_like(whole)
        begins[order] = ends[:-1].to(whole.dtype)
        row, place = self._places()
        packed = flat.Packed(
            ids=self.ids[order][real][None],
            positions=torch.arange(self.ids.shape[1], device=self.ids.device).expand_as(real)[real][None],
            last=ends[1:].long() - 1,
            keys=None,
            groups=tuple((len(list(same)), size, size) for size, same in groupby(sizes)),
            cu_queries=ends,
            cu_keys=ends,
            real=sum(sizes),
        )
        inputs = {"input_ids": packed.ids, "position_ids": packed.positions, "packed": packed}
        return Layout(inputs, begins[row] + self.starts[row] + place - 1)

    def _places(self) -> tuple[Tensor, Tensor]:
        """Row, and place in its answer, of each token of the answers."""
        row, place = self.mask(int(self.lengths.max())).nonzero(as_tuple=True)
        return row, place


@dataclass(frozen=True)
class Layout:
    """What a model is given.

    Attributes:
        inputs: Arguments of its forward.
        states: Where among all of its hidden states, in one row, those stand that chose each token of the answers: one
            before the token, (tokens,).
    """

    inputs: dict[str, Any]
    states: Tensor
