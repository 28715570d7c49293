"""The whole evaluation: what is asked for, measured one model after the other, written as one report."""

from __future__ import annotations

import contextlib
import hashlib
import json
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphengine.errors import TrainingError
from graphengine.training.data import PreferenceFolder, open_folder
from graphengine.training.evaluation.loading import is_reward_model, libraries, open_language, quiet, with_weights
from graphengine.training.evaluation.pairs import held_out_pairs, measure_pairs, text_of
from graphengine.training.evaluation.policies import Bench, Taken, compared, measures, take
from graphengine.training.evaluation.prompts import choose_prompts, that_fit, winning_cards
from graphengine.training.evaluation.results import OF_POLICIES, OF_REWARD_MODELS, Evaluation, Row
from graphengine.training.evaluation.sizes import trend
from graphengine.training.evaluation.stages import ModelFolder, cost_of, model_folders, stage_cost
from graphengine.training.evaluation.tax import Document, read_tasks, read_text
from graphengine.training.evaluation.writing import IN_CONTEXT, STAGE, prepare, write
from graphengine.training.rewards import Reward, load_rewards
from graphengine.training.run_folder import RunFolder, versions
from graphengine.training.settings import as_plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphengine.models.requests import Generator
    from graphengine.training.evaluation.calibration import Calibration
    from graphengine.training.evaluation.judging import Judged
    from graphengine.training.evaluation.loading import Language, Prompt
    from graphengine.training.evaluation.settings import EvaluationSettings
    from graphengine.training.evaluation.sizes import Trend

TRANSCRIPT = "judge.jsonl"
"""What the judge was asked and said: evaluating again into the same folder asks nothing twice."""


@dataclass
class _Found:
    """What has been found so far."""

    rows: list[Row] = field(default_factory=list)
    baselines: tuple[dict[str, Any], ...] = ()
    calibrations: dict[str, tuple[Calibration, ...]] = field(default_factory=dict)
    judged: dict[str, Judged] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    data: dict[str, PreferenceFolder] = field(default_factory=dict)


def evaluate(
    settings: EvaluationSettings, *, judge: Generator | None = None, progress: Callable[[str], None] = quiet
) -> Evaluation:
    """Measure reward models and policies, and write the report.

    Args:
        settings: What to measure, and on what.
        judge: Compares answers, in place of the endpoint that the settings name.
        progress: Takes a line for each thing that is being done.

    Returns:
        What was found; `report.json`, `report.md` and the pictures in `settings.out` say the same.

    Raises:
        TrainingError: If a model or the data is not what it should be, or the folder can't be written.
        InputError: If the text or a task can't be read.
        ModelError: If the judge can't be asked.

    Example:
        >>> from pathlib import Path
        >>> from graphengine.training.evaluation import EvaluationSettings, evaluate
        >>> found = evaluate(EvaluationSettings(out=Path("evaluation"), data=Path("pairs"), reward="runs/reward"))
        ... # doctest: +SKIP
        >>> found.rows[0].measures["accuracy_contexts"].value  # doctest: +SKIP
        0.93
    """
    libraries()
    with warnings.catch_warnings():
        # What the libraries say to each other about coming versions is not about the user.
        for kind in (DeprecationWarning, FutureWarning, UserWarning):
            warnings.simplefilter("ignore", kind)
        return _evaluate(settings, judge, progress)


