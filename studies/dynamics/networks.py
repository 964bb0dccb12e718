"""The networks of the study, and how they learn from the privileged controller.

DAgger (Ross et al. 2011): the controller flies first, with disturbed commands; then the network
flies, and the controller says what it would have commanded there. All networks take the same number
of steps of the optimiser on sequences of the same length.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from liquid_pilot.learning.models.baselines import FeedForward, Gru
from liquid_pilot.learning.models.factory import TrainableCore
from liquid_pilot.learning.models.lrc import TrainableLrc
from liquid_pilot.learning.models.ltc import LiquidCore
from liquid_pilot.liquid import wiring
from liquid_pilot.utils.atomic_write import atomic_writer
from liquid_pilot.utils.progress import ProgressCallback
from studies.dynamics.controllers import Privileged
from studies.dynamics.flights import (
    INPUTS,
    OUTPUTS,
    ControllerPilot,
    Flown,
    NetworkPilot,
    draw_flight,
    labelled,
)
from studies.dynamics.plant import CONTROL_S

_UNFOLDS = 3
_SLOWEST_S = 1.0
"""Largest initial time constant of a liquid core, s."""


def make_core(kind: str, neurons: int, seed: int) -> TrainableCore:
    """Return an untrained core.

    Args:
        kind: ltc, lrc, gru or feedforward.
        neurons: number of its neurons.
        seed: seed of its weights.

    Raises:
        ValueError: there is no such kind.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        match kind:
            case 'ltc':
                dense = wiring.dense(INPUTS, neurons, OUTPUTS, seed)
                return LiquidCore(dense, _UNFOLDS, seed, max_tau_s=_SLOWEST_S)
            case 'lrc':
                dense = wiring.dense(INPUTS, neurons, OUTPUTS, seed)
                return TrainableLrc(dense, seed, max_tau_s=_SLOWEST_S)
            case 'gru':
                return Gru(INPUTS, neurons, OUTPUTS)
            case 'feedforward':
                return FeedForward(INPUTS, neurons, OUTPUTS)
    raise ValueError(f'no core {kind!r}')


def train(
    kind: str,
    neurons: int,
    rate: float,
    seed: int,
    plan: Mapping[str, Any],
    ranges: Mapping[str, list[float]],
    announce: ProgressCallback,
) -> tuple[TrainableCore, float]:
    """Train a core.

    Args:
        kind: see `make_core`.
        neurons: see `make_core`.
        rate: learning rate.
        seed: seed of the weights, of the flights and of the order.
        plan: first_seed, flights and rounds of DAgger, seconds of a flight, steps of each round,
            batch, and validation, the number of flights that it is validated on.
        ranges: of the dynamics.
        announce: callback, called with the progress.

    Returns:
        The core, and its loss in flights of its own that it has not learned from.
    """
    torch.set_num_threads(1)
    core = make_core(kind, neurons, seed)
    optimiser = torch.optim.Adam(core.parameters(), rate)
    rounds, steps = plan['rounds'], plan['steps']
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, rounds * steps)
    rng = np.random.default_rng([seed, 1])
    flown: list[Flown] = []
    for index in range(rounds):
        flown.append(_fly_round(core, index, seed, plan, ranges))
        inputs, labels, valid = (
            torch.from_numpy(np.concatenate([part[field] for part in flown])) for field in range(3)
        )
        dt_s = torch.full((plan['batch'], inputs.shape[1]), CONTROL_S)
        for step in range(steps):
            chosen = torch.from_numpy(rng.integers(len(inputs), size=plan['batch']))
            outputs, _ = core(inputs[chosen], dt_s)
            loss = _masked_error(outputs, labels[chosen], valid[chosen])
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(core.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            if step % 20 == 0:
                announce(kind, index * steps + step, rounds * steps, loss.item())
    return core, validate(core, seed, plan, ranges)


def _fly_round(
    core: TrainableCore,
    index: int,
    seed: int,
    plan: Mapping[str, Any],
    ranges: Mapping[str, list[float]],
) -> Flown:
    """Fly the flights of a round: the controller in the first one, then the network."""
    first = plan['first_seed'] + index * plan['flights']
    flights = [
        draw_flight((seed, first + k), ranges, plan['seconds']) for k in range(plan['flights'])
    ]
    pilot = NetworkPilot(core) if index else ControllerPilot(Privileged)
    return labelled(flights, pilot, np.random.default_rng([seed, 2, index]))


def validate(
    core: TrainableCore, seed: int, plan: Mapping[str, Any], ranges: Mapping[str, list[float]]
) -> float:
    """Return the loss of a core in flights of its own, from seeds that no training uses."""
    first = plan['first_seed'] - plan['validation']
    flights = [
        draw_flight((seed, first + k), ranges, plan['seconds']) for k in range(plan['validation'])
    ]
    flown = labelled(flights, NetworkPilot(core), None)
    # A flight that is lost early is not one with little error.
    errors = np.where(flown.valid[..., None], 0.0, 1.0)
    with torch.no_grad():
        outputs, _ = core(torch.from_numpy(flown.inputs), torch.full(flown.valid.shape, CONTROL_S))
    known = flown.valid[..., None]
    errors = errors + np.where(known, (outputs.numpy() - flown.labels) ** 2, 0.0)
    return float(errors.mean())


def _masked_error(outputs: torch.Tensor, labels: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    squared = ((outputs - labels) ** 2).mean(2)
    return (squared * valid).sum() / valid.sum().clamp(min=1)


def save(core: TrainableCore, path: Path) -> None:
    """Write the weights of a core."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {name: value.detach().numpy() for name, value in core.state_dict().items()}
    with atomic_writer(path) as file:
        np.savez(file, **arrays)


def load(kind: str, neurons: int, seed: int, path: Path) -> TrainableCore:
    """Read a core that `save` wrote."""
    core = make_core(kind, neurons, seed)
    with np.load(path, allow_pickle=False) as arrays:
        core.load_state_dict({name: torch.from_numpy(arrays[name]) for name in arrays.files})
    return core


def parameter_count(kind: str, neurons: int) -> int:
    """Return the number of trained parameters of a core."""
    core = make_core(kind, neurons, 0)
    return sum(each.numel() for each in core.parameters() if each.requires_grad)
