"""A small moral graph to try things on: three scenarios, eleven contexts, made-up people and made-up votes.

Everything in it was written for this package; nobody said any of it. `README.md` beside the files says what is in them
and from which model the votes were drawn.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

FILES = ("cards.csv", "contexts.csv", "scenarios.csv", "votes.csv")


def sample_files() -> dict[str, Path]:
    """The files of the sample graph, in the order in which to import them.

    Returns:
        Path by kind: `cards`, `contexts`, `scenarios`, `votes`. Stories stand in the column `story` of the votes.

    Example:
        >>> list(sample_files())
        ['cards', 'contexts', 'scenarios', 'votes']
        >>> sample_files()["votes"].name
        'votes.csv'
    """
    folder = Path(str(resources.files(__name__)))
    return {Path(name).stem: folder / name for name in FILES}


def about() -> str:
    """What the sample is: its README, which begins by saying that it is made up.

    Example:
        >>> "made up" in about()
        True
    """
    return resources.files(__name__).joinpath("README.md").read_text(encoding="utf-8")


def sample_card_values() -> Path:
    """Values of the sample's cards, labelled by hand for this package: `id`, and a number for each of ten values.

    Example:
        >>> sample_card_values().name
        'card_values.csv'
    """
    return Path(str(resources.files(__name__))) / "card_values.csv"
