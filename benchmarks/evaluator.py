"""How well an evaluator of values reads, beside what reads nothing and what reads words alone.

- **svda**: which value was an answer written for, train to dev, nineteen and ten values (the roll-up of Schwartz); the
  seeds. Beside it the most frequent value and words and characters (TF-IDF, logistic regression).
- **fulcra**: -1, 0, 1 for each answer and value, five folds by groups of near copies. Beside it always 0, the most
  frequent label of each value, and words and characters with class weights n^-.75; the gain over these with its paired
  95% interval, from a bootstrap of the groups.
- **transfer**: trained on one of the two, does the score order the answers of the other? Area under the curve of
  aligned against the rest, per value with enough labels; words alone beside it.
- **forms**: a network that reads all values in one pass, one pass for each value, and a regression as published, in one
  table, on some of the rows: small here, whole with `pipelines/value_evaluator_deberta.yaml` on a GPU.

Needs the data of `GRAPHENGINE_TEST_DATA` and a small encoder (`GRAPHENGINE_ENCODER`, or the package that carries
MiniLM-L6). `python -m benchmarks.evaluator svda-19 0` (or `forms-joint 0`, …) runs one of them.
"""

from __future__ import annotations

import csv
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import measuring, pair_folders

SEEDS = 3
MANY: list[dict[str, Any]] = [
    {"prompt_weight": prompt, "strength": strength, "class_power": power}
    for prompt in (0.5, 1.0) for strength in (3.0, 10.0) for power in (0.75, 1.0)
]
"""Recipes tried where any values of an answer are labelled; which is taken is decided inside the rows trained on."""
ONE: list[dict[str, Any]] = [
    {"prompt_weight": 0.0, "class_power": 0.0, "encoder_weight": weight, "strength": strength}
    for weight in (0.3, 0.5) for strength in (10.0, 40.0)
]
"""The same where an answer was written for one value."""
INNER = 2
"""Folds inside the rows trained on, on which recipes are compared; a third of the groups each."""
GENERAL: dict[str, Any] = {"prompt_weight": 0.5, "encoder_weight": 0.3, "strength": 10.0, "class_power": 1.0}
"""The recipe of `pipelines/value_evaluator.yaml`, where none is chosen."""
TARGETS = {"svda-19": (0.911, 0.898), "svda-10": (0.941, 0.941)}
"""Accuracy and macro-F1 of words and characters that the mean over seeds must not be below."""
FORMS = ("joint", "single", "regression")
SOME = 600
"""Answers that the forms of a network learn from."""
MOST_ECE = {"svda-19": 0.035, "svda-10": 0.035, "fulcra": 0.03}


def measure(name: str, seed: int) -> None:
    """One part and one seed, in a process of its own."""
    started = time.process_time()
    part, _, more = name.partition("-")
    found = {"svda": _svda, "fulcra": _fulcra, "transfer": _transfer, "forms": _forms}[part](more, seed)
    measuring.report(name=name, seed=seed, cpu_seconds=round(time.process_time() - started, 1), **found)


def run() -> dict[str, Any]:
    """All parts, and whether each holds what it must."""
    found: dict[str, Any] = {}
    for name in ("svda-19", "svda-10", "fulcra"):
        runs = [measuring.alone("evaluator", name, str(seed)) for seed in range(SEEDS)]
        found[name] = {"runs": runs, "holds": _holds(name, runs)}
        measuring.save("evaluator", found)  # parts take many minutes: what is measured stays
    found["transfer"] = measuring.alone("evaluator", "transfer", "0")
    found["forms"] = {form: measuring.alone("evaluator", f"forms-{form}", "0") for form in FORMS}
    return found


def _holds(name: str, runs: list[dict[str, Any]]) -> dict[str, bool]:
    ece = all(each["ours"]["ece"] <= MOST_ECE[name] for each in runs)
    if name == "fulcra":
        return {"gain_excludes_zero": all(each["gain"]["macro_f1_interval"][0] > 0 for each in runs), "ece": ece,
                "accuracy_not_lower": statistics.mean(each["gain"]["accuracy"] for each in runs) >= 0}
    means = [statistics.mean(each["ours"][key] for each in runs) for key in ("accuracy", "macro_f1")]
    return {"not_below_words": all(mean >= least for mean, least in zip(means, TARGETS[name], strict=True)), "ece": ece}


