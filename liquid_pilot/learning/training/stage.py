"""One stage of a training: steps, curves, early stopping, and checkpoints that it resumes from.

A stage that is killed and started again ends with the same bits (on a CPU, with the same number of
threads) as one that was not: step k draws from generators of its own, the learning rate follows
from k, and everything else that has a memory is in the checkpoint.
"""

from __future__ import annotations

import math
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils.atomic_write import atomic_writer
from liquid_pilot.utils.json_fields import one_line
from liquid_pilot.utils.progress import ProgressCallback
from liquid_pilot.utils.signals import defer_sigint

_RESUME_ONLY_KEYS = ('modules', 'optimiser')
"""What a finished stage's checkpoint needs no more."""


@dataclass(frozen=True)
class Stage:
    """What is optimised, how long, and how it is judged."""

    name: str
    modules: dict[str, nn.Module]
    """What is trained, and kept in checkpoints."""
    steps: int
    rate: float
    loss: Callable[[int], torch.Tensor]
    """Of step 0, 1, ...; draws by the step's number alone."""
    validate: Callable[[], float]
    every: int
    """Steps from one validation to the next."""
    key: str
    """All that the outcome depends on: a checkpoint of another key is not taken up."""


@dataclass(frozen=True)
class RunOptions:
    """How stages are run, which has no part in their outcome, but for `patience`."""

    patience: int = 15
    checkpoint_s: float = 30.0
    checkpoint_steps: int = 0


@dataclass
class TrainingHistory:
    """How a stage went."""

    curve: list[tuple[int, float, float]] = field(default_factory=list)
    """(step, smoothed training loss, validation loss)."""
    best: float = math.inf
    best_step: int = 0


def learning_rate_factor(step: int, steps: int) -> float:
    """A linear warm-up and a cosine decay to a hundredth."""
    warm = max(steps // 20, 1)
    if step < warm:
        return (step + 1) / warm
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm + 1)))


def run(
    stage: Stage, checkpoint: Path, running: RunOptions, announce: ProgressCallback
) -> TrainingHistory:
    """Run a stage to its end, from its checkpoint where there is one; the best weights stay."""
    parameters = [
        p for module in stage.modules.values() for p in module.parameters() if p.requires_grad
    ]
    optimiser = torch.optim.Adam(parameters, lr=stage.rate)
    state: dict[str, Any] = {
        'key': stage.key,
        'step': 0,
        'finished': False,
        'smooth': math.nan,
        'curve': [],
        'best': math.inf,
        'best_step': 0,
        'stale': 0,
        'best_modules': None,
    }
    if checkpoint.exists():
        state = load(checkpoint, stage.key)
        if not state['finished']:
            _restore(stage.modules, state['modules'])
            optimiser.load_state_dict(state['optimiser'])
    taken_up_finished = state['finished']
    last_saved, saved_step = time.monotonic(), state['step']
    with defer_sigint() as interrupts:
        while state['step'] < stage.steps and not state['finished']:
            _step(stage, state, optimiser, parameters)
            if state['step'] % stage.every == 0 or state['step'] == stage.steps:
                _validate(stage, state)
                state['finished'] = state['stale'] >= running.patience
            announce(stage.name, state['step'], stage.steps, state['smooth'])
            due = (
                0 < running.checkpoint_steps <= state['step'] - saved_step
                or time.monotonic() - last_saved >= running.checkpoint_s
                or interrupts.pressed
            )
            if due and state['step'] < stage.steps and not state['finished']:
                _save(
                    checkpoint,
                    {
                        **state,
                        'modules': _weights(stage.modules),
                        'optimiser': optimiser.state_dict(),
                    },
                )
                last_saved, saved_step = time.monotonic(), state['step']
            if interrupts.pressed:
                raise KeyboardInterrupt
    if state['best_modules'] is None:
        state['best_modules'] = _weights(stage.modules)
    _restore(stage.modules, state['best_modules'])
    if not taken_up_finished:
        final = {name: value for name, value in state.items() if name not in _RESUME_ONLY_KEYS}
        _save(checkpoint, {**final, 'finished': True})
    for module in stage.modules.values():
        module.eval()
    return TrainingHistory(
        [tuple(row) for row in state['curve']], state['best'], state['best_step']
    )


def load(checkpoint: Path, key: str | None = None) -> dict[str, Any]:
    """A checkpoint, of which nothing is unpickled but tensors and plain values.

    LiquidPilotError when it is broken or, with `key`, of another training.
    """
    try:
        state = torch.load(checkpoint, weights_only=True, map_location='cpu')
        found, _ = state['key'], state['finished']
    # torch raises many kinds for what is no checkpoint: RuntimeError, EOFError, UnpicklingError.
    except (
        OSError,
        KeyError,
        TypeError,
        ValueError,
        RuntimeError,
        EOFError,
        zipfile.BadZipFile,
    ) as error:
        raise LiquidPilotError(
            f'{checkpoint}: not a checkpoint ({one_line(error)[:120]}); delete '
            'it to train this stage anew'
        ) from None
    except Exception as error:  # pickle.UnpicklingError is torch's refusal of code
        raise LiquidPilotError(
            f'{checkpoint}: refused ({type(error).__name__}); delete it to train this stage anew'
        ) from None
    if key is not None and found != key:
        raise LiquidPilotError(
            f'{checkpoint} was trained with other settings or other episodes; choose another --out'
        )
    return state


def _step(
    stage: Stage,
    state: dict[str, Any],
    optimiser: torch.optim.Optimizer,
    parameters: list[nn.Parameter],
) -> None:
    """One step of the optimiser; all that it draws and its rate follow from the step's number."""
    step = state['step']
    for group in optimiser.param_groups:
        group['lr'] = stage.rate * learning_rate_factor(step, stage.steps)
    for module in stage.modules.values():
        module.train()
    optimiser.zero_grad(set_to_none=True)
    loss = stage.loss(step)
    loss.backward()
    nn.utils.clip_grad_norm_(parameters, 1.0)
    optimiser.step()
    value = loss.item()
    if not math.isfinite(value):
        raise LiquidPilotError(
            f'{stage.name}: the loss is not finite at step {step}; lower the learning rate'
        )
    state['smooth'] = value if step == 0 else 0.97 * state['smooth'] + 0.03 * value
    state['step'] = step + 1


def _validate(stage: Stage, state: dict[str, Any]) -> None:
    """Validate, and keep the weights when they are the best so far."""
    for module in stage.modules.values():
        module.eval()
    with torch.no_grad():
        found = stage.validate()
    state['curve'].append((state['step'], state['smooth'], found))
    if found < state['best']:
        state.update(
            best=found, best_step=state['step'], stale=0, best_modules=_weights(stage.modules)
        )
    else:
        state['stale'] += 1


def _weights(modules: dict[str, nn.Module]) -> dict[str, dict[str, torch.Tensor]]:
    return {
        name: {key: value.detach().cpu().clone() for key, value in module.state_dict().items()}
        for name, module in modules.items()
    }


def _restore(modules: dict[str, nn.Module], weights: dict[str, dict[str, torch.Tensor]]) -> None:
    for name, module in modules.items():
        try:
            module.load_state_dict(weights[name])
        except (KeyError, RuntimeError) as error:
            raise LiquidPilotError(
                f'a checkpoint of another network: {one_line(error)[:160]}; choose another --out'
            ) from None


def _save(checkpoint: Path, state: dict[str, Any]) -> None:
    with atomic_writer(checkpoint) as file:
        torch.save(state, file)
