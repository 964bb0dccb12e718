"""A picture of a pilot: its wiring, its synapses and its time constants."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid.parameters import LtcParameters
from liquid_pilot.liquid.wiring import Wiring
from liquid_pilot.pilot_file.format import load
from liquid_pilot.pilot_file.specification import PilotSpecification
from liquid_pilot.pilot_file.summary import format_counts, summarize
from liquid_pilot.utils.atomic_write import atomic_writer
from liquid_pilot.utils.palette import BLACK, BLUE, GREY, ORANGE, PURPLE, SKY_BLUE, VERMILLION

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROLES = {'sensory': GREY, 'inter': SKY_BLUE, 'command': PURPLE, 'motor': ORANGE}
_SIGNS = {
    1: (BLUE, '-|>', '>', 'excitatory synapse, ends in an arrow'),
    -1: (VERMILLION, '|-|,widthA=0,widthB=0.25', '|', 'inhibitory synapse, ends in a bar'),
}
"""Of each sign of a synapse: colour, arrow style, marker in the legend, and text."""
_CARD_COLUMNS = 68
"""Width of the text of the card, characters."""
IMU_AXES = ('gyro x', 'gyro y', 'gyro z', 'force x', 'force y', 'force z')
"""Names of the IMU's values among the inputs of a core."""
COMMAND_AXES = ('forward', 'left', 'up', 'yaw rate')
"""Names of the values of a command."""


def time_constant_bounds(parameters: LtcParameters) -> np.ndarray:
    """Return the bounds of the time constants, and their values at rest.

    tau_i = cm_i/(gleak_i + sum_j w_ij*s_ij) with s in (0, 1), so that no input leads out of the
    bounds.

    Returns:
        (3, N) seconds: with every synapse open, with all neurons and inputs at zero, and with every
        synapse closed.
    """
    p = parameters
    total = p.w.sum(axis=0) + p.sensory_w.sum(axis=0)

    def gate(sigma: np.ndarray, mu: np.ndarray, potential: np.ndarray) -> np.ndarray:
        # The logistic function, which does not overflow in this form.
        opening: np.ndarray = 0.5 * (1.0 + np.tanh(0.5 * sigma * (potential[:, None] - mu)))
        return opening

    rest = (p.w * gate(p.sigma, p.mu, np.zeros(len(p.cm)))).sum(axis=0)
    rest = rest + (p.sensory_w * gate(p.sensory_sigma, p.sensory_mu, p.input_b)).sum(axis=0)
    with np.errstate(divide='ignore'):
        return np.stack([p.cm / (p.gleak + g) for g in (total, rest, np.zeros_like(total))])


def draw_pilot(folder: Path, path: Path) -> None:
    """Write a PNG of a pilot.

    Args:
        folder: folder of the pilot.
        path: the PNG file.

    Raises:
        LiquidPilotError: when the pilot is not valid, its core is not an LTC, or the file cannot be
            written.
    """
    picture = io.BytesIO()
    pilot_figure(folder).savefig(picture, format='png')
    with atomic_writer(path, sync=False) as file:
        file.write(picture.getvalue())


def pilot_figure(folder: Path) -> Figure:
    """Return a picture of a pilot: wiring, time constants, and what its card says.

    Args:
        folder: folder of the pilot.

    Raises:
        LiquidPilotError: when the pilot is not valid, or its core is not an LTC.
    """
    from matplotlib.figure import Figure

    pilot = load(folder)
    parameters = pilot.ltc_parameters
    if pilot.wiring is None or parameters is None:
        kind = pilot.specification.core_kind
        raise LiquidPilotError(
            f'{folder}: the core is of kind {kind!r}; only the wiring and the time constants of an '
            'ltc are drawn'
        )
    figure = Figure(figsize=(15, 10), dpi=110, layout='constrained')
    grid = figure.add_gridspec(2, 2, width_ratios=(2.4, 1), height_ratios=(1.3, 1))
    _draw_wiring(figure.add_subplot(grid[:, 0]), pilot.wiring, parameters)
    _draw_time_constants(figure.add_subplot(grid[0, 1]), pilot.wiring, parameters)
    _write_card(figure.add_subplot(grid[1, 1]), summarize(folder), pilot.specification)
    figure.suptitle(
        f'Liquid core of the pilot {pilot.specification.name} (digest {pilot.digest[:12]})',
        fontsize=13,
    )
    return figure


