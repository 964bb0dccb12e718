"""Wirings, which say which neuron feeds which: neural circuit policies (NCP), dense and explicit.

NCP follows Lechner et al. 2020, 'Neural circuit policies enabling auditable autonomy': sensory ->
inter -> command -> motor, with recurrent synapses among the command neurons. Neurons are numbered
as in ncps: motor first, then command, then inter. Matrices are [j, i]: j feeds i.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid._random_choices import RandomChoices
from liquid_pilot.utils.foreign_text import plain_text

_RECIPES = {
    'ncp': (
        'inputs',
        'inter',
        'command',
        'motor',
        'sensory_fanout',
        'inter_fanout',
        'recurrent_command_synapses',
        'motor_fanin',
        'seed',
    ),
    'dense': ('inputs', 'neurons', 'motors', 'seed'),
    'explicit': ('motors', 'command', 'sensory_polarity', 'polarity'),
}
_POLARITY_SYMBOLS = '-.+'
"""The symbols of polarity -1, no synapse, and polarity 1 in the rows of an explicit recipe."""
_MAX_SIZE = 4096
"""Upper bound on every size in a recipe, which may come from a file."""


@dataclass(frozen=True, eq=False)
class Wiring:
    """A directed, signed graph from inputs to neurons and among neurons."""

    kind: str
    """Kind of the recipe: 'ncp', 'dense' or 'explicit'."""
    inputs: int
    """Number of inputs."""
    neurons: int
    """Number of neurons."""
    motors: int
    """Number of motor neurons, which are the first ones."""
    command: int
    """Number of command neurons (0 when dense, or not known), which follow the motor neurons."""
    sensory_polarity: np.ndarray
    """(inputs, neurons) int8: 0 no synapse, -1 inhibitory, 1 excitatory."""
    polarity: np.ndarray
    """(neurons, neurons) int8, coded as `sensory_polarity`."""
    recipe: Mapping[str, Any] = field(repr=False)
    """The arguments from which this wiring was built; see `to_dict`."""

    def role(self, i: int) -> str:
        """Return the role of neuron i: 'motor', 'command' or 'inter'.

        Raises:
            IndexError: when there is no neuron i.
        """
        if not 0 <= i < self.neurons:
            raise IndexError(f'there is no neuron {i}; there are {self.neurons}')
        if i < self.motors:
            return 'motor'
        return 'command' if i < self.motors + self.command else 'inter'

    @property
    def synapses(self) -> int:
        """Number of synapses between neurons."""
        return int(np.count_nonzero(self.polarity))

    @property
    def sensory_synapses(self) -> int:
        """Number of synapses from inputs to neurons."""
        return int(np.count_nonzero(self.sensory_polarity))

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe, from which `from_dict` builds the same wiring.

        It holds kind, sizes, fan-outs and seed. An explicit one holds motors, command and the
        polarities instead, as a string for each source with '-', '.' or '+' for each target.
        """
        return dict(self.recipe)

    @staticmethod
    def from_dict(recipe: Mapping[str, Any]) -> Wiring:
        """Build a wiring from a recipe.

        >>> Wiring.from_dict(dense(2, 3, 1, seed=0).to_dict()).synapses
        9

        Raises:
            LiquidPilotError: names the key that is missing, unknown or wrong.
        """
        if not isinstance(recipe, Mapping):
            raise LiquidPilotError(f'wiring must be an object, not {type(recipe).__name__}')
        kind = recipe.get('kind')
        if not isinstance(kind, str) or kind not in _RECIPES:
            known = ', '.join(sorted(_RECIPES))
            raise LiquidPilotError(f'wiring.kind must be one of {known}, not {kind!r}')
        names = _RECIPES[kind]
        for key in recipe:
            if key != 'kind' and key not in names:
                raise LiquidPilotError(
                    f'wiring.{plain_text(str(key), 64)} is not part of a wiring of kind {kind!r}'
                )
        for name in names:
            if name not in recipe:
                raise LiquidPilotError(f'wiring.{name} is missing')
        arguments = {name: recipe[name] for name in names}
        if kind == 'explicit':
            for name in ('sensory_polarity', 'polarity'):
                arguments[name] = _polarity_from_rows(name, arguments[name])
        makers: dict[str, Callable[..., Wiring]] = {
            'ncp': ncp,
            'dense': dense,
            'explicit': explicit,
        }
        return makers[kind](**arguments)


