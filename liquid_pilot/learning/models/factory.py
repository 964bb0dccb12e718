"""Makes the core that is trained: a liquid one, a baseline, or one of another package.

Another package adds a core by an entry point of the group `liquid_pilot.cores` that names a
`CoreFactory` (docs/how_to/own_core.md).
"""

from __future__ import annotations

import bisect
import functools
from collections.abc import Callable
from typing import Protocol

import torch

from liquid_pilot.learning.config import CORE_ENTRY_POINTS, CORES, TrainingSettings
from liquid_pilot.learning.models.baselines import Cfc, FeedForward, Gru, Lstm
from liquid_pilot.learning.models.graph_core import GraphCore
from liquid_pilot.learning.models.lrc import TrainableLrc
from liquid_pilot.learning.models.ltc import LiquidCore
from liquid_pilot.learning.models.mixed_memory import MixedMemory
from liquid_pilot.liquid import wiring
from liquid_pilot.liquid.lrc.parameters import count_lrc_parameters
from liquid_pilot.liquid.parameters import count_ltc_parameters
from liquid_pilot.liquid.wiring import Wiring
from liquid_pilot.utils.entry_points import ExtensionRegistry, is_callable

MOTORS = 4
"""Outputs of every core: forward, left and up velocity, and steering."""
_IMU_INPUTS = 6
_MAX_NEURONS = 4096
_LIQUID_COUNTS: dict[str, Callable[[int, int, int, int], int]] = {
    'ltc': count_ltc_parameters,
    'lrc': count_lrc_parameters,
}
"""Functions from inputs, neurons, motors and synapses to parameters, by the kind of liquid core."""

TrainableCore = LiquidCore | TrainableLrc | GraphCore
"""Any core that the stages of `training.imitation` can train."""


class CoreFactory(Protocol):
    """The type of a function or class that makes an untrained core."""

    def __call__(self, inputs: int, neurons: int, motors: int, rate_hz: float) -> GraphCore:
        """Return a new core. Its random weights are drawn from torch's generator.

        Args:
            inputs: number of inputs I: the features, then 6 IMU values.
            neurons: size of the core. More neurons must have more parameters.
            motors: number of outputs M.
            rate_hz: rate of the frames in training, for cores that take elapsed time as an input.
        """
        ...


EXTERNAL_CORES: ExtensionRegistry[CoreFactory] = ExtensionRegistry(
    CORE_ENTRY_POINTS,
    'core',
    'docs/how_to/own_core.md',
    {},
    is_callable,
    reserved=CORES,
)
"""Cores of other packages by name."""


def make_core(settings: TrainingSettings, rate_hz: float, device: str = 'cpu') -> TrainableCore:
    """Return the untrained core that the settings describe.

    Args:
        settings: kind, wiring and size of the core, and the seed of its weights.
        rate_hz: rate of the frames, for cores that take elapsed time as an input.
        device: torch device.

    Raises:
        LiquidPilotError: the core of another package cannot be used.
    """
    s = settings
    inputs = s.features + _IMU_INPUTS
    backend = s.backend if s.backend != 'auto' else 'numba' if device == 'cpu' else 'torch'
    if s.core not in _LIQUID_COUNTS:
        makers = _makers(s, inputs, rate_hz, backend)
        make = makers[s.core] if s.core in makers else _external_maker(s.core, inputs, rate_hz)
        numbers = functools.partial(_meta_count, make)
        if s.core == MixedMemory.kind:
            numbers = functools.partial(_mixed_memory_count, inputs)
        size = s.core_size or _nearest_size(numbers, parameter_budget(s))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(s.seed)
            return make(size).to(device)
    if s.wiring == 'ncp':
        wired = _ncp_wiring(s)
    else:
        count = _LIQUID_COUNTS[s.core]
        size = s.core_size or _nearest_size(
            lambda n: count(inputs, n, MOTORS, n * (n + inputs)), parameter_budget(s)
        )
        wired = wiring.dense(inputs, size, MOTORS, s.seed)
    if s.core == 'lrc':
        return TrainableLrc(wired, s.seed, backend, s.slowest_s).to(device)
    return LiquidCore(wired, s.unfolds, s.seed, backend, s.slowest_s).to(device)