def _evaluate(
    settings: EvaluationSettings, judge: Generator | None, progress: Callable[[str], None]
) -> Evaluation:
    models = model_folders(settings.models)
    reference = model_folders((settings.reference,))[0] if settings.reference else None
    scorer = model_folders((Path(settings.reward),))[0] if _is_folder(settings.reward) else None
    of_rewards = [each for each in models if is_reward_model(each.path)]
    policies = [each for each in models if each not in of_rewards]
    run, found = RunFolder(settings.out), _Found()
    prepare(run)
    reward = _reward(scorer.path if scorer else settings.reward) if settings.reward else None
    scored = [*([scorer] if scorer else []), *(each for each in of_rewards if not scorer or each.path != scorer.path)]
    if scored or (reward and settings.data):
        _measure_reward_models(settings, scored, scorer, reward, found, progress)
    if policies or reference:
        with _the_judge(settings, judge) as asked:
            _measure_policies(settings, policies, reference, reward, asked, found, progress)
    stages = [stage_cost(each) for each in settings.stages]
    known = [*([scorer] if scorer else []), *([reference] if reference else []), *models]
    stages += [cost_of(each.path.parent, each.report) for each in known if each.report]
    used = [*scored, *policies, *([reference] if reference else [])]
    evaluation = Evaluation(
        out=settings.out, rows=tuple(found.rows), baselines=found.baselines, calibrations=found.calibrations,
        judged=found.judged, trends=_trends(found.rows), stages=tuple({each.folder: each for each in stages}.values()),
        notes=tuple(found.notes), run=_manifest(settings, used, found), cost={},
    )
    progress("writing the report")
    return write(run, evaluation)


def _is_folder(reward: str) -> bool:
    return bool(reward) and (Path(reward).is_dir() or ":" not in reward)


def _name_of(function: str) -> str:
    module, _, name = function.rpartition(":")
    return f"{Path(module).name}:{name}"


def _reward(spec: str | Path) -> Reward:
    torch, _ = libraries()
    return load_rewards({str(spec): 1.0}, device="cuda" if torch.cuda.is_available() else "cpu")


def _measure_reward_models(
    settings: EvaluationSettings, models: list[ModelFolder], scorer: ModelFolder | None, reward: Reward | None,
    found: _Found, progress: Callable[[str], None],
) -> None:
    """Every reward model on held-out pairs, and the baselines on the same."""
    from graphengine.preferences.audit import baselines

    folder = found.data["pairs"] = open_folder(_data(settings, "reward models"), settings.kind)
    scenarios = open_folder(settings.scenarios, settings.kind) if settings.scenarios else None
    if scenarios:
        found.data["scenarios"] = scenarios
    pairs = held_out_pairs(folder, scenarios)
    if not pairs.contexts:
        raise TrainingError(
            f"{folder.path} holds no pairs of contexts that train does not have, so no reward model can be measured",
            hint="export a graph with more contexts", file=folder.path, key="data",
        )
    if pairs.split != "test":
        found.notes.append(
            f"There is no test split: pairs are those of {pairs.split}, which training may have looked at."
        )
    if not pairs.scenarios:
        found.notes.append("No pair shows a scenario that train does not have.")
    elif not pairs.seen:
        found.notes.append(
            "The held-out scenarios are those of held-out contexts. To measure new scenarios of contexts in train, "
            "export with --all-scenarios and give that folder as --scenarios."
        )
    if pairs.train is not None:
        progress("baselines")
        table = folder.splits[pairs.split].select(
            [place for place, row in enumerate(folder.splits[pairs.split].to_list()) if row in pairs.contexts]
        )
        found.baselines = tuple(each.as_json() for each in baselines(pairs.train, table))
    for model in models or [None]:
        name = model.name if model else _name_of(settings.reward)
        progress(f"{name}: {len(pairs.contexts)} held-out pairs")
        scores = reward if reward is not None and (model is None or model is scorer) else _reward(model.path)  # type: ignore[union-attr]
        measured = measure_pairs(scores, pairs)
        found.calibrations[name] = measured.calibrations
        size = _parameters(model.path) if model else None
        where = str(model.path) if model else settings.reward
        found.rows.append(Row(name, "reward model", where, size, None, measured.measures))
        if model and ((model.report.get("run") or {}).get("settings") or {}).get("evidence") == "margin":
            found.notes.append(f"{name} was trained with margins, which make it surer than its probabilities mean.")


