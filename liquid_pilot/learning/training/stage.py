"""One stage of a training: steps, curves, early stopping, and checkpoints that it resumes from.

A stage that is killed and started again ends with the same bits (on a CPU, with the same number of
threads) as one that was not: step k draws from generators of its own, the learning rate follows
from k, and everything else that has a memory is in the checkpoint.
"""

from __future__ import annotations

import math
import time
import zipfile
from collections.abc import Callable, Mapping
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
"""Entries of a checkpoint that a finished stage no longer needs."""
_WARM_UP_FRACTION = 20
"""The warm-up of the learning rate takes one step in this number of steps."""
_MAX_GRADIENT_NORM = 1.0


@dataclass(frozen=True)
class Stage:
    """One optimisation: its modules, its loss, its length and its validation."""

    name: str
    modules: dict[str, nn.Module]
    """Modules that are trained and kept in checkpoints."""
    steps: int
    """Number of steps, unless the stage stops early."""
    learning_rate: float
    """Largest learning rate of the schedule."""
    loss: Callable[[int], torch.Tensor]
    """Loss of step 0, 1, ...; its random draws depend on the step's number alone."""
    validate: Callable[[], float]
    """Loss over the held-out episodes."""
    validation_interval_steps: int
    """Steps from one validation to the next."""
    key: str
    """Everything that the outcome depends on; a checkpoint of another key is refused."""


@dataclass(frozen=True)
class StageOptions:
    """Options of running stages; only `patience` affects their outcome."""

    patience: int = 15
    """Validations without a better loss after which a stage stops."""
    checkpoint_s: float = 30.0
    """Seconds between two checkpoints."""
    checkpoint_steps: int = 0
    """Steps between two checkpoints; 0 for checkpoints by time alone."""


@dataclass
class TrainingHistory:
    """The losses of a stage over its steps."""

    curve: list[tuple[int, float, float]] = field(default_factory=list)
    """Rows of step, smoothed training loss and validation loss."""
    best: float = math.inf
    """Lowest validation loss."""
    best_step: int = 0
    """Step of the lowest validation loss, whose weights were kept."""


def learning_rate_factor(step: int, steps: int) -> float:
    """Return the factor on the learning rate: linear warm-up, then cosine decay to a hundredth.

    Args:
        step: number of the step, from 0.
        steps: number of steps of the stage.
    """
    warm_up = max(steps // _WARM_UP_FRACTION, 1)
    if step < warm_up:
        return (step + 1) / warm_up
    decay = 0.5 * (1 + math.cos(math.pi * (step - warm_up) / (steps - warm_up + 1)))
    return 0.01 + 0.99 * decay


def run_stage(
    stage: Stage, checkpoint: Path, options: StageOptions, report_progress: ProgressCallback
) -> TrainingHistory:
    """Run a stage to its end, from its checkpoint where there is one, and load the best weights.

    Args:
        stage: the stage; its modules hold the best weights afterwards.
        checkpoint: file to resume from and to write to.
        options: patience and intervals of the checkpoints.
        report_progress: callback, called after every step.

    Returns:
        The losses of all steps, those before an interruption included.

    Raises:
        LiquidPilotError: the checkpoint is broken or of another training, the loss is not finite,
            or the checkpoint cannot be written.
        KeyboardInterrupt: on Ctrl-C, after the step in progress was saved.
    """
    parameters = [
        parameter
        for module in stage.modules.values()
        for parameter in module.parameters()
        if parameter.requires_grad
    ]
    optimiser = torch.optim.Adam(parameters, lr=stage.learning_rate)
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
        state = load_checkpoint(checkpoint, stage.key)
        if not state['finished']:
            _restore(stage.modules, state['modules'])
            optimiser.load_state_dict(state['optimiser'])
    was_finished = state['finished']
    last_saved_s, last_saved_step = time.monotonic(), state['step']
    with defer_sigint() as interrupt:
        while state['step'] < stage.steps and not state['finished']:
            _run_step(stage, state, optimiser, parameters)
            if state['step'] % stage.validation_interval_steps == 0 or state['step'] == stage.steps:
                _validate(stage, state)
                state['finished'] = state['stale'] >= options.patience
            report_progress(stage.name, state['step'], stage.steps, state['smooth'])
            due = (
                0 < options.checkpoint_steps <= state['step'] - last_saved_step
                or time.monotonic() - last_saved_s >= options.checkpoint_s
                or interrupt.pressed
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
                last_saved_s, last_saved_step = time.monotonic(), state['step']
            if interrupt.pressed:
                raise KeyboardInterrupt
    if state['best_modules'] is None:
        state['best_modules'] = _weights(stage.modules)
    _restore(stage.modules, state['best_modules'])
    if not was_finished:
        final = {name: value for name, value in state.items() if name not in _RESUME_ONLY_KEYS}
        _save(checkpoint, {**final, 'finished': True})
    for module in stage.modules.values():
        module.eval()
    return TrainingHistory(
        [tuple(row) for row in state['curve']], state['best'], state['best_step']
    )


def load_checkpoint(checkpoint: Path, key: str | None = None) -> dict[str, Any]:
    """Load a checkpoint, unpickling nothing but tensors and plain values.

    Args:
        checkpoint: file of a stage.
        key: key of the stage that resumes; None accepts every checkpoint.

    Returns:
        The state of the stage, with the entries that `run_stage` writes.

    Raises:
        LiquidPilotError: the file is broken or, with `key`, of another training.
    """
    try:
        state = torch.load(checkpoint, weights_only=True, map_location='cpu')
        checkpoint_key, _ = state['key'], state['finished']
    # torch raises many kinds of error for a broken file: RuntimeError, EOFError, UnpicklingError.
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
            'it to train this stage again'
        ) from None
    except Exception as error:  # pickle.UnpicklingError is how torch refuses code.
        raise LiquidPilotError(
            f'{checkpoint}: refused ({type(error).__name__}); delete it to train this stage again'
        ) from None
    if key is not None and checkpoint_key != key:
        raise LiquidPilotError(
            f'{checkpoint} was trained with other settings or other episodes; choose another --out'
        )
    return dict(state)


def _run_step(
    stage: Stage,
    state: dict[str, Any],
    optimiser: torch.optim.Optimizer,
    parameters: list[nn.Parameter],
) -> None:
    """Run one step of the optimiser; its draws and its rate follow from the step's number."""
    step = state['step']
    for group in optimiser.param_groups:
        group['lr'] = stage.learning_rate * learning_rate_factor(step, stage.steps)
    for module in stage.modules.values():
        module.train()
    optimiser.zero_grad(set_to_none=True)
    loss = stage.loss(step)
    loss.backward()
    nn.utils.clip_grad_norm_(parameters, _MAX_GRADIENT_NORM)
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
        loss = stage.validate()
    state['curve'].append((state['step'], state['smooth'], loss))
    if loss < state['best']:
        state.update(
            best=loss, best_step=state['step'], stale=0, best_modules=_weights(stage.modules)
        )
    else:
        state['stale'] += 1


def _weights(modules: Mapping[str, nn.Module]) -> dict[str, dict[str, torch.Tensor]]:
    return {
        name: {key: value.detach().cpu().clone() for key, value in module.state_dict().items()}
        for name, module in modules.items()
    }


def _restore(
    modules: Mapping[str, nn.Module], weights: Mapping[str, Mapping[str, torch.Tensor]]
) -> None:
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
