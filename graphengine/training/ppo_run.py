"""A run of PPO in its folder: update, tell, watch, save; and at the end the model that is kept, and the report."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from graphengine.errors import TrainingError
from graphengine.training.control import kl_ran_away, reward_collapsed
from graphengine.training.gaming import gaming_picture, kept_checkpoint, parting
from graphengine.training.ppo_settings import PPOSettings
from graphengine.training.ppo_state import export_policy
from graphengine.training.stage import curve

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphengine.training.ppo import PPO
    from graphengine.training.run_folder import RunFolder

MAY_CHANGE = ("updates", "trackers", "keep", "learning_rate", "critic_learning_rate", "kl_coefficient", "kl_target",
              "kl_limit")
"""A run that was stopped may go on with other values of these."""


def run_updates(ppo: PPO, run: RunFolder, progress: Callable[[str], None]) -> None:
    """Update, tell, watch, save.

    Raises:
        TrainingError: If KL runs away or the reward collapses.
    """
    settings, accelerator = ppo.settings, ppo.accelerator
    accelerator.init_trackers("graphengine-ppo", config=_flat(settings))
    size = 4 * 3 * ppo.parameters["trained"]
    while ppo.step < settings.updates:
        metrics = ppo.update()
        accelerator.log(metrics, step=ppo.step)
        if ppo.step % settings.log_every == 0 or ppo.step == settings.updates:
            run.log(ppo.step, **metrics)
            progress(
                f"ppo: update {ppo.step}/{settings.updates}, reward {metrics['reward']:.3f}, KL {metrics['kl']:.2f}, "
                f"{metrics['length']:.0f} tokens"
            )
        trouble = _trouble(ppo)
        if trouble:
            _end_trackers(accelerator)
            raise _stopped(trouble, ppo, run)
        if ppo.step == settings.updates or (settings.save_every and ppo.step % settings.save_every == 0):
            kept = kept_checkpoint(ppo.history, [*run.all_checkpoints(), ppo.step])
            run.save_checkpoint(ppo.step, ppo.save, needed_bytes=size, keep=() if kept is None else (kept,))
    _end_trackers(accelerator)


def _end_trackers(accelerator: Any) -> None:
    """Close the trackers; accelerate's `end_training` ends the processes' group as well, which others may need."""
    for tracker in accelerator.trackers:
        tracker.finish()


def _trouble(ppo: PPO) -> str:
    """Why training must stop; "" if it may go on."""
    rewards, spreads, kls = ([row[name] for row in ppo.history] for name in ("reward", "reward_sd", "kl"))
    episodes = ppo.settings.episodes * ppo.accelerator.num_processes
    return kl_ran_away(kls, ppo.settings.kl_limit) or reward_collapsed(rewards, spreads, episodes)


def _stopped(trouble: str, ppo: PPO, run: RunFolder) -> TrainingError:
    last = run.last_checkpoint()
    kept = f"the policy of update {last[0]} is in {last[1]}" if last else "no checkpoint was saved before"
    settings = ppo.settings
    price = 3 * settings.kl_coefficient or PPOSettings.kl_coefficient
    words, dearer = "a higher price of KL", f"kl_coefficient={price:g}"
    if settings.kl_target is not None:  # the price is steered, and comes from the checkpoint
        words, dearer = "a lower target of KL", f"kl_target={settings.kl_target / 3:.3g}"
    return TrainingError(
        f"PPO stopped at update {ppo.step}: {trouble}; {kept}",
        hint=f"go on from there with a lower learning rate or {words}: --set resume=true "
        f"--set learning_rate={settings.learning_rate / 3:.2g} --set {dearer}",
        file=run.out, step=ppo.step, checkpoint=last[1] if last else None,
    )


def finish(ppo: PPO, run: RunFolder, told: dict[str, Any]) -> dict[str, Any]:
    """Write model, picture and report."""
    settings = ppo.settings
    episodes = settings.episodes * ppo.accelerator.num_processes
    parted = parting(ppo.history, episodes) if settings.second_score else None
    checkpoints = run.all_checkpoints()
    kept: int | None = ppo.step
    if parted and settings.keep == "before-parting":
        kept = kept_checkpoint(ppo.history, checkpoints)
    if run.main:
        run.write_folder(run.model, lambda place: export_policy(settings, checkpoints.get(kept or -1), place))
        if settings.second_score:
            run.write_text("gaming.svg", gaming_picture(ppo.history, parted))
    report: dict[str, Any] = {
        "stage": "ppo",
        "steps": ppo.step,
        **told,
        "parameters": ppo.parameters,
        "curve": curve(run.metrics(), ("reward", "second", "kl", "length")),
        "held_out": None,
        "rewards": settings.rewards,
        "second_score": settings.second_score,
        "parted": parted,
        "kept_step": kept or 0,
        "notes": _notes(ppo, parted, kept, told["gates"]),
    }
    return run.finish(report) if run.main else report


def _notes(ppo: PPO, parted: dict[str, float] | None, kept: int | None, gates: list[dict[str, Any]]) -> list[str]:
    """What a reader of the report must know."""
    notes = [f"the reward model {gate['model']} failed its gate, and was used by force: {'; '.join(gate['reasons'])}"
             for gate in gates if not gate["passed"]]
    if parted:
        notes.append(
            f"reward and second score part at update {parted['step']:.0f}, at {parted['kl']:.3g} nats of KL: after "
            f"that the policy gained reward and lost the second score (gaming.svg); the model is of update {kept or 0}"
        )
    elif not ppo.settings.second_score:
        notes.append("no second score was measured, so nothing shows whether the policy games its reward")
    if cut := sum(getattr(reward, "cut", 0) for _, reward in ppo.rewards.parts.values()):
        notes.append(f"{cut} texts were longer than a reward model can read, and were read without their beginning")
    return notes


def _flat(settings: PPOSettings) -> dict[str, Any]:
    """Settings as trackers take them."""
    return {name: value if isinstance(value, int | float | str | bool) else str(value)
            for name, value in asdict(settings).items()}


def quieten() -> None:
    """No progress bars of the libraries: progress is ours to tell."""
    from transformers.utils import logging

    logging.disable_progress_bar()
