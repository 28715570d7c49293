"""A model card says what the report says, and names what was not measured."""

from __future__ import annotations

from typing import Any

import pytest

from graphengine.training.model_card import model_card

pytestmark = pytest.mark.train
REPORT: dict[str, Any] = {
    "stage": "reward",
    "rows": {"train": 60, "test": 15},
    "left_out": {"longer than max_length": {"train": 2, "test": 0}},
    "evidence": "weight",
    "parameters": {"all": 901_234},
    "held_out": {"split": "test", "accuracy": 0.8, "lower": 0.61, "upper": 0.92, "ties": 1, "pairs": 15},
    "baselines": [{"name": "length", "rule": "the longer text is chosen", "accuracy": 0.6, "lower": 0.4, "upper": 0.8}],
    "curve": {"loss": {"first": {"mean": 0.7, "lower": None, "upper": None}, "last": {"mean": 0.4, "lower": 0.3,
                                                                                     "upper": 0.5}}},
    "notes": ["Rewards that differ by less than 1e-6 count as ties."],
    "cost": {"seconds": 12.5, "peak_memory_bytes": 512_000_000},
    "run": {"settings": {"model": "tiny", "data": "pairs", "kind": "cards", "seed": 3}, "data_hash": "cd34",
            "versions": {"torch": "2.15.0"}},
}  # fmt: skip
MANIFEST = {"data_hash": "ab12", "command": "graphengine export preferences OUT", "ranking": {"ranking_id": "bt"}}


def test_the_card_tells_data_evidence_and_numbers_with_intervals() -> None:
    """Rows, rows left out, kind of evidence, hashes, accuracy with interval beside the baselines, cost, versions."""
    card = model_card(REPORT, MANIFEST)
    for told in (
        "| rows of train | 60 |", "| left out: longer than max_length | train: 2, test: 0 |",
        "| evidence used | weight |",
        "| state of the votes | `ab12` |", "| sha256 of its manifest | `cd34` |", "901,234 parameters",
        "| accuracy | 0.8 (90% interval 0.61 to 0.92) |", "| ties | 1 |",
        "| length: the longer text is chosen | 0.6 (90% interval 0.4 to 0.8) |",
        "| first | 0.7 |", "| last | 0.4 (90% interval 0.3 to 0.5) |", "- Rewards that differ by less than 1e-6",
        "| seconds | 12.5 |", "| peak memory, MB | 512 |", "| version of torch | 2.15.0 |",
        "AutoModelForSequenceClassification",
    ):  # fmt: skip
        assert told in card


def test_what_was_not_measured_is_named() -> None:
    """Without held-out rows the card says that there is no evidence, instead of nothing."""
    card = model_card({"stage": "sft", "run": {}})
    assert "Nothing was measured.\n" in card
    assert "Nothing was measured on held-out data" in card
    assert "AutoModelForCausalLM" in card


def test_the_head_is_read_by_the_hub() -> None:
    """The YAML head parses; it names no base model of a hub, since the base is a folder."""
    from huggingface_hub import ModelCard

    data = ModelCard(model_card(REPORT, MANIFEST)).data.to_dict()
    assert ("transformers", "text-classification") == (data["library_name"], data["pipeline_tag"])
    assert ["graphengine", "moral-graph", "reward-model", "reward"] == data["tags"]
    assert "base_model" not in data


def test_a_value_can_not_break_the_table() -> None:
    """A path with a pipe or a line break stays in its cell."""
    card = model_card({**REPORT, "run": {**REPORT["run"], "settings": {"model": "a|b\nc"}}})
    assert "| model | a\\|b c |" in card
