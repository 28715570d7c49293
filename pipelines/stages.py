"""Stages that are done once: what each was made of is remembered, and a stage runs again only when that changed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import graphengine

if TYPE_CHECKING:
    from collections.abc import Callable

RECIPES = Path(__file__).resolve().parent


class Stages:
    """The stages in a folder, and what each was made of.

    Args:
        out: The folder.

    Attributes:
        done: By name: `key`, what the stage was made of, as a hash; `whole`, whether it ended; `seconds`.
    """

    def __init__(self, out: Path) -> None:
        self.out, self.record = out, out / "stages.json"
        out.mkdir(parents=True, exist_ok=True)
        self.done: dict[str, dict[str, Any]] = json.loads(self.record.read_text()) if self.record.exists() else {}

    def make(
        self, name: str, made_of: dict[str, Any], run: Callable[[Path], object], *,
        go_on: Callable[[Path], object] | None = None,
    ) -> Path:
        """A stage: run if what it is made of changed, or if it never ended.

        Args:
            name: Its name, and that of its folder.
            made_of: Its inputs and settings; a path of another stage stands for what that was made of.
            run: Makes the folder it is given.
            go_on: Goes on with a folder in which the same stage was cut off; left out, it begins anew.
        """
        facts = plain({"stage": name, "version": graphengine.__version__, **made_of}, self._told)
        place, key = self.out / name, hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        before = self.done.get(name, {})
        if before == {**before, "key": key, "whole": True} and place.exists():
            print(f"{name}: nothing changed", flush=True)
            return place
        print(f"{name}: …", flush=True)
        cut_off = go_on if before.get("key") == key and place.exists() else None
        if not cut_off:
            shutil.rmtree(place, ignore_errors=True)
        self._remember(name, {"key": key, "whole": False})
        started = time.monotonic()
        (cut_off or run)(place)
        self._remember(name, {"key": key, "whole": True, "seconds": round(time.monotonic() - started, 1)})
        return place

    def train(self, stage: str, settings: dict[str, Any], *, name: str = "", recipe: Path | None = None) -> Path:
        """A stage of training, by its recipe, in a process of its own."""
        recipe = recipe or RECIPES / {"reward": "reward_model.yaml"}.get(stage, f"{stage}.yaml")

        def run(place: Path, **more: Any) -> None:
            given = {**settings, "out": place, **more}
            sets = [f"--set={key}={json.dumps(plain(value, str))}" for key, value in given.items()]
            command("train", stage, "--config", str(recipe), *sets)

        return self.make(name or stage, {"recipe": recipe, **settings}, run,
                         go_on=lambda place: run(place, resume=True))

    def evaluate(self, options: dict[str, Any]) -> Path:
        """What the stages before are worth on held-out contexts."""
        words = [f"--{option}={value}" for option, value in options.items()]
        return self.make("evaluation", options, lambda place: command("evaluate", "--out", str(place), *words))

    def _told(self, path: Path) -> str:
        """What a path stands for: the stage that makes it, or the content of a file or a folder."""
        for name, stage in self.done.items():
            if (self.out / name) in (path, *path.parents):
                return stage["key"]
        if not path.exists():
            return str(path)  # a name in a cache; what is missing is told by the stage that needs it
        files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
        whole = hashlib.sha256()
        for file in files:
            with file.open("rb") as content:
                whole.update(f"{file.name} {hashlib.file_digest(content, 'sha256').hexdigest()}\n".encode())
        return whole.hexdigest()

    def _remember(self, name: str, stage: dict[str, Any]) -> None:
        self.done[name] = stage
        write(self.record, json.dumps(self.done, indent=2) + "\n")


def plain(value: Any, path: Callable[[Path], str]) -> Any:
    """A value as JSON knows it, each path in it as `path` tells it."""
    if isinstance(value, dict):
        return {plain(key, path): plain(each, path) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each, path) for each in value]
    return path(value) if isinstance(value, Path) else value


def command(*words: str) -> None:
    """Run graphengine; what goes wrong it has said itself, and ends this program too."""
    # More threads than that only wait for each other, in models as small as the demonstration's.
    environment = {"OMP_NUM_THREADS": "1", **os.environ}
    done = subprocess.run([sys.executable, "-m", "graphengine", *words], check=False, env=environment)
    if done.returncode:
        sys.exit(done.returncode)


def write(file: Path, text: str) -> None:
    """Write a file whole or not at all."""
    temporary = file.with_name(f".{file.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(file)
