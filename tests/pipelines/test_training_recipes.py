"""The recipes of training are what their stages take, and the configurations of accelerate what it reads."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from graphengine.cli.training import RECIPES, STAGES, train
from graphengine.errors import TrainingError
from graphengine.training.settings import describe, read_settings

PIPELINES = Path(__file__).resolve().parents[2] / "pipelines"


def settings_of(stage: str) -> type:
    """The settings of a stage, as the command line finds them."""
    from graphengine.cli.training import _settings

    return _settings(stage)


@pytest.mark.parametrize("stage", STAGES)
def test_a_recipe_is_read_and_explained(stage: str) -> None:
    """Each stage has a recipe that reads strictly, says how it is run, and starts from what the pipeline makes."""
    file = PIPELINES / f"{RECIPES.get(stage, stage)}.yaml"
    settings = read_settings(settings_of(stage), file)

    assert Path("runs") / stage == settings.out
    assert "policy-demo" == settings.model.parts[0] == settings.data.parts[0]
    assert f"graphengine train {stage} --config pipelines/{file.name}" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("stage", STAGES)
def test_what_a_recipe_leaves_commented_out_is_a_setting(stage: str) -> None:
    """Lines such as `# lora_rank: 16` name settings that there are."""
    import re

    text = (PIPELINES / f"{RECIPES.get(stage, stage)}.yaml").read_text(encoding="utf-8")
    names = {name for name, _, _ in describe(settings_of(stage))}
    assert set(re.findall(r"^# ([a-z]\w*):", text, re.MULTILINE)) <= names


@pytest.mark.parametrize("stage", STAGES)
def test_every_setting_is_explained(stage: str) -> None:
    """`train STAGE --help` has a sentence for each setting, and its default."""
    told = describe(settings_of(stage))
    command = train.commands[stage]
    page = command.get_help(click.Context(command, info_name=stage, terminal_width=100))

    assert all(meaning for _, _, meaning in told)
    assert [] == [name for name, _, _ in told if f"\n  {name} " not in page]


@pytest.mark.parametrize("stage", STAGES)
def test_settings_have_the_same_names_in_all_stages(stage: str) -> None:
    """What every stage has is called alike, and a misspelt name is told with the one that may have been meant."""
    names = {name for name, _, _ in describe(settings_of(stage))}
    assert {"model", "data", "out", "seed", "resume", "learning_rate", "batch_size", "max_length", "lora_rank"} <= names
    with pytest.raises(TrainingError, match="no setting learning_rat") as caught:
        read_settings(settings_of(stage), None, ["learning_rat=1e-5"])
    assert "did you mean learning_rate?" == caught.value.hint


@pytest.mark.train
@pytest.mark.parametrize("name", ["single_gpu", "ddp", "fsdp2"])
def test_accelerate_reads_its_configurations(name: str) -> None:
    """Each is complete: accelerate knows every key and asks for none."""
    pytest.importorskip("accelerate")
    from accelerate.commands.config.config_args import load_config_from_file

    config = load_config_from_file(str(PIPELINES / "accelerate" / f"{name}.yaml"))

    assert "bf16" == config.mixed_precision
    assert {"single_gpu": "NO", "ddp": "MULTI_GPU", "fsdp2": "FSDP"}[name] == str(config.distributed_type.value)
    if name == "fsdp2":
        assert 2 == config.fsdp_config["fsdp_version"]
        assert "FULL_STATE_DICT" == config.fsdp_config["fsdp_state_dict_type"]
