"""What ranking files of votes gave."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class VotesRanked:
    """The outcome of `rank_votes`.

    Attributes:
        out: The file of ranks.
        method: How cards were ranked.
        parameters: Of the method.
        engine: "local" or "dask".
        files: Number of files read.
        votes: Answers that were counted.
        repeated: Answers that were given twice or superseded (known with `distinct` only).
        rejected: Rows left out, by reason.
        words: The most frequent words that are no answer, with their number of rows.
        pairs: Ordered pairs of cards with answers, over all contexts.
        contexts: Contexts ranked.
        cards: Rows of RANKS.
        distinct: Was one answer counted for each participant and upgrade?
        p_top: Was P(top) worked out?
        calibration: What all contexts share, as JSON; None for a method without it.
        calibrated_on: Contexts that the calibration was fitted on.
        seconds: By step, wall clock.
    """

    out: str
    method: str
    parameters: dict[str, Any]
    engine: str
    files: int
    votes: int
    repeated: int
    rejected: dict[str, int]
    words: dict[str, int]
    pairs: int
    contexts: int
    cards: int
    distinct: bool
    p_top: bool
    calibration: str | None
    calibrated_on: int
    seconds: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """One JSON object."""
        import json

        shape = {"ok": True, **vars(self)}
        shape["calibration"] = None if self.calibration is None else json.loads(self.calibration)
        return shape