def _svda(values: str, seed: int) -> dict[str, Any]:
    from graphengine.schwartz.judged import one_of_many
    from graphengine.schwartz.labelled import read_labelled
    from graphengine.training.evaluator import fit_evaluator

    system = f"schwartz-{values}"
    train, dev = (_one_value(read_labelled(_data("svda") / f"{split}.jsonl", system)) for split in ("train", "dev"))
    encoder = _encoder()
    recipe, tried = _best(train, _settings(system, seed), ONE, encoder)
    made, _ = fit_evaluator(train, recipe, encoder=encoder)
    words = _words_of_one(train, dev)
    return {
        "answers": len(dev), "left_out": {"train": train.left_out, "dev": dev.left_out},
        "ours": _short(one_of_many(made.one_of_many(dev.pairs), dev, seed=seed)),
        "words": _short(one_of_many(words, dev, seed=seed)),
        "temperature": made.temperature_of_one, "tried": tried,
    }


def _fulcra(_: str, seed: int) -> dict[str, Any]:
    from graphengine.schwartz.judged import Known, gain, judged
    from graphengine.schwartz.labelled import read_labelled
    from graphengine.training.evaluator import fit_evaluator, words_alone

    rows, folds = read_labelled(_data("fulcra") / "trustworthy_data.jsonl"), []
    with (_data("fulcra") / "groups.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            folds.append(int(row["fold"]))
            rows.groups[int(row["row"]) - 1] = row["group"]
    fold, encoder = np.array(folds), _encoder()
    ours, words = np.zeros((2, *rows.labels.shape, 3))
    majority, chosen = np.zeros_like(rows.labels), []
    for each in range(5):
        at = fold == each
        fitted, measured = rows.take(~at), rows.take(at)
        recipe, tried = _best(fitted, _settings("schwartz-10", seed), MANY, encoder)
        chosen.append(tried)
        made = fit_evaluator(fitted, recipe, encoder=encoder)[0]
        ours[at] = made.probabilities(measured.pairs)
        words[at] = words_alone(fitted, seed).probabilities(measured.pairs)
        majority[at] = Known.of(fitted.labels).counts.argmax(axis=1) - 1.0
    told = {name: judged(each, rows, band=0.1, seed=seed) for name, each in (("ours", ours), ("words", words))}
    sides = [each.argmax(axis=2) - 1.0 for each in (ours, words)]
    groups = np.unique(np.array(rows.groups), return_inverse=True)[1]
    return {
        "ours": {**told["ours"]["measured"], "ece": told["ours"]["ece"], "values": told["ours"]["values"],
                 "by": told["ours"]["by"], "abstained": told["ours"]["abstained"]},
        "words": {**told["words"]["measured"], "ece": told["words"]["ece"]},
        "all_zeros": told["ours"]["baselines"]["all_zeros"],
        "majority": {"accuracy": float((majority == rows.labels)[~np.isnan(rows.labels)].mean())},
        "gain": gain(rows.labels, sides[0], sides[1], groups, seed), "tried": chosen,
    }


def _transfer(_: str, seed: int) -> dict[str, Any]:
    from graphengine.schwartz.labelled import read_labelled
    from graphengine.training.evaluator import fit_evaluator, words_alone

    encoder, settings = _encoder(), _settings("schwartz-10", seed)
    fulcra = read_labelled(_data("fulcra") / "trustworthy_data.jsonl")
    train, dev = (read_labelled(_data("svda") / f"{split}.jsonl") for split in ("train", "dev"))
    found: dict[str, Any] = {}
    for name, rows, other in (("svda to fulcra", train, fulcra), ("fulcra to svda", fulcra, _one_value(dev))):
        ours, words = fit_evaluator(rows, settings, encoder=encoder)[0], words_alone(rows, seed)
        found[name] = {"ours": _areas(ours.score(other.pairs), other), "words": _areas(words.score(other.pairs), other)}
    return {"area_under_curve": found}


def _forms(form: str, seed: int) -> dict[str, Any]:
    from graphengine.models.encoder import find_encoder
    from graphengine.schwartz.judged import one_of_many
    from graphengine.schwartz.labelled import read_labelled
    from graphengine.training.evaluator import fit_evaluator

    train, dev = (_one_value(read_labelled(_data("svda") / f"{split}.jsonl")) for split in ("train", "dev"))
    some = np.random.default_rng(seed).choice(len(train), SOME, replace=False)
    started = time.process_time()
    settings = replace(_settings("schwartz-10", seed), linear=False, network=form, network_encoder=find_encoder(),
                       epochs=2, max_length=96)
    made = fit_evaluator(train.take(some), settings)[0]
    trained = time.process_time()
    told = _short(one_of_many(made.one_of_many(dev.pairs), dev, seed=seed))
    return {**told, "trained_on": SOME, "cpu_seconds_training": round(trained - started, 1),
            "cpu_seconds_reading": round(time.process_time() - trained, 1)}


def _areas(scores: np.ndarray, rows: Any) -> dict[str, Any]:
    from sklearn.metrics import roc_auc_score

    from graphengine.schwartz.judged import FEWEST

    found = {}
    for place, value in enumerate(rows.system.ids):
        labels = rows.labels[:, place]
        there = ~np.isnan(labels)
        if min((labels[there] == 1).sum(), (labels[there] != 1).sum()) >= FEWEST:
            found[value] = float(roc_auc_score(labels[there] == 1, scores[there, place]))
    return {"mean": statistics.mean(found.values()), **found}


def _words_of_one(train: Any, dev: Any) -> np.ndarray:
    """TF-IDF of words and characters, logistic regression: the strongest cheap baseline."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    columns = make_union(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2),
                         TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2))
    model = make_pipeline(columns, LogisticRegression(C=10, max_iter=1000)).fit(train.responses, train.chosen)
    found = np.zeros((len(dev), len(dev.system)))
    found[:, model.classes_] = model.predict_proba(dev.responses)
    return found


def _best(rows: Any, settings: Any, recipes: list[dict[str, Any]], encoder: Any) -> tuple[Any, dict[str, Any]]:
    """The recipe of the highest macro-F1 on groups held out of the rows that are trained on, and what each reached."""
    from graphengine.schwartz.judged import figures, one_of_many
    from graphengine.training.evaluator import _linear

    at, one = rows.folds(3, settings.seed), bool((rows.chosen >= 0).all())
    reached = []
    for recipe in recipes:
        found = []
        for inner in range(INNER):
            fitted, held = rows.take(at != inner), rows.take(at == inner)
            logits = _linear(fitted, replace(settings, **recipe), encoder).logits(held.pairs)
            if one:
                rather = np.exp(logits[..., 2] - logits[..., 1])
                found.append(one_of_many(rather / rather.sum(axis=1, keepdims=True), held)["macro_f1"])
            else:
                groups = np.unique(np.array(held.groups), return_inverse=True)[1]
                found.append(figures(held.labels, logits.argmax(axis=2) - 1.0, groups)["macro_f1"])
        reached.append(round(statistics.mean(found), 4))
    best = int(np.argmax(reached))
    return replace(settings, **recipes[best]), {"recipe": recipes[best], "macro_f1_of_each": reached}


def _one_value(rows: Any) -> Any:
    """Only the answers that were written for a value."""
    return replace(rows.take(rows.chosen >= 0), left_out=rows.left_out)


def _short(told: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in told.items() if key != "reliability"}


def _settings(system: str, seed: int) -> Any:
    from graphengine.training.evaluator import EvaluatorSettings

    nowhere = Path("in memory")
    return EvaluatorSettings(rows=(nowhere,), out=nowhere, system=system, seed=seed, held_out=0.3, **GENERAL)


def _encoder() -> Any:
    from graphengine.models.encoder import find_encoder
    from graphengine.models.value_linear import FrozenEncoder

    folder = find_encoder()
    if folder is None:
        sys.exit("there is no encoder: set GRAPHENGINE_ENCODER to the folder of one")
    return FrozenEncoder(folder)


def _data(name: str) -> Path:
    folder = pair_folders.data_folder(name)
    if folder is None:
        sys.exit(f"there is no data of {name}: set GRAPHENGINE_TEST_DATA")
    return folder


if __name__ == "__main__":
    measure(sys.argv[1], int(sys.argv[2]))
