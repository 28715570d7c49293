"""What a few people's or models' opinions say about which of two texts is better."""

from __future__ import annotations

from typing import NamedTuple


class Evidence(NamedTuple):
    """How sure some opinions make it that one text is better than another.

    Attributes:
        p_chosen: P(most would choose it).
        margin: Expected log odds of being chosen.
        margin_sd: Its standard deviation.
    """

    p_chosen: float
    margin: float
    margin_sd: float

    @property
    def weight(self) -> float:
        """2 `p_chosen` - 1."""
        return 2 * self.p_chosen - 1

    def times(self, share: float) -> Evidence:
        """The same opinions where they differ by a share of what counts in full: nearer to a coin toss.

        Example:
            >>> evidence_of(1, 0).times(0.5).p_chosen
            0.625
        """
        return Evidence((1 + share * self.weight) / 2, share * self.margin, share * self.margin_sd)


def evidence_of(chosen: float, rejected: float, even: float = 0) -> Evidence:
    """What opinions say, each counted once.

    The share of all possible raters who would choose the one text has a uniform prior, so after the opinions it is
    Beta(1 + chosen + even / 2, 1 + rejected + even / 2). `p_chosen` is the probability that the share is above one
    half; `margin` and `margin_sd` are mean and standard deviation of its log odds.

    Args:
        chosen: Opinions for the text.
        rejected: Opinions for the other one.
        even: Opinions that both are as good.

    Example:
        >>> [round(evidence_of(*each).p_chosen, 3) for each in ((1, 0), (3, 0), (2, 1), (0, 0, 4))]
        [0.75, 0.938, 0.688, 0.5]
    """
    from scipy.special import betainc, digamma, polygamma

    a, b = 1 + chosen + even / 2, 1 + rejected + even / 2
    return Evidence(
        float(betainc(b, a, 0.5)), float(digamma(a) - digamma(b)), float((polygamma(1, a) + polygamma(1, b)) ** 0.5)
    )
