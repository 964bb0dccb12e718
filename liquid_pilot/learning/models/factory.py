"""Which core is trained: the liquid one or another, all of about as many parameters."""

from __future__ import annotations

import bisect
from collections.abc import Callable

import torch
from torch import nn

from liquid_pilot.learning.config import TrainingSettings
from liquid_pilot.learning.models.baselines import Baseline, Cfc, FeedForward, Gru, Lstm
from liquid_pilot.learning.models.ltc import LiquidCore
from liquid_pilot.liquid import wiring

MOTORS = 4
_MAX_NEURONS = 4096


def make_core(settings: TrainingSettings, rate_hz: float, device: str = 'cpu') -> nn.Module:
    """The untrained core of a configuration; `rate_hz` is that of the frames."""
    s = settings
    inputs = s.features + 6
    if s.core == 'ltc' and s.wiring == 'ncp':
        wired = wiring.ncp(
            inputs,
            s.inter,
            s.command,
            MOTORS,
            s.sensory_fanout,
            s.inter_fanout,
            s.recurrent_command_synapses,
            s.motor_fanin,
            s.seed,
        )
    elif s.core == 'ltc':
        size = s.core_size or _nearest_size(
            lambda n: 4 * n * (n + inputs) + 3 * n + 2 * (inputs + MOTORS), parameter_budget(s)
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
    """Parameters of the NCP-wired LTC of these settings, which the other cores come near to."""
    s = settings
    return parameter_count(
        LiquidCore(
            wiring.ncp(
                s.features + 6,
                s.inter,
                s.command,
                MOTORS,
                s.sensory_fanout,
                s.inter_fanout,
                s.recurrent_command_synapses,
                s.motor_fanin,
                s.seed,
            ),
            s.unfolds,
        )
    )


def parameter_count(core: nn.Module) -> int:
    """Trained parameters; of a liquid core's synapses only those that the wiring has."""
    if isinstance(core, LiquidCore):
        w = core.wiring
        return 4 * (w.synapses + w.sensory_synapses) + 3 * w.neurons + 2 * w.inputs + 2 * w.motors
    return sum(parameter.numel() for parameter in core.parameters())


def _makers(inputs: int, rate_hz: float) -> dict[str, Callable[[int], Baseline]]:
    """Core by its neurons."""
    return {
        'cfc': lambda n: Cfc(inputs, n, MOTORS, backbone_layers=0),
        'gru': lambda n: Gru(inputs, n, MOTORS),
        'gru_dt': lambda n: Gru(inputs, n, MOTORS, rate_hz),
        'lstm': lambda n: Lstm(inputs, n, MOTORS, rate_hz=None),
        'feedforward': lambda n: FeedForward(inputs, n, MOTORS),
    }


def _meta_count(make: Callable[[int], Baseline], size: int) -> int:
    with torch.device('meta'):
        return parameter_count(make(size))


def _nearest_size(count: Callable[[int], int], wanted: int) -> int:
    """The number of neurons whose count of parameters, which grows with it, is nearest."""
    sizes = range(MOTORS, _MAX_NEURONS + 1)
    above = bisect.bisect_left(sizes, wanted, key=count)
    candidates = sizes[max(above - 1, 0) : above + 1]
    return min(candidates, key=lambda n: abs(count(n) - wanted))