def ncp(
    inputs: int,
    inter: int,
    command: int,
    motor: int,
    sensory_fanout: int,
    inter_fanout: int,
    recurrent_command_synapses: int,
    motor_fanin: int,
    seed: int,
) -> Wiring:
    """Build a neural circuit policy; every polarity is -1 or 1 with equal probability.

    A neuron that is left without incoming synapses from the layer before gets the mean number of
    them. The same arguments give the same wiring on every machine and with every numpy.

    >>> wiring = ncp(
    ...     inputs=8, inter=6, command=4, motor=2, sensory_fanout=3, inter_fanout=2,
    ...     recurrent_command_synapses=3, motor_fanin=2, seed=1,
    ... )
    >>> wiring.neurons, wiring.motors, wiring.role(0), wiring.role(11)
    (12, 2, 'motor', 'inter')
    >>> wiring.sensory_synapses, wiring.synapses
    (24, 20)

    Args:
        inputs: number of inputs.
        inter: number of inter neurons.
        command: number of command neurons.
        motor: number of motor neurons.
        sensory_fanout: number of distinct inter neurons that each input feeds.
        inter_fanout: number of distinct command neurons that each inter neuron feeds.
        recurrent_command_synapses: number of distinct pairs of command neurons that are connected;
            a neuron may feed itself.
        motor_fanin: number of distinct command neurons that feed each motor neuron.
        seed: seed of the random choices, >= 0.

    Raises:
        LiquidPilotError: names the argument that is not an integer or out of range.
    """
    sizes = {'inputs': inputs, 'inter': inter, 'command': command, 'motor': motor}
    counts = {
        'sensory_fanout': (sensory_fanout, 1, inter, 'inter neurons'),
        'inter_fanout': (inter_fanout, 1, command, 'command neurons'),
        'recurrent_command_synapses': (
            recurrent_command_synapses,
            0,
            _square(command),
            'pairs of command neurons',
        ),
        'motor_fanin': (motor_fanin, 1, command, 'command neurons'),
    }
    _check_sizes(sizes, seed)
    for name, (count, low, high, what) in counts.items():
        if not _is_integer(count) or not low <= count <= high:
            raise LiquidPilotError(
                f'wiring.{name} must be an integer from {low} to {high} (the {what}), not {count!r}'
            )
    draw = RandomChoices(seed)
    neurons = motor + command + inter
    motors = list(range(motor))
    commands = list(range(motor, motor + command))
    inters = list(range(motor + command, neurons))
    sensory = np.zeros((inputs, neurons), np.int8)
    polarity = np.zeros((neurons, neurons), np.int8)
    _fan_out(draw, sensory, list(range(inputs)), inters, sensory_fanout)
    _fan_out(draw, polarity, inters, commands, inter_fanout)
    for pair in draw.sample(range(command * command), recurrent_command_synapses):
        polarity[commands[pair // command], commands[pair % command]] = draw.sign()
    _fan_out(draw, polarity.T, motors, commands, motor_fanin)
    recipe = {'kind': 'ncp', **sizes, **{name: counts[name][0] for name in counts}, 'seed': seed}
    return _freeze('ncp', inputs, neurons, motor, command, sensory, polarity, recipe)


def dense(inputs: int, neurons: int, motors: int, seed: int) -> Wiring:
    """Build a wiring in which every input and every neuron feeds every neuron, itself included.

    Two synapses in three are excitatory, as in ncps' `FullyConnected`. The same arguments give the
    same wiring on every machine and with every numpy.

    Args:
        inputs: number of inputs.
        neurons: number of neurons.
        motors: number of motor neurons among them.
        seed: seed of the polarities, >= 0.

    Raises:
        LiquidPilotError: names the argument that is not an integer or out of range.
    """
    _check_sizes({'inputs': inputs, 'neurons': neurons, 'motors': motors}, seed)
    if motors > neurons:
        raise LiquidPilotError(f'wiring.motors must be at most {neurons} (the neurons): {motors}')
    draw = RandomChoices(seed)
    signs = np.array(
        [-1 if draw.below(3) == 0 else 1 for _ in range((inputs + neurons) * neurons)], np.int8
    )
    signs = signs.reshape(inputs + neurons, neurons)
    recipe = {'kind': 'dense', 'inputs': inputs, 'neurons': neurons, 'motors': motors, 'seed': seed}
    return _freeze(
        'dense', inputs, neurons, motors, 0, signs[:inputs].copy(), signs[inputs:].copy(), recipe
    )


def explicit(
    sensory_polarity: npt.ArrayLike, polarity: npt.ArrayLike, motors: int, command: int = 0
) -> Wiring:
    """Build any wiring from its polarities. Its recipe holds every synapse.

    >>> explicit([[1, 0], [0, -1]], [[0, 0], [1, 0]], motors=1).to_dict()['polarity']
    ['..', '+.']

    Args:
        sensory_polarity: (inputs, neurons) of -1, 0 and 1.
        polarity: (neurons, neurons) of -1, 0 and 1.
        motors: number of motor neurons, which are the first ones.
        command: number of command neurons, which follow them.

    Raises:
        LiquidPilotError: when a shape, a polarity or a count is wrong.
    """
    sensory = np.array(sensory_polarity)
    recurrent = np.array(polarity)
    if sensory.ndim != 2 or recurrent.shape != (sensory.shape[1],) * 2:
        raise LiquidPilotError(
            'wiring.sensory_polarity and wiring.polarity must have the shapes (inputs, neurons) '
            f'and (neurons, neurons), not {sensory.shape} and {recurrent.shape}'
        )
    for name, matrix in (('sensory_polarity', sensory), ('polarity', recurrent)):
        if not np.isin(matrix, (-1, 0, 1)).all():
            raise LiquidPilotError(f'wiring.{name} may hold -1, 0 and 1 only')
    sensory, recurrent = sensory.astype(np.int8), recurrent.astype(np.int8)
    inputs, neurons = sensory.shape
    _check_sizes({'inputs': inputs, 'neurons': neurons, 'motors': motors}, 0)
    if not _is_integer(command) or command < 0 or motors + command > neurons:
        raise LiquidPilotError(
            'wiring.motors and wiring.command must be counts of at most '
            f'{neurons} neurons together, not {motors!r} and {command!r}'
        )
    recipe = {
        'kind': 'explicit',
        'motors': motors,
        'command': command,
        **{
            name: [''.join(_POLARITY_SYMBOLS[sign + 1] for sign in row) for row in matrix.tolist()]
            for name, matrix in (('sensory_polarity', sensory), ('polarity', recurrent))
        },
    }
    return _freeze('explicit', inputs, neurons, motors, command, sensory, recurrent, recipe)


def format_wiring(wiring: Wiring) -> str:
    """Return the wiring as text: layers, synapses between them, fan-in and fan-out."""
    roles = np.array([wiring.role(i) for i in range(wiring.neurons)])
    layers = [('sensory', wiring.inputs)]
    names = ['inter', 'command', 'motor'] if wiring.command else ['inter', 'motor']
    layers += [(name, int((roles == name).sum())) for name in names if (roles == name).any()]
    lines = [
        f'{wiring.kind} wiring: {wiring.inputs} inputs, {wiring.neurons} neurons, '
        f'{wiring.sensory_synapses} sensory + {wiring.synapses} synapses',
        '  ' + '  ->  '.join(f'[{name} {count}]' for name, count in layers),
        '',
        f'  {"from":<8} {"to":<8} {"synapses":>8} {"excite":>7} {"inhibit":>8} '
        f'{"fan-out":>9} {"fan-in":>9}',
    ]
    for source in ['sensory', *names]:
        for target in names:
            block = (
                wiring.sensory_polarity if source == 'sensory' else wiring.polarity[roles == source]
            )[:, roles == target]
            if not np.any(block):
                continue
            excite, inhibit = int((block > 0).sum()), int((block < 0).sum())
            lines.append(
                f'  {source:<8} {target:<8} {excite + inhibit:>8} {excite:>7} {inhibit:>8} '
                f'{_range(np.count_nonzero(block, axis=1)):>9} '
                f'{_range(np.count_nonzero(block, axis=0)):>9}'
            )
    return '\n'.join(lines)


def _fan_out(
    draw: RandomChoices, matrix: np.ndarray, sources: list[int], targets: list[int], count: int
) -> None:
    """Connect each source to `count` targets, in place.

    A target that no source feeds then gets the mean number of sources.
    """
    for source in sources:
        for target in draw.sample(targets, count):
            matrix[source, target] = draw.sign()
    mean = min(max(len(sources) * count // len(targets), 1), len(sources))
    for target in targets:
        if not np.any(matrix[sources, target]):
            for source in draw.sample(sources, mean):
                matrix[source, target] = draw.sign()


def _polarity_from_rows(name: str, rows: Any) -> np.ndarray:
    """Return the matrix of an explicit recipe's list of strings."""
    if (
        not isinstance(rows, list)
        or not 1 <= len(rows) <= _MAX_SIZE
        or not all(isinstance(row, str) and 1 <= len(row) <= _MAX_SIZE for row in rows)
        or len({len(row) for row in rows}) != 1
        or not set(_POLARITY_SYMBOLS) >= set().union(*rows)
    ):
        raise LiquidPilotError(
            f'wiring.{name} must be a list of strings of equal length, '
            f'of the signs {_POLARITY_SYMBOLS!r}'
        )
    return np.array([[_POLARITY_SYMBOLS.index(sign) - 1 for sign in row] for row in rows], np.int8)


def _freeze(
    kind: str,
    inputs: int,
    neurons: int,
    motors: int,
    command: int,
    sensory: np.ndarray,
    polarity: np.ndarray,
    recipe: dict[str, Any],
) -> Wiring:
    sensory.flags.writeable = False
    polarity.flags.writeable = False
    return Wiring(kind, inputs, neurons, motors, command, sensory, polarity, recipe)


def _check_sizes(sizes: dict[str, Any], seed: Any) -> None:
    for name, size in sizes.items():
        if not _is_integer(size) or not 1 <= size <= _MAX_SIZE:
            raise LiquidPilotError(
                f'wiring.{name} must be an integer from 1 to {_MAX_SIZE}, not {size!r}'
            )
    if not _is_integer(seed) or not 0 <= seed < 1 << 63:
        raise LiquidPilotError(f'wiring.seed must be an integer >= 0, not {seed!r}')


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _square(value: Any) -> int:
    return value * value if _is_integer(value) else 0


def _range(counts: np.ndarray) -> str:
    low, high = int(counts.min()), int(counts.max())
    return f'{low}' if low == high else f'{low}..{high}'
