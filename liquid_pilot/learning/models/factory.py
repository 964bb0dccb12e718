"""Makes the core that is trained: a liquid one or a baseline of about as many parameters."""

from __future__ import annotations

import bisect
from collections.abc import Callable

import torch

from liquid_pilot.learning.config import TrainingSettings
from liquid_pilot.learning.models.baselines import Baseline, Cfc, FeedForward, Gru, Lstm
from liquid_pilot.learning.models.ltc import LiquidCore
from liquid_pilot.liquid import wiring
from liquid_pilot.liquid.parameters import count_ltc_parameters
from liquid_pilot.liquid.wiring import Wiring

MOTORS = 4
"""Outputs of every core: forward, left and up velocity, and steering."""
_IMU_INPUTS = 6
_MAX_NEURONS = 4096

TrainableCore = LiquidCore | Baseline
"""Any core that the stages of `training.imitation` can train."""


def make_core(settings: TrainingSettings, rate_hz: float, device: str = 'cpu') -> TrainableCore:
    """Return the untrained core that the settings describe.

    Args:
        settings: kind, wiring and size of the core, and the seed of its weights.
        rate_hz: rate of the frames, for cores that take elapsed time as an input.
        device: torch device.
    """
    s = settings
    inputs = s.features + _IMU_INPUTS
    if s.core == 'ltc' and s.wiring == 'ncp':
        wired = _ncp_wiring(s)
    elif s.core == 'ltc':
        size = s.core_size or _nearest_size(
            lambda n: count_ltc_parameters(inputs, n, MOTORS, n * (n + inputs)),
            parameter_budget(s),
        )
        wired = wiring.dense(inputs, size, MOTORS, s.seed)
    else:
        make = _makers(inputs, rate_hz)[s.core]
        size = s.core_size or _nearest_size(lambda n: _meta_count(make, n), parameter_budget(s))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(s.seed)
            return make(size).to(device)
    backend = s.backend if s.backend != 'auto' else 'numba' if device == 'cpu' else 'torch'
    return LiquidCore(wired, s.unfolds, s.seed, backend, s.slowest_s).to(device)


def parameter_budget(settings: TrainingSettings) -> int:
    """Return the parameters of the NCP-wired LTC of these settings, which other cores approach."""
    return parameter_count(LiquidCore(_ncp_wiring(settings), settings.unfolds))


def parameter_count(core: TrainableCore) -> int:
    """Return the number of trained parameters.

    Of a liquid core's weight matrices only the synapses of its wiring count.
    """
    if isinstance(core, LiquidCore):
        w = core.wiring
        synapses = w.synapses + w.sensory_synapses
        return count_ltc_parameters(w.inputs, w.neurons, w.motors, synapses)
    return sum(parameter.numel() for parameter in core.parameters())


def _ncp_wiring(settings: TrainingSettings) -> Wiring:
    s = settings
    return wiring.ncp(
        s.features + _IMU_INPUTS,
        s.inter,
        s.command,
        MOTORS,
        s.sensory_fanout,
        s.inter_fanout,
        s.recurrent_command_synapses,
        s.motor_fanin,
        s.seed,
    )


def _makers(inputs: int, rate_hz: float) -> dict[str, Callable[[int], Baseline]]:
    """Return, for each kind of baseline, the function that makes one of n neurons."""
    return {
        'cfc': lambda n: Cfc(inputs, n, MOTORS, backbone_layers=0),
        'gru': lambda n: Gru(inputs, n, MOTORS),
        'gru_dt': lambda n: Gru(inputs, n, MOTORS, rate_hz),
        'lstm': lambda n: Lstm(inputs, n, MOTORS, rate_hz=None),
        'feedforward': lambda n: FeedForward(inputs, n, MOTORS),
    }


def _meta_count(make: Callable[[int], Baseline], size: int) -> int:
    """Return the parameters of a baseline of `size` neurons, without allocating them."""
    with torch.device('meta'):
        return parameter_count(make(size))


def _nearest_size(count: Callable[[int], int], budget: int) -> int:
    """Return the number of neurons whose parameter count is nearest to the budget.

    Args:
        count: parameters by the number of neurons, which they grow with.
        budget: parameters to come near to.
    """
    sizes = range(MOTORS, _MAX_NEURONS + 1)
    above = bisect.bisect_left(sizes, budget, key=count)
    candidates = sizes[max(above - 1, 0) : above + 1]
    return min(candidates, key=lambda n: abs(count(n) - budget))