def parameter_budget(settings: TrainingSettings) -> int:
    """Return the parameters of the NCP-wired LTC of these settings, which other cores approach."""
    return parameter_count(LiquidCore(_ncp_wiring(settings), settings.unfolds))


def parameter_count(core: TrainableCore) -> int:
    """Return the number of trained parameters.

    Of a liquid core's weight matrices only the synapses of its wiring count.
    """
    if isinstance(core, LiquidCore | TrainableLrc):
        w, count = core.wiring, _LIQUID_COUNTS[core.specification['type']]
        return count(w.inputs, w.neurons, w.motors, w.synapses + w.sensory_synapses)
    return sum(each.numel() for each in core.parameters() if each.requires_grad)


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


def _makers(
    settings: TrainingSettings, inputs: int, rate_hz: float, backend: str
) -> dict[str, Callable[[int], GraphCore]]:
    """Return, for each kind of baseline, the function that makes one of n neurons."""
    s = settings
    memory = (s.unfolds, s.seed, s.slowest_s, backend)
    backbone = (s.backbone_units, 1) if s.backbone_units else (1, 0)
    return {
        'cfc': lambda n: Cfc(inputs, n, MOTORS, 'default', *backbone),
        'gru': lambda n: Gru(inputs, n, MOTORS),
        'gru_dt': lambda n: Gru(inputs, n, MOTORS, rate_hz),
        'lstm': lambda n: Lstm(inputs, n, MOTORS, rate_hz=None),
        MixedMemory.kind: lambda n: MixedMemory(inputs, n, MOTORS, *memory),
        'feedforward': lambda n: FeedForward(inputs, n, MOTORS),
    }


def _external_maker(name: str, inputs: int, rate_hz: float) -> Callable[[int], GraphCore]:
    """Return the function that makes a core of n neurons of another package.

    Raises:
        LiquidPilotError: the core cannot be used; the message names the package.
    """
    factory = EXTERNAL_CORES[name]

    def make(neurons: int) -> GraphCore:
        core = EXTERNAL_CORES.make(name, (), factory, inputs, neurons, MOTORS, rate_hz)
        problem = _problem_of(name, core, inputs)
        if problem:
            EXTERNAL_CORES.fail(name, f'what it makes {problem}; {EXTERNAL_CORES.page} shows one')
        core.kind = name
        made: GraphCore = core
        return made

    return make


def _problem_of(name: str, core: object, inputs: int) -> str:
    """Return what is wrong with a new core of another package; empty: nothing."""
    if not isinstance(core, GraphCore):
        return f'is an object of type {type(core).__name__}, not a GraphCore'
    batch, ticks = 2, 3
    sizes = ((batch, ticks, inputs), (batch, ticks))
    try:
        if (core.inputs, core.motors) != (inputs, MOTORS):
            return f'is for {core.inputs} inputs and {core.motors} outputs, not {inputs}, {MOTORS}'
        device = core.input_w.device
        with torch.no_grad():
            outputs, states = core(*(torch.ones(size, device=device) for size in sizes))
    # Whatever a module of another package raises.
    except Exception as error:
        return f'fails in a step ({EXTERNAL_CORES.describe_error(name, error)})'
    expected = ((batch, ticks, MOTORS), (batch, ticks, core.state_size))
    found = (tuple(outputs.shape), tuple(states.shape))
    if found != expected:
        return f'gives outputs and states of the shapes {found} instead of {expected}'
    return ''


def _meta_count(make: Callable[[int], GraphCore], size: int) -> int:
    """Return the parameters of a baseline of `size` neurons, without allocating them."""
    with torch.device('meta'):
        return parameter_count(make(size))


def _mixed_memory_count(inputs: int, size: int) -> int:
    """Return the parameters of a mixed memory; its liquid part is never without memory."""
    return MixedMemory.count_parameters(inputs, size, MOTORS)


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
