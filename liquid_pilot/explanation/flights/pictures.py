"""Pictures of an explanation: the wiring with what came through it, and a film strip."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from liquid_pilot.explanation.core_paths import CorePaths
from liquid_pilot.explanation.flights.explanation import (
    COMMAND_UNITS,
    COMMANDS,
    Explanation,
    feature_weights,
)
from liquid_pilot.explanation.overlay import overlay
from liquid_pilot.explanation.pixels import PixelExplainer
from liquid_pilot.liquid.wiring import Wiring
from liquid_pilot.pilot_file.plot import COMMAND_AXES
from liquid_pilot.utils.image_sheet import SheetPicture, SheetRow, image_sheet
from liquid_pilot.utils.palette import BLACK, BLUE, GREY, PALE_GREY, VERMILLION
from liquid_pilot.utils.png import encode_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STRIP_S = (-1.5, -1.0, -0.5, -0.25, 0.0, 0.5)
"""Times of the pictures of the film strip, from the moment that is explained, s."""
STRIP_METHODS = ('visual_backprop', 'integrated_gradients')
"""Methods of the maps of the film strip."""
_MIN_SHARE = 0.06
"""Share of the strongest synapse below which a synapse is drawn in the background."""
_MAX_SYNAPSES = 45
_PUSHES = (
    ('faster forward', 'slower'),
    ('to the left', 'to the right'),
    ('upward', 'downward'),
    ('to the left', 'to the right'),
)
"""What a positive and a negative part of each value of the command does."""


def wiring_png(explanation: Explanation) -> bytes | None:
    """Return the picture of the wiring as PNG; None of a core without synapses."""
    figure = wiring_figure(explanation)
    if figure is None:
        return None
    file = io.BytesIO()
    figure.savefig(file, format='png')
    return file.getvalue()


def wiring_figure(explanation: Explanation) -> Figure | None:
    """Draw the wiring of a liquid core, with what came through its synapses at the moment.

    Returns:
        The figure; None of a core without synapses.
    """
    from matplotlib.figure import Figure

    moment = explanation.moment
    decomposition = moment.decomposition
    if decomposition is None:
        return None
    core, command = CorePaths(explanation.pilot), moment.moment.command
    figure = Figure(figsize=(12, 8.5), dpi=100, layout='constrained')
    axes = figure.add_subplot()
    places = _places(core.wiring)
    synapses = _synapses(decomposition.sensory[command], decomposition.between[command])
    strongest = max((abs(part) for _, _, part in synapses), default=1.0)
    shown = [each for each in synapses if abs(each[2]) >= _MIN_SHARE * strongest][:_MAX_SYNAPSES]
    marked = {end for source, target, _ in shown for end in (source, target)}
    wiring = core.wiring
    for kind, polarity in (('input', wiring.sensory_polarity), ('neuron', wiring.polarity)):
        for source, target in zip(*np.nonzero(polarity), strict=True):
            ends = places[kind, int(source)], places['neuron', int(target)]
            axes.plot(*zip(*ends, strict=True), color=PALE_GREY, linewidth=0.5, zorder=0)
    for source, target, part in reversed(shown):
        _arrow(axes, places[source], places[target], part, abs(part) / strongest)
    _draw_nodes(axes, core, places, marked)
    unit = COMMAND_UNITS[command]
    more, less = _PUSHES[command]
    axes.set_title(
        f'{explanation.pilot.specification.name}, {moment.flight}, {moment.time_s:.2f} s: '
        f'{COMMAND_AXES[command]} {moment.value:+.2f} {unit}\n'
        f'What came through each synapse in the last {len(decomposition.ticks)} ticks, compared '
        f'with rest before an average view ({decomposition.reference_command[command]:+.2f} '
        f'{unit}).\nThe wider, the more: the widest is {strongest:.2f} {unit}.',
        fontsize=11,
    )
    handles = [
        axes.plot([], [], color=BLUE, linewidth=3, label=f'{more} (+)')[0],
        axes.plot([], [], color=VERMILLION, linewidth=3, dashes=(3, 1), label=f'{less} (-)')[0],
        axes.plot([], [], color=PALE_GREY, linewidth=1, label='other synapses')[0],
    ]
    axes.legend(
        handles=handles,
        loc='upper center',
        bbox_to_anchor=(0.5, 0.0),
        ncols=3,
        frameon=False,
        fontsize=10,
    )
    axes.set(xlim=(-0.38, 3.5), ylim=(-0.02, 1.06))
    axes.axis('off')
    return figure


def film_strip_png(explanation: Explanation, pixels: PixelExplainer) -> bytes | None:
    """Return pictures around the moment, with what counted in them, as PNG; None without any.

    Args:
        explanation: the explanation.
        pixels: explainer of the pilot's encoder.
    """
    moment = explanation.moment
    flight = explanation.flights[moment.moment.flight]
    heads: list[str] = []
    frames: list[tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]] = []
    command = moment.moment.command
    for offset_s in STRIP_S:
        time_s = moment.time_s + offset_s
        if not -1e-9 <= time_s <= flight.time_s[-1] + 1e-9:
            continue
        tick = int(np.abs(flight.time_s - time_s).argmin())
        picture = flight.pictures[tick]
        if picture is not None:
            value = flight.commands[tick, command]
            heads.append(f'{offset_s:+.2f} s: {value:+.2f}' if offset_s else f'now: {value:+.2f}')
            weights = feature_weights(explanation.pilot, flight, tick, command)
            frames.append((picture.astype(np.float32)[None], weights))
    if not frames:
        return None
    shown = [_rgb(frame) for frame, _ in frames]
    rows = [SheetRow('what the\npilot saw', [SheetPicture(rgb) for rgb in shown])]
    for method in STRIP_METHODS:
        maps = [
            overlay(_rgb(frame), pixels.explain(frame, method, weights))
            for frame, weights in frames
        ]
        label = 'what counted:\n' + method.replace('_', '\n')
        rows.append(SheetRow(label, [SheetPicture(rgb) for rgb in maps]))
    title = (
        f'{explanation.pilot.specification.name}, {moment.flight}, {moment.time_s:.2f} s: what '
        f'drove {COMMANDS[command]} ({COMMAND_UNITS[command]}, above each picture)'
    )
    return encode_png(image_sheet(title, heads, rows))


def _rgb(picture: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """Return a preprocessed picture (1, 3, H, W) as (H, W, 3) uint8."""
    levels = 255.0 * np.clip(np.asarray(picture[0], np.float32), 0.0, 1.0)
    return np.ascontiguousarray((levels + 0.5).astype(np.uint8).transpose(1, 2, 0))


_Node = tuple[str, int]


def _places(wiring: Wiring) -> dict[_Node, tuple[float, float]]:
    """Return x and y of the inputs and neurons: a column for each layer."""
    places: dict[_Node, tuple[float, float]] = {
        ('input', i): (0.0, 1.0 - (i + 0.5) / wiring.inputs) for i in range(wiring.inputs)
    }
    for column, role in enumerate(('inter', 'command', 'motor'), start=1):
        members = [i for i in range(wiring.neurons) if wiring.role(i) == role]
        for rank, neuron in enumerate(members):
            # Alternating between two lines, so that synapses within a column can be seen.
            shift = 0.08 * (-1) ** rank if role == 'command' else 0.0
            places['neuron', neuron] = (column + shift, 1.0 - (rank + 0.5) / len(members))
    return places


def _synapses(
    sensory: npt.NDArray[np.float64], between: npt.NDArray[np.float64]
) -> list[tuple[_Node, _Node, float]]:
    """Return source, target and part of the synapses, the strongest first."""
    found = [
        ((kind, int(source)), ('neuron', int(target)), float(parts[source, target]))
        for kind, parts in (('input', sensory), ('neuron', between))
        for source, target in zip(*np.nonzero(parts), strict=True)
    ]
    return sorted(found, key=lambda each: -abs(each[2]))


def _arrow(
    axes: Any, start: tuple[float, float], end: tuple[float, float], part: float, share: float
) -> None:
    axes.annotate(
        '',
        end,
        start,
        arrowprops={
            'arrowstyle': '-|>',
            'color': BLUE if part > 0.0 else VERMILLION,
            'linestyle': '-' if part > 0.0 else (0, (3, 1)),
            'linewidth': 0.6 + 5.0 * share,
            'alpha': 0.35 + 0.6 * share,
            'shrinkA': 7,
            'shrinkB': 9,
            'mutation_scale': 8 + 8 * share,
            'connectionstyle': 'arc3,rad=0.5' if start == end else 'arc3,rad=0.06',
        },
    )


def _draw_nodes(
    axes: Any, core: CorePaths, places: dict[_Node, tuple[float, float]], marked: set[_Node]
) -> None:
    for (kind, number), (x, y) in places.items():
        is_marked = (kind, number) in marked
        face, edge = ('#ffffff', BLACK) if is_marked else ('#f4f5f6', PALE_GREY)
        size = 8 if kind == 'input' else 17
        axes.plot(x, y, 'o', markersize=size, color=face, markeredgecolor=edge, zorder=3)
        colour = BLACK if is_marked else GREY
        if kind == 'input':
            name = core.input_names[number]
            axes.text(x - 0.05, y, name, ha='right', va='center', fontsize=8, color=colour)
        else:
            axes.text(
                x, y, str(number), ha='center', va='center', fontsize=8, color=colour, zorder=4
            )
            if core.wiring.role(number) == 'motor':
                text = core.names[number].removeprefix('motor ')
                axes.text(x + 0.08, y, text, va='center', fontsize=11, color=colour)
    columns = ('inputs', 'inter neurons', 'command neurons', 'motor neurons')
    for column, text in enumerate(columns):
        if column == 0 or any(abs(x - column) < 0.5 for x, _ in places.values()):
            axes.text(column, 1.03, text, ha='center', fontsize=11)
