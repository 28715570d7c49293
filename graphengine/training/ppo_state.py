"""What PPO opens, saves and goes on from: the models, the checkpoints, the finished policy."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, cast

import torch

from graphengine.errors import TrainingError
from graphengine.training.actor import ActorCritic
from graphengine.training.stage import in_bfloat16

if TYPE_CHECKING:
    from pathlib import Path

    from graphengine.training.ppo_settings import PPOSettings


def open_accelerator(settings: PPOSettings) -> Any:
    """One process of one or several, with the precision and the trackers that the settings ask for.

    Raises:
        TrainingError: If a tracker is not installed, where accelerate would do without.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
    from accelerate.tracking import get_available_trackers

    there = [str(getattr(each, "value", each)) for each in get_available_trackers()]
    missing = [name for name in settings.trackers if name not in there]
    if missing:
        raise TrainingError(
            f"the tracker {missing[0]} is not installed, or accelerate does not know it",
            hint=f"pip install {missing[0]}, or leave it out; there are: {', '.join(there) or 'none'}", key="trackers",
            value=missing[0],
        )
    # Accelerate keeps the precision of the process' first run for all later ones, unless it is told to forget it.
    AcceleratorState._reset_state()
    return Accelerator(
        mixed_precision="bf16" if in_bfloat16(settings) else "no", cpu=not torch.cuda.is_available(),
        log_with=list(settings.trackers) or None, project_dir=str(settings.out),
    )


def open_actor(settings: PPOSettings, *, half: bool) -> tuple[ActorCritic, Any]:
    """The policy with its critic, and the reference: None where it is the policy without its adapters.

    Args:
        settings: Of the run.
        half: Whether weights that are not trained may be in bfloat16.
    """
    from transformers import AutoModel, AutoModelForCausalLM

    frozen = torch.bfloat16 if half else torch.float32
    kept = frozen if settings.lora_rank else torch.float32
    shared = settings.critic == "shared" or (settings.critic == "auto" and settings.lora_rank > 0)
    path = str(settings.model)
    policy = _adapted(AutoModelForCausalLM.from_pretrained(path, dtype=kept), settings, "CAUSAL_LM")
    critic = None if shared else _adapted(AutoModel.from_pretrained(path, dtype=kept), settings, "FEATURE_EXTRACTION")
    reference = None
    if not settings.lora_rank:
        reference = AutoModelForCausalLM.from_pretrained(path, dtype=frozen).eval().requires_grad_(False)
    # Never `train()`: dropout would make another policy of the one that was sampled from.
    return ActorCritic(policy, critic, temperature=settings.temperature).eval(), reference


def make_optimizer(actor: ActorCritic, settings: PPOSettings) -> torch.optim.Optimizer:
    """AdamW; a critic of its own has a learning rate of its own."""
    own = [*(actor.critic.parameters() if actor.critic is not None else ()), *actor.value.parameters()]
    of_critic = {id(each) for each in own}
    shared = [each for each in actor.parameters() if each.requires_grad and id(each) not in of_critic]
    critics = settings.critic_learning_rate
    groups = [
        {"params": shared, "highest": settings.learning_rate},
        {"params": [each for each in own if each.requires_grad],
         "highest": settings.learning_rate if critics is None else critics},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True)


def save_state(folder: Path, accelerator: Any, model: Any, optimizer: Any, told: dict[str, Any]) -> None:
    """Write a checkpoint: weights that are trained, optimiser, random numbers of each process, and `told`."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict, get_optimizer_state_dict

    accelerator.wait_for_everyone()  # the folder is there for all
    options = StateDictOptions(full_state_dict=True, cpu_offload=True, ignore_frozen_params=True)
    raw = accelerator.unwrap_model(model)
    # It forgets that a frozen weight may have two names.
    frozen = {name for name, each in raw.named_parameters(remove_duplicate=False) if not each.requires_grad}
    weights = {name: each for name, each in get_model_state_dict(raw, options=options).items() if name not in frozen}
    moments = get_optimizer_state_dict(raw, optimizer.optimizer, options=options)
    if accelerator.is_main_process:
        torch.save(weights, folder / "weights.pt")
        torch.save({"optimizer": moments, **told}, folder / "state.pt")
    torch.save(_random_state(), folder / f"random-{accelerator.process_index}.pt")
    accelerator.wait_for_everyone()


def load_state(folder: Path, accelerator: Any, model: Any, optimizer: Any) -> dict[str, Any]:
    """Go on from a checkpoint; gives what was `told`.

    Raises:
        TrainingError: If it was written by another number of processes.
    """
    from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict, set_optimizer_state_dict

    mine = folder / f"random-{accelerator.process_index}.pt"
    number = len(list(folder.glob("random-*.pt")))
    if number != accelerator.num_processes:
        raise TrainingError(
            f"{folder} was written by {number} process(es), and there are {accelerator.num_processes}",
            hint="go on with as many as before", file=folder, key="resume",
        )
    options = StateDictOptions(full_state_dict=True, strict=False)
    raw = accelerator.unwrap_model(model)
    set_model_state_dict(raw, torch.load(folder / "weights.pt", weights_only=True), options=options)
    told = torch.load(folder / "state.pt", weights_only=True)
    set_optimizer_state_dict(raw, optimizer.optimizer, told.pop("optimizer"), options=options)
    _set_random_state(torch.load(mine, weights_only=True))
    return told


def export_policy(settings: PPOSettings, checkpoint: Path | None, place: Path) -> None:
    """Write the policy of a checkpoint as a plain folder of Hugging Face, in the precision that the model came in.

    Args:
        settings: Of the run.
        checkpoint: Its folder; None for the model as it was before training.
        place: An empty folder.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    policy = AutoModelForCausalLM.from_pretrained(str(settings.model), dtype="auto")
    if checkpoint is not None:
        weights = torch.load(checkpoint / "weights.pt", weights_only=True, mmap=True)
        weights = {name.removeprefix("policy."): value for name, value in weights.items() if name.startswith("policy.")}
        policy = _adapted(policy, settings, "CAUSAL_LM")
        unknown = policy.load_state_dict(weights, strict=False).unexpected_keys
        assert not unknown, unknown
        if settings.lora_rank:
            policy.save_pretrained(str(place / "adapter"))
            policy = policy.merge_and_unload()
    policy.save_pretrained(str(place))
    AutoTokenizer.from_pretrained(str(settings.model)).save_pretrained(str(place))


def _adapted(model: Any, settings: PPOSettings, task: str) -> Any:
    if not settings.lora_rank:
        return model
    from peft import LoraConfig, get_peft_model

    return get_peft_model(model, LoraConfig(
        r=settings.lora_rank, lora_alpha=settings.lora_alpha or 2 * settings.lora_rank, target_modules="all-linear",
        task_type=task,
    ))


def _random_state() -> dict[str, Any]:
    """The random numbers to come: torch's, and those that a reward may draw from Python and numpy."""
    import numpy as np

    name, keys, *rest = cast("tuple[Any, ...]", np.random.get_state())
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
        "python": random.getstate(),
        "numpy": (name, keys.tolist(), *rest),
    }


def _set_random_state(state: dict[str, Any]) -> None:
    import numpy as np

    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
    random.setstate(state["python"])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))