def _draw_wiring(axes: Any, wiring: Wiring, p: LtcParameters) -> None:
    """Draw a column for each role, from the inputs on the left to the motors on the right."""
    columns: dict[str, list[int]] = {'inter': [], 'command': [], 'motor': []}
    for neuron in range(wiring.neurons):
        columns[wiring.role(neuron)].append(neuron)
    positions: dict[tuple[str, int], tuple[float, float]] = {
        ('input', i): (0.0, _spread(i, wiring.inputs)) for i in range(wiring.inputs)
    }
    for column, role in enumerate(('inter', 'command', 'motor'), start=1):
        for rank, neuron in enumerate(columns[role]):
            # Alternating between two lines, so that synapses within a column can be seen.
            shift = 0.07 * (-1) ** rank if role != 'motor' else 0.0
            positions['neuron', neuron] = (column + shift, _spread(rank, len(columns[role])))
    for kind, weights, reversal, polarity in (
        ('input', p.sensory_w, p.sensory_erev, wiring.sensory_polarity),
        ('neuron', p.w, p.erev, wiring.polarity),
    ):
        strongest = max(float(weights.max()), 1e-9)
        for source, target in zip(*np.nonzero(polarity), strict=True):
            # Training changes the reversal potentials, so the sign is taken from them.
            sign = 1 if reversal[source, target] >= 0.0 else -1
            strength = float(weights[source, target]) / strongest
            colour, arrow, _, _ = _SIGNS[sign]
            curve = 'arc3,rad=0.5' if source == target and kind == 'neuron' else 'arc3,rad=0.08'
            axes.annotate(
                '',
                positions['neuron', int(target)],
                positions[kind, int(source)],
                arrowprops={
                    'arrowstyle': arrow,
                    'color': colour,
                    'shrinkA': 5,
                    'shrinkB': 5,
                    'linewidth': 0.3 + 2.2 * strength,
                    'alpha': 0.2 + 0.7 * strength,
                    'connectionstyle': curve,
                },
            )
    for (kind, number), (x, y) in positions.items():
        role = 'sensory' if kind == 'input' else wiring.role(number)
        axes.plot(x, y, 'o', color=_ROLES[role], markersize=6 if kind == 'input' else 11, zorder=3)
        if kind == 'input':
            features = wiring.inputs - len(IMU_AXES)
            name = IMU_AXES[number - features] if number >= features else f'feature {number}'
            axes.text(x - 0.05, y, name, ha='right', va='center', fontsize=6)
        else:
            axes.text(
                x, y, str(number), ha='center', va='center', fontsize=6, color=BLACK, zorder=4
            )
            if role == 'motor' and number < len(COMMAND_AXES):
                axes.text(x + 0.06, y, COMMAND_AXES[number], va='center', fontsize=9)
    for column, role in enumerate(('sensory', 'inter', 'command', 'motor')):
        text = (
            f'{wiring.inputs} inputs:\nfeatures of the picture, IMU'
            if role == 'sensory'
            else f'{len(columns[role])} {role}\nneurons'
        )
        axes.text(column, 1.02, text, ha='center', va='bottom', fontsize=10)
    axes.legend(
        handles=[
            axes.plot([], [], color=colour, marker=marker, label=text)[0]
            for colour, _, marker, text in _SIGNS.values()
        ],
        loc='lower center',
        bbox_to_anchor=(0.5, -0.05),
        ncols=2,
        fontsize=9,
        frameon=False,
    )
    axes.set_title(
        f'Wiring, from what is sensed (left) to the command (right): {wiring.sensory_synapses} '
        f'synapses\nfrom the inputs, {wiring.synapses} between neurons; the wider, the stronger',
        fontsize=10,
    )
    axes.set(xlim=(-0.35, 3.4), ylim=(-0.03, 1.08))
    axes.axis('off')


def _draw_time_constants(axes: Any, wiring: Wiring, p: LtcParameters) -> None:
    low, rest, high = 1e3 * time_constant_bounds(p)
    for neuron in range(wiring.neurons):
        colour = _ROLES[wiring.role(neuron)]
        axes.plot(
            [low[neuron], high[neuron]], [neuron, neuron], color=colour, linewidth=3, alpha=0.5
        )
        axes.plot(rest[neuron], neuron, 'o', color=colour, markersize=4)
    axes.set(xscale='log', xlabel='time constant, ms', ylabel='number of the neuron')
    axes.xaxis.set_major_formatter('{x:g}')
    axes.set_title('Time constants of the neurons\ndot: at rest; bar: over all inputs', fontsize=10)
    axes.legend(
        handles=[
            axes.plot([], [], 'o-', color=_ROLES[role], label=role)[0]
            for role in ('inter', 'command', 'motor')
        ],
        fontsize=8,
    )
    axes.grid(alpha=0.3)


def _write_card(axes: Any, content: dict[str, Any], specification: PilotSpecification) -> None:
    card = content['card']
    lines = [
        format_counts(content),
        f'{content["vehicle"]}, {content["rate_hz"]:g} frames/s, {content["unfolds"]} solver steps',
        f'camera {content["camera"]["width"]} x {content["camera"]["height"]}, '
        f'{content["camera"]["horizontal_fov_deg"]:g} x '
        f'{content["camera"]["vertical_fov_deg"]:g} degrees',
        f'IMU mean   {_numbers(specification.imu_mean)}',
        f'IMU scale  {_numbers(specification.imu_scale)}',
        f'command scale  {_numbers(specification.command_scale)}',
        '',
    ]
    lines += [f'{key}: {value}' for key, value in card.items() if not isinstance(value, dict)]
    lines += [
        f'{key}: ' + ', '.join(f'{k} {v}' for k, v in list(value.items())[:6])
        for key, value in card.items()
        if isinstance(value, dict)
    ]
    axes.text(
        0.0,
        1.0,
        '\n'.join(
            textwrap.fill(line, _CARD_COLUMNS, subsequent_indent='    ') for line in lines[:24]
        ),
        va='top',
        fontsize=7,
        family='monospace',
    )
    axes.set_title('Sizes, scales and training', fontsize=10)
    axes.axis('off')


def _numbers(values: Sequence[float]) -> str:
    return ' '.join(f'{value:.3g}' for value in values)


def _spread(rank: int, count: int) -> float:
    return 1.0 - (rank + 0.5) / count
