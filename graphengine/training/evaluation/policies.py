"""The part of an evaluation about policies: the reference, winning cards before it, and each policy, on one bench."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from graphengine.errors import TrainingError
from graphengine.training.data import open_folder
from graphengine.training.evaluation.bench import Bench, Taken, compared, measures, take
from graphengine.training.evaluation.found import data_folder
from graphengine.training.evaluation.loading import open_language, with_weights
from graphengine.training.evaluation.pairs import text_of
from graphengine.training.evaluation.prompts import choose_prompts, that_fit, winning_cards
from graphengine.training.evaluation.results import Row
from graphengine.training.evaluation.tax import Document, read_tasks, read_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from graphengine.models.requests import Generator
    from graphengine.training.evaluation.found import Found
    from graphengine.training.evaluation.loading import Language, Prompt
    from graphengine.training.evaluation.settings import EvaluationSettings
    from graphengine.training.evaluation.stages import ModelFolder
    from graphengine.training.rewards import Reward

IN_CONTEXT = "in-context"
"""What the report calls the reference with the winning cards before everything that it reads."""


def measure_policies(
    settings: EvaluationSettings, policies: list[ModelFolder], reference: ModelFolder | None, reward: Reward | None,
    judge: Generator | None, found: Found, progress: Callable[[str], None],
) -> None:
    """The reference, the reference with winning cards before it, and every policy on the same bench.

    Args:
        settings: What to measure on.
        policies: The policies.
        reference: What they are held against.
        reward: Gives answers a number.
        judge: Compares answers.
        found: Takes what is found.
        progress: Takes a line for each thing that is being done.
    """
    before = open_language(reference.path, reference.name) if reference else None
    opened = [open_language(each.path, each.name) for each in policies]
    bench = _bench(settings, before, opened, reward, judge, found, progress)
    if before is None:
        found.notes.append("Without a reference (--reference) win rates, KL and the alignment tax can't be told.")
    base = led = None
    if before is not None and reference is not None:
        base = take(with_weights(before), bench, reference.name)
        size = base.language.parameters
        found.rows.append(Row(base.name, "reference", str(reference.path), size, None, measures(base, bench)))
        if bench.cards:
            led = take(base.language, bench, IN_CONTEXT, in_context=True)
            _add(led, base, bench, led, found, "in-context", reference.path, None)
    for each, language in zip(policies, opened, strict=True):
        taken = take(with_weights(language), bench, each.name)
        _add(taken, base, bench, led, found, "policy", each.path, each.kl_weight)


def _add(
    taken: Taken, base: Taken | None, bench: Bench, led: Taken | None, found: Found, kind: Any, path: Path,
    kl_weight: float | None,
) -> None:
    figures = measures(taken, bench)
    if base is not None:
        more, verdicts, notes = compared(taken, base, bench, led)
        figures |= more
        found.notes += [note for note in notes if note not in found.notes]
        if verdicts is not None:
            found.judged[taken.name] = verdicts
            if verdicts.unreadable:
                found.notes.append(
                    f"The judge gave {verdicts.unreadable} answer(s) about {taken.name} that can't be read; their "
                    "prompts are left out of its win rate."
                )
    if cut := sum(each.cut for each in taken.likelihoods):
        found.notes.append(f"{taken.name} has no room for the end of {cut} held-out text(s).")
    found.rows.append(Row(taken.name, kind, str(path), taken.language.parameters, kl_weight, figures))


def _bench(
    settings: EvaluationSettings, before: Language | None, policies: list[Language], reward: Reward | None,
    judge: Generator | None, found: Found, progress: Callable[[str], None],
) -> Bench:
    """What policies are put to: all that the settings name and the dataset folder holds."""
    asked, cards = None, {}
    if settings.data is not None:
        folder = found.data["prompts"] = open_folder(settings.data, "prompts")
        asked = choose_prompts(folder, settings.prompts, settings.seed)
        if asked.split != "test":
            found.notes.append(f"There is no test split of prompts: they are those of {asked.split}.")
        cards = winning_cards(folder) if settings.in_context and before is not None else {}
        if settings.in_context and before is not None and not cards:
            found.notes.append("The prompts name no winning cards, so there is no in-context row.")
    else:
        found.notes.append("Without a dataset folder (--data) there are no prompts, so no answers are measured.")
    bench = Bench(
        asked, _documents(settings, found), read_tasks(settings.task) if settings.task else [], reward, judge, cards,
        settings.max_new_tokens, settings.batch_size, settings.seed, progress,
    )
    if asked is not None:
        seen: list[tuple[Language, list[Prompt]]] = [
            (each, asked.prompts) for each in [*([before] if before else []), *policies]
        ]
        if cards and before is not None:
            seen.append((before, bench.led_prompts()))
        asked = that_fit(asked, seen, settings.max_new_tokens)
        if asked.too_long:
            found.notes.append(f"{asked.too_long} prompt(s) are too long for a model, and asked of none.")
        bench = replace(bench, asked=asked)
    return bench


def _documents(settings: EvaluationSettings, found: Found) -> list[Document]:
    """Held-out texts: the user's, else the completions of the sft test split, else none."""
    if settings.text is not None:
        documents = read_text(settings.text)
    else:
        try:
            folder = open_folder(data_folder(settings, "held-out texts"), "sft")
        except TrainingError as error:
            if error.where.get("key") not in ("kind", "data"):
                raise
            folder = None
        if folder is None or "test" not in folder.splits:
            found.notes.append(
                "There is no held-out text (--text FILE, or an sft test split), so the loss is not measured."
            )
            return []
        found.data["sft"] = folder
        found.notes.append(
            "The loss is that of completions of the sft test split, which are written from winning cards, as training "
            "and the in-context row have them: give --text a text of another kind to see what was lost elsewhere."
        )
        documents = [
            Document(text_of(row["completion"]), row["prompt"], row["context_id"])
            for row in folder.splits["test"].to_list()
        ]
    if len(documents) > settings.texts:
        found.notes.append(f"Of {len(documents)} held-out texts the first {settings.texts} are read (--texts).")
    return documents[: settings.texts]
