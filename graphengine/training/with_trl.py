"""What the stages that TRL trains have in common: `sft`, `dpo`, `kto`, `grpo`, `rloo`.

A stage names its dataset, its TRL classes and its own arguments; here the rows are opened, checked and counted, TRL
trains, and what came out is written as every stage writes it. The model is given to TRL as a path: DPO, KTO, GRPO and
RLOO load their reference from it again.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphengine.errors import TrainingError
from graphengine.training.data import open_folder
from graphengine.training.run_folder import CARD, RunFolder, check_disk, open_run, writing
from graphengine.training.stage import (
    TOO_LONG,
    EpochSettings,
    StageOutcome,
    curve,
    hushed,
    in_bfloat16,
    libraries,
    parameters,
    quiet,
    weights_of,
)
from graphengine.training.tokens import drop_too_long, open_tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from datasets import Dataset


@dataclass(frozen=True)
class Stage:
    """How a stage differs from the others.

    Attributes:
        name: Its name.
        kind: The kind of dataset.
        trainer: The class of TRL; `…Trainer` and `…Config`.
        answers: Columns that follow the prompt.
        columns: More columns that TRL is given; None gives it all.
        renamed: Columns that TRL knows under another name.
        arguments: Of TRL's configuration.
        takes: What the trainer takes beside model, arguments and rows.
        room: Tokens of `max_length` that are not for the row, but for what is written after it.
        shuffled: Whether the training rows are shuffled here, since the trainer keeps their order.
        keep: Rows to keep: the reason to leave others out, and the test.
        told: More for the report.
    """

    name: str
    kind: str
    trainer: str
    answers: tuple[str, ...] = ()
    columns: tuple[str, ...] | None = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    takes: Mapping[str, Any] = field(default_factory=dict)
    room: int = 0
    shuffled: bool = False
    keep: Mapping[str, Callable[[dict[str, Any]], bool]] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)


def train_with_trl(settings: EpochSettings, stage: Stage, progress: Callable[[str], None] = quiet) -> StageOutcome:
    """Train a stage and write its folder.

    Raises:
        TrainingError: If the data, the model, the folder or the disk is not what training needs.
        MissingExtraError: If the extra `train` is not installed.
    """
    with hushed():
        return _train(settings, stage, progress)


def _train(settings: EpochSettings, stage: Stage, progress: Callable[[str], None]) -> StageOutcome:
    trl = libraries()
    from accelerate import PartialState

    folder = open_folder(settings.data, stage.kind)
    if "train" not in folder.splits:
        raise TrainingError(f"{settings.data} has no train split of {stage.kind}", hint="export again", key="data")
    tokenizer = open_tokenizer(settings.model, folder.splits["train"])
    splits, left_out = _usable(settings, stage, folder.splits, tokenizer)
    state = PartialState(cpu=not _on_gpu())
    with state.main_process_first():
        run = open_run(settings, stage.name, data_hash=folder.data_hash, main=state.is_main_process)
    held_out = next((name for name in ("validation", "test") if splits.get(name) and stage.answers), None)
    arguments = getattr(trl, f"{stage.trainer}Config")(
        **_arguments(settings, run, len(splits[held_out]) if held_out else 1), **stage.arguments
    )
    with weights_of(settings.model):
        trainer = getattr(trl, f"{stage.trainer}Trainer")(
            model=str(settings.model),
            args=arguments,
            train_dataset=splits["train"],
            eval_dataset=splits[held_out] if held_out else None,
            processing_class=tokenizer,
            peft_config=_adapters(settings),
            callbacks=[_lines(run, stage.name, progress)],
            **stage.takes,
        )
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)  # it prints on stdout, which is for answers
    # Weights, and the two moments of AdamW; twice, since the checkpoint before goes when the new one is whole.
    counted = parameters(trainer.model)
    weights = 4 * counted["all"]
    if run.main:
        check_disk(run.out, weights * (7 if settings.save_every else 1))
    checkpoint = _whole_checkpoint(run) if settings.resume else None
    run.truncate_metrics(int(checkpoint.name.split("-")[1]) if checkpoint else 0)
    progress(f"{stage.name}: {len(splits['train']):,} rows, {_counted(left_out)}on {trainer.args.device}")
    with writing(run.checkpoints):
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    measured = _held_out(trainer, held_out, len(splits[held_out])) if held_out else None
    run.write_folder(run.model, lambda place: _save(trainer, settings, place, main=run.main), needed_bytes=weights)
    if run.main:
        (run.checkpoints / CARD).unlink(missing_ok=True)  # TRL's own, which says little of what it is
    from graphengine.training.model_card import model_card

    report = run.finish({
        "stage": stage.name,
        "steps": trainer.state.global_step,
        "rows": {name: len(rows) for name, rows in splits.items()},
        "left_out": left_out,
        "parameters": counted,
        "curve": curve(run.metrics()),
        "held_out": measured,
        **stage.told,
    })
    run.write_text(CARD, model_card(report, folder.manifest))
    return StageOutcome(stage.name, run.out, run.model, report)


def _on_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _usable(
    settings: EpochSettings, stage: Stage, splits: Mapping[str, Dataset], tokenizer: Any
) -> tuple[dict[str, Dataset], dict[str, dict[str, int]]]:
    """The rows that are trained on, and how many were left out: by reason, then by split.

    Raises:
        TrainingError: If none is left to train on.
    """
    left_out: dict[str, dict[str, int]] = {}
    used: dict[str, Dataset] = {}
    for name, all_rows in splits.items():
        rows: Any = all_rows.rename_columns(dict(stage.renamed))
        for reason, test in stage.keep.items():
            kept = [index for index, row in enumerate(rows) if test(row)]
            left_out.setdefault(reason, {})[name] = len(rows) - len(kept)
            rows = rows.select(kept)
        rows, dropped = drop_too_long(rows, tokenizer, stage.answers, settings.max_length - stage.room)
        left_out.setdefault(TOO_LONG, {})[name] = dropped
        if len(rows):
            wanted = ("prompt", *stage.answers, *(stage.columns or ()))
            used[name] = rows if stage.columns is None else rows.select_columns(list(wanted))
    if stage.shuffled and "train" in used:
        used["train"] = used["train"].shuffle(seed=settings.seed)
    if "train" not in used:
        reasons = ", ".join(f"{reason}: {numbers['train']}" for reason, numbers in left_out.items())
        raise TrainingError(
            f"no row of {settings.data} is left to train on ({reasons})",
            hint="give max_length another value" if TOO_LONG in reasons else "export again", key="max_length",
        )
    return used, left_out


def _arguments(settings: EpochSettings, run: RunFolder, held_out: int) -> dict[str, Any]:
    """TRL's arguments for what all stages have."""
    micro = settings.micro_batch or settings.batch_size
    return {
        "output_dir": str(run.checkpoints),
        "seed": settings.seed,
        "data_seed": settings.seed,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": settings.schedule,
        "warmup_steps": settings.warmup,
        "weight_decay": settings.weight_decay,
        "num_train_epochs": settings.epochs,
        "max_steps": settings.steps or -1,
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": settings.batch_size // micro,
        # Batches of one size: then the mean of their means, which is what TRL tells, is the mean.
        "per_device_eval_batch_size": max(size for size in range(1, micro + 1) if held_out % size == 0),
        "gradient_checkpointing": settings.gradient_checkpointing,
        "bf16": in_bfloat16(settings),
        "use_cpu": not _on_gpu(),
        "logging_steps": settings.log_every,
        "logging_first_step": True,
        "save_strategy": "steps" if settings.save_every else "no",
        "save_steps": settings.save_every or 500,
        "save_total_limit": 1,
        "report_to": "none",
        "disable_tqdm": True,
    }


