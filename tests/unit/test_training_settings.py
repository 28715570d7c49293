"""Recipes become settings, or say what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from graphengine.errors import TrainingError
from graphengine.training.settings import StageSettings, as_plain, describe, read_settings


@dataclass(frozen=True, kw_only=True)
class Baking(StageSettings):
    """What a cake is baked with.

    Attributes:
        degrees: How hot,
            in Celsius.
        layers: Of the cake.
        topping: What lies on it.
        fruit: What is in it.
        parts: How much of each.
        note: Anything else.
    """

    degrees: float = 180.0
    layers: int = 2
    topping: Literal["none", "cream"] = "none"
    fruit: tuple[str, ...] = ()
    parts: dict[str, float] | None = None
    note: str | None = None


NEEDED = "model: base\ndata: set\nout: run\n"


def recipe(folder: Path, text: str) -> Path:
    """A recipe with what every stage needs and some more."""
    file = folder / "recipe.yaml"
    file.write_text(NEEDED + text, encoding="utf-8")
    return file


def refused(folder: Path, text: str = "", *overrides: str) -> TrainingError:
    """The error of a recipe."""
    with pytest.raises(TrainingError) as caught:
        read_settings(Baking, recipe(folder, text), overrides)
    return caught.value


def test_a_recipe_gives_the_settings(tmp_path: Path) -> None:
    """Every kind of value arrives as its field's type, and what is not said keeps its default."""
    text = "degrees: 200\ntopping: cream\nfruit: [apple, pear]\nparts: {flour: 2, egg: 0.5}\nlearning_rate: 3e-4\n"
    found = read_settings(Baking, recipe(tmp_path, text))

    assert Path("base") == found.model
    assert (200.0, float) == (found.degrees, type(found.degrees))
    assert ("apple", "pear") == found.fruit
    assert {"flour": 2.0, "egg": 0.5} == found.parts
    assert 0.0003 == found.learning_rate
    assert (2, None, 0) == (found.layers, found.note, found.seed)


def test_the_command_line_wins(tmp_path: Path) -> None:
    """`key=value` is read as YAML and replaces what the recipe says; a value may hold an equals sign."""
    overrides = ["layers=5", "fruit=[fig]", "note=a=b", "resume=true"]
    found = read_settings(Baking, recipe(tmp_path, "layers: 3\n"), overrides)

    assert (5, ("fig",), "a=b", True) == (found.layers, found.fruit, found.note, found.resume)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("layer: 3\n", "{file}: there is no setting layer", "did you mean layers?"),
        ("layers: three\n", "{file}: layers is 'three' (text), and must be a whole number",
         "give layers another value"),
        ("layers: 2.5\n", "{file}: layers is 2.5 (a number), and must be a whole number", "give layers another value"),
        ("layers: true\n", "{file}: layers is True (true or false), and must be a whole number",
         "give layers another value"),
        ("layers:\n", "{file}: layers is empty, and must be a whole number", "give layers another value"),
        ("degrees: .inf\n", "{file}: degrees is inf (a number), and must be a number", "give degrees another value"),
        ("topping: honey\n", "{file}: topping is 'honey' (text), and must be one of none, cream",
         "give topping another value"),
        ("fruit: fig\n", "{file}: fruit is 'fig' (text), and must be a list, each item text",
         "give fruit another value"),
        ("parts: {a: b}\n", "{file}: parts is a set of names, and must be names, each with a number or none",
         "give parts another value"),
        ("resume: 1\n", "{file}: resume is 1 (a whole number), and must be true or false", "give resume another value"),
        ("layers: 2\nlayers: 3\n", "{file}, line 5: the key layers stands twice",
         "a recipe is YAML: lines of `key: value`"),
        ("layers: [2\n", "{file}, line 5: expected ',' or ']', but got '<stream end>'",
         "a recipe is YAML: lines of `key: value`"),
        ("batch_size: 0\n", "batch_size is 0, and must be at least 1", "give batch_size another value"),
        ("micro_batch: 3\n", "micro_batch is 3, which does not divide batch_size, 16",
         "give a micro_batch that divides it"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, message: str, hint: str) -> None:
    """An unknown key, a wrong type, a key given twice, a value out of range: which, what is expected, what to do."""
    error = refused(tmp_path, text)

    assert message.format(file=tmp_path / "recipe.yaml") == error.message
    assert hint == error.hint


def test_a_setting_that_must_be_given_is_named_with_its_meaning(tmp_path: Path) -> None:
    """Without a default and without a value: the message says what the setting means."""
    file = tmp_path / "recipe.yaml"
    file.write_text("model: base\nout: run\n", encoding="utf-8")
    with pytest.raises(TrainingError, match="must say data: the dataset folder that") as caught:
        read_settings(Baking, file)

    assert "data" == caught.value.key


@pytest.mark.parametrize(("override", "message"), [
    ("layers", "--set layers is not key=value"), ("layer=3", "--set: there is no setting layer"),
    ("layers=x", "--set: layers is 'x' (text), and must be a whole number"),
])
def test_what_is_wrong_with_an_override_is_said(tmp_path: Path, override: str, message: str) -> None:
    """An override is read as strictly as the recipe."""
    assert message == refused(tmp_path, "", override).message


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "there is no file"), (b"- a\n", "holds a list, and a recipe is lines"), (b"\xff\xfe", "can't be read")],
)
def test_a_file_that_is_no_recipe_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    """A file that is missing, of another kind or not text is named."""
    file = tmp_path / "recipe.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(TrainingError, match=message) as caught:
        read_settings(Baking, file)
    assert file == caught.value.file


def test_settings_explain_themselves() -> None:
    """Each setting has a name, a default as a recipe would write it, and a meaning, those of the base first."""
    told = describe(Baking)

    assert ("model", "", "Folder of the model to start from, as Hugging Face writes it.") == told[0]
    assert ("degrees", "180.0", "How hot, in Celsius.") in told
    assert {"learning_rate": "1e-5", "resume": "false", "fruit": "[]", "note": "none", "topping": "none"} == {
        name: default for name, default, _ in told
        if name in ("learning_rate", "resume", "fruit", "note", "topping")
    }
    assert all(meaning for _, _, meaning in told)


def test_plain_settings_read_back_as_they_were(tmp_path: Path) -> None:
    """What is written to a run's record gives the same settings again."""
    import yaml

    settings = read_settings(Baking, recipe(tmp_path, "fruit: [fig]\nparts: {egg: 1}\nnote: null\n"))
    again = tmp_path / "again.yaml"
    again.write_text(yaml.safe_dump(as_plain(settings)), encoding="utf-8")

    assert settings == read_settings(Baking, again)
