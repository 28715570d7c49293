"""The reward model: it learns from pairs which answer people judged wiser, and how sure the graph is of each.

An own loop, since TRL's RewardTrainer knows no weights and no soft labels, pads, and tells a mean of batch means for
the accuracy. With evidence `none` and the rows in the same order it takes the same steps as TRL's (a test holds that).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from graphengine.errors import MissingExtraError, TrainingError
from graphengine.training.data import open_folder
from graphengine.training.run_folder import CARD, check_disk, open_run
from graphengine.training.settings import at_least
from graphengine.training.stage import (
    TOO_LONG,
    EpochSettings,
    StageOutcome,
    curve,
    hushed,
    in_bfloat16,
    libraries,
    quiet,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from datasets import Dataset

    from graphengine.training.reward_rows import Rows

HELD_OUT = ("test", "validation")
"""Splits to measure on, the one of the headline first."""


@dataclass(frozen=True, kw_only=True)
class RewardSettings(EpochSettings):
    """What a reward model is trained with.

    Attributes:
        kind: Which pairs of the folder: cards, responses or adherence.
        evidence: What of the graph's certainty is used: none, weight (2p - 1), soft-label (p) or margin. One at a time.
        center: Weight of (r_chosen + r_rejected)² in the loss, which keeps rewards around 0; 0 leaves it out.
        tokens_at_once: Tokens that are in memory at once, per process; a batch is divided accordingly.
        layout: flat reads pairs without padding and their common beginning once; auto does where the model allows it.
        max_grad_norm: Gradients longer than this are cut to it.
    """

    kind: Literal["cards", "responses", "adherence"] = "cards"
    evidence: Literal["none", "weight", "soft-label", "margin"] = "weight"
    center: float = 0.01
    tokens_at_once: int = 16384
    layout: Literal["auto", "flat", "padded"] = "auto"
    max_grad_norm: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 0, "center", "max_grad_norm")
        at_least(self, 1, "tokens_at_once")


def train_reward(settings: RewardSettings, *, progress: Callable[[str], None] = quiet) -> StageOutcome:
    """Train a reward model on the pairs of a dataset folder.

    The report has, beside what every stage tells: `evidence`; `held_out` (accuracy with its 90% interval, ties, length
    correlation and more, of the split test, or validation where there is no test) and the same of the untrained model
    under `before`; `validation` where both splits are there; `baselines`, what length, words and titles alone reach on
    the same pairs; `layout`.

    Args:
        settings: See `RewardSettings`.
        progress: Takes a line for each step that is logged.

    Raises:
        TrainingError: If the data, the model, the folder or the disk is not what training needs.
        MissingExtraError: If the extra `train` is not installed.

    Example:
        >>> from graphengine.training.settings import read_settings
        >>> settings = read_settings(RewardSettings, None, ["model=tiny", "data=pairs", "out=runs/reward"])
        >>> train_reward(settings).report["held_out"]["accuracy"]  # doctest: +SKIP
        0.87
    """
    with hushed():
        return _train(settings, progress)


def _train(settings: RewardSettings, progress: Callable[[str], None]) -> StageOutcome:
    libraries()
    from graphengine.training import reward_model
    from graphengine.training.batches import Layout
    from graphengine.training.model_card import model_card
    from graphengine.training.reward_loop import Loop
    from graphengine.training.reward_rows import encode, see_that_it_teaches
    from graphengine.training.tokens import open_tokenizer

    folder = open_folder(settings.data, settings.kind)
    if "train" not in folder.splits:
        raise TrainingError(f"{settings.data} has no train split of {settings.kind}", hint="export again", key="data")
    tokenizer = open_tokenizer(settings.model, folder.splits["train"])
    model, notes = reward_model.load(
        settings.model, tokenizer, seed=settings.seed, lora_rank=settings.lora_rank, lora_alpha=settings.lora_alpha
    )
    # What no model says is a limit for none.
    most = min(settings.max_length, getattr(model.config, "max_position_embeddings", None) or settings.max_length)
    rows = {
        split: encode(table, tokenizer, most, settings.evidence, f"{settings.kind}/{split}.parquet")
        for split, table in folder.splits.items()
    }
    see_that_it_teaches(rows["train"], settings)
    accelerator = open_accelerator(settings)
    with accelerator.main_process_first():
        run = open_run(settings, "reward", data_hash=folder.data_hash, main=accelerator.is_main_process)
    progress = progress if run.main else quiet
    if accelerator.distributed_type != "FSDP":  # which takes its part of each weight to the GPU itself
        model.to(accelerator.device)
    flat, why_not = _flat(settings, model, rows, tokenizer.pad_token_id, accelerator.device)
    loop = Loop(settings, accelerator, model, Layout(flat, tokenizer.pad_token_id), rows["train"], run, progress)
    if run.main:
        check_disk(run.out, 4 * (loop.parameters["all"] + 6 * loop.parameters["trained"] * bool(settings.save_every)))
    lost = sum(each.too_long for each in rows.values())
    progress(
        f"reward: {len(rows['train'].pairs):,} pairs, {f'{lost:,} {TOO_LONG} left out, ' if lost else ''}"
        f"{'flat' if flat else 'padded'}, on {accelerator.device}"
    )
    others = [split for split in HELD_OUT if split in rows and rows[split].pairs]
    first = others[0] if others else ""
    before = loop.measure(first, rows[first]) if first else None
    loop.train(rows["validation"] if "validation" in others else None)
    after = {split: loop.measure(split, rows[split]) for split in others}
    run.write_folder(run.model, lambda place: loop.save(tokenizer, place), needed_bytes=4 * loop.parameters["all"])
    beside, why_none = _baselines(rows["train"].kept, rows[first].kept) if first else (None, "")
    report = run.finish({
        "stage": "reward",
        "steps": loop.steps,
        "rows": {split: len(each.pairs) for split, each in rows.items()},
        "left_out": {TOO_LONG: {split: each.too_long for split, each in rows.items()}},
        "evidence": settings.evidence,
        "layout": "flat" if flat else "padded",
        "parameters": loop.parameters,
        "curve": curve(run.metrics()),
        "held_out": after.get(first),
        "before": before,
        "validation": after["validation"] if len(others) > 1 else None,
        "baselines": beside,
        "votes_hash": folder.votes_hash,
        "notes": [*notes, *filter(None, (why_not, why_none)), *_notes(rows)],
    })
    run.write_text(CARD, model_card(report, folder.manifest))
    return StageOutcome("reward", run.out, run.model, report)


def open_accelerator(settings: RewardSettings) -> Any:
    """One process of one or several, with the precision that the settings ask for."""
    import torch
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    # Accelerate keeps the precision of the process' first run for all later ones, unless it is told to forget it.
    AcceleratorState._reset_state()
    return Accelerator(mixed_precision="bf16" if in_bfloat16(settings) else "no", cpu=not torch.cuda.is_available())


def _flat(
    settings: RewardSettings, model: Any, rows: Mapping[str, Rows], pad_id: int, device: Any
) -> tuple[bool, str]:
    """Whether pairs are read flat, and what the user should know of it.

    Raises:
        TrainingError: If they can't be, and the settings want it.
    """
    from graphengine.training.reward_model import use_flat

    if settings.layout == "padded":
        return False, ""
    why = use_flat(model, [pair for each in rows.values() for pair in each.pairs], pad_id=pad_id, device=device)
    if why and settings.layout == "flat":
        raise TrainingError(
            f"{settings.model} can't read pairs flat: {why}", hint="give layout: auto", key="layout", value="flat"
        )
    return not why, f"Pairs were padded, since the model can't read them flat: {why}." if why else ""


def _baselines(train: Dataset, held_out: Dataset) -> tuple[list[dict[str, Any]] | None, str]:
    """What rules that never see the prompt reach on the same pairs; or why that is not known."""
    from graphengine.preferences.audit import baselines

    try:
        return [each.as_json() for each in baselines(train, held_out)], ""
    except MissingExtraError as error:
        return None, f"The baselines were not measured: {error.message}."


def _notes(rows: Mapping[str, Rows]) -> list[str]:
    notes = []
    if alike := {split: each.alike for split, each in rows.items() if each.alike}:
        told = ", ".join(f"{number} in {split}" for split, number in alike.items())
        notes.append(f"Pairs whose texts are the same to the model, which teach nothing and count as ties: {told}.")
    if "images" in rows["train"].kept.column_names:
        notes.append("The data has images, which a reward model does not see.")
    return notes