def _measure_policies(
    settings: EvaluationSettings, policies: list[ModelFolder], reference: ModelFolder | None, reward: Reward | None,
    judge: Generator | None, found: _Found, progress: Callable[[str], None],
) -> None:
    """The reference, the reference with winning cards before it, and every policy on the same bench."""
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
    taken: Taken, base: Taken | None, bench: Bench, led: Taken | None, found: _Found, kind: Any, path: Path,
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
    judge: Generator | None, found: _Found, progress: Callable[[str], None],
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


def _documents(settings: EvaluationSettings, found: _Found) -> list[Document]:
    """Held-out texts: the user's, else the completions of the sft test split, else none."""
    if settings.text is not None:
        documents = read_text(settings.text)
    else:
        try:
            folder = open_folder(_data(settings, "held-out texts"), "sft")
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
        documents = [
            Document(text_of(row["completion"]), row["prompt"], row["context_id"])
            for row in folder.splits["test"].to_list()
        ]
    if len(documents) > settings.texts:
        found.notes.append(f"Of {len(documents)} held-out texts the first {settings.texts} are read (--texts).")
    return documents[: settings.texts]


def _data(settings: EvaluationSettings, what: str) -> Path:
    if settings.data is None:
        raise TrainingError(
            f"{what} are measured on a dataset folder, and none is named", hint="give --data FOLDER", key="data"
        )
    return settings.data


@contextlib.contextmanager
def _the_judge(settings: EvaluationSettings, judge: Generator | None) -> Any:
    if judge is not None or not settings.judge:
        yield judge
        return
    from graphengine.models.chat import Budget, ChatClient
    from graphengine.models.transcript import Transcript

    with Transcript(settings.out / TRANSCRIPT) as transcript:
        yield ChatClient(settings.judge_model, settings.judge, transcript, Budget(settings.judge_budget))


def _parameters(folder: Path) -> int | None:
    """How many weights a model's files hold, without loading them."""
    total = 0
    for file in sorted(folder.glob("*.safetensors")):
        with file.open("rb") as opened:
            head = json.loads(opened.read(int.from_bytes(opened.read(8), "little")))
        for name, tensor in head.items():
            if name != "__metadata__":
                size = 1
                for length in tensor["shape"]:
                    size *= length
                total += size
    return total or None


def _trends(rows: list[Row]) -> tuple[Trend, ...]:
    found = []
    for kind, known in (("reward model", OF_REWARD_MODELS), ("policy", OF_POLICIES)):
        sized = [row for row in rows if row.kind == kind and row.parameters]
        for key, measure in known.items():
            measured = [(row.parameters, row.measures.get(key)) for row in sized]
            points = [(size, figure) for size, figure in measured if size and figure is not None]
            if measure.better and (seen := trend(
                key, [size for size, _ in points], [figure for _, figure in points],
                higher_is_better=measure.better == "higher",
            )):
                found.append(seen)
    return tuple(found)


def _manifest(settings: EvaluationSettings, models: list[ModelFolder], found: _Found) -> dict[str, Any]:
    torch, _ = libraries()
    module = settings.reward.rpartition(":")[0]
    files = (settings.text, settings.task, Path(module) if module.endswith(".py") else None)
    return {
        "stage": STAGE,
        "settings": as_plain(settings),
        "data": {
            name: {"folder": str(each.path), "data_hash": each.data_hash, "votes_hash": each.votes_hash}
            for name, each in found.data.items()
        },
        "models": {
            each.name: {"folder": str(each.path), "sha256": _hashes(each.path, ("config.json", "*.safetensors"))}
            for each in models
        },
        "files": {str(each): _sha256(each) for each in files if each is not None},
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "versions": versions(),
    }


def _hashes(folder: Path, patterns: tuple[str, ...]) -> dict[str, str]:
    return {file.name: _sha256(file) for pattern in patterns for file in sorted(folder.glob(pattern))}


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