def _adapters(settings: EpochSettings) -> Any:
    if not settings.lora_rank:
        return None
    from peft import LoraConfig

    return LoraConfig(
        r=settings.lora_rank, lora_alpha=settings.lora_alpha or 2 * settings.lora_rank, target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def _lines(run: RunFolder, name: str, progress: Callable[[str], None]) -> Any:
    """What writes TRL's numbers as they come."""
    from transformers import TrainerCallback

    class Lines(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, **more: Any) -> None:  # noqa: ARG002
            logs = more.get("logs") or {}
            numbers = {key: value for key, value in logs.items() if isinstance(value, int | float)}
            if state.is_world_process_zero and not any(key.startswith(("train_", "eval_")) for key in numbers):
                run.log(state.global_step, **numbers)
                shown = "reward" if "reward" in numbers else "loss"
                progress(f"{name}: step {state.global_step}/{state.max_steps}, {shown} {numbers.get(shown, 0):.4g}")

    return Lines()


def _whole_checkpoint(run: RunFolder) -> Path | None:
    """The last checkpoint that was written to its end; what was cut short is removed."""
    found = sorted(run.checkpoints.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    for place in list(found):
        try:
            # It is the last file that is written.
            json.loads((place / "trainer_state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            found.remove(place)
            if run.main:
                shutil.rmtree(place)
    return found[-1] if found else None


def _held_out(trainer: Any, split: str, rows: int) -> dict[str, Any]:
    """Loss and the stage's own measures on rows that were not trained on."""
    told = trainer.evaluate()
    skipped = ("runtime", "per_second", "epoch", "num_tokens")
    numbers = {
        key.removeprefix("eval_").replace("/", "_"): value for key, value in told.items()
        if not any(each in key for each in skipped)
    }
    return {"split": split, "rows": rows, **numbers}


def _save(trainer: Any, settings: EpochSettings, place: Path, *, main: bool) -> None:
    """The model as a plain folder; adapters become part of its weights."""
    trainer.save_model(str(place))
    trainer.accelerator.wait_for_everyone()
    if not main:
        return
    (place / "training_args.bin").unlink(missing_ok=True)  # a pickle; run.json says more
    if not settings.lora_rank:
        return
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(str(settings.model))
    whole = PeftModel.from_pretrained(base, str(place)).merge_and_unload()
    for adapter in place.glob("adapter_*"):
        adapter.unlink()
    (place / CARD).unlink(missing_ok=True)
    whole.save_pretrained(str(place))


def _counted(left_out: Mapping[str, Mapping[str, int]]) -> str:
    told = [f"{sum(numbers.values()):,} left out ({reason})" for reason, numbers in left_out.items()
            if sum(numbers.values())]
    return "".join(f"{each}, " for each in told)
