"""For the tests of the train extra: no network, no telemetry, one thread; tiny models to evaluate."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Read by the libraries when they are imported, so it can't wait for a fixture.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("OMP_NUM_THREADS", "1")

@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny policy that stands for the reference."""
    pytest.importorskip("transformers")
    from tests.train.evaluation_kit import tiny

    return tiny(tmp_path_factory.mktemp("models") / "base")


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with other weights."""
    pytest.importorskip("transformers")
    from tests.train.evaluation_kit import tiny

    return tiny(tmp_path_factory.mktemp("models") / "other", seed=1)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset folder with pairs, prompts and answers."""
    from tests.train.evaluation_kit import whole_dataset

    return whole_dataset(tmp_path_factory.mktemp("data"))


@pytest.fixture
def length(tmp_path: Path) -> str:
    """A reward that is a function: the length of a text."""
    from tests.train.evaluation_kit import LENGTH

    (tmp_path / "mine.py").write_text(LENGTH)
    return f"{tmp_path / 'mine.py'}:reward"
