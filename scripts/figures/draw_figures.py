#!/usr/bin/env python3
"""Draw the SVG figures of docs/explanation/ from the code of the package.

    python scripts/figures/draw_figures.py    # writes the files; about ten seconds

No curve is drawn by hand: neurons are stepped by `LtcDynamics`, the wiring is that of the shipped
pilot, the time constants are those of a mission that it flies meanwhile, and the states of the
guard are compared with its table. For developers: the script is not installed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

import liquid_pilot as lp

sys.path.insert(0, str(Path(__file__).resolve().parent))
from guard_figure import draw_guard_states
from svg_chart import Figure, Panel, line, segments

FOLDER = Path(__file__).resolve().parents[2] / 'docs' / 'images'
PILOT = 'forest-ltc'
SEED = 13
"""Seed of the forest of the mission."""
_FINE_DT_S = 0.005
_STYLES = (('blue', ''), ('purple', '7 4'), ('orange', '2 3'))
"""Colour and dashes of the first, second and third curve: they differ without colour too."""
_ROLES = ('inter', 'command', 'motor')
_ROLE_COLOURS = {'inter': 'grey', 'command': 'purple', 'motor': 'ink'}
_COMMANDS = ('forward', 'left', 'up', 'yaw rate')


def one_neuron(cm: float) -> lp.LtcDynamics:
    """Return a core of one neuron that one input excites.

    Its leak conductance is 1 and pulls to 0; a wide open synapse has a conductance of 3 and pulls
    to 1.

    Args:
        cm: membrane capacitance.
    """
    vectors = {'gleak': 1.0, 'vleak': 0.0, 'cm': cm, 'input_w': 1.0, 'input_b': 0.0}
    vectors |= {'output_w': 1.0, 'output_b': 0.0}
    matrices = {'w': 0.0, 'sigma': 1.0, 'mu': 0.0, 'erev': 0.0}
    matrices |= {'sensory_w': 3.0, 'sensory_sigma': 10.0, 'sensory_mu': 0.5, 'sensory_erev': 1.0}
    tensors = {name: np.array([value], np.float32) for name, value in vectors.items()}
    tensors |= {name: np.array([[value]], np.float32) for name, value in matrices.items()}
    return lp.LtcDynamics(lp.LtcParameters.from_tensors(tensors), unfolds=6)


def respond(
    core: lp.LtcDynamics,
    inputs: np.ndarray,
    dt_s: float,
    log_cm: float = 0.0,
    log_gleak: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Step one neuron through a sequence.

    Args:
        core: the core, see `one_neuron`.
        inputs: (T,) inputs; the first belongs to the state before the first step.
        dt_s: elapsed time of each step, s.
        log_cm: logarithm of the factor on cm.
        log_gleak: logarithm of the factor on gleak.

    Returns:
        (T,) states from 0 on, and (T,) time constants in seconds.
    """
    scales = [np.array([scale], np.float32) for scale in (log_cm, log_gleak)]
    v, states, taus_s = np.zeros(1, np.float32), [], []
    for number, x in enumerate(np.asarray(inputs, np.float32)):
        if number:
            v = core.step(v, x[None], dt_s, *scales)
        states.append(v[0])
        taus_s.append(core.time_constants(v, x[None], *scales)[0])
    return np.array(states), np.array(taus_s)


def pulse(time_s: np.ndarray, start_s: float, end_s: float, height: float) -> np.ndarray:
    """Return an input that is `height` from start to end, and 0 before and after."""
    return np.where((time_s >= start_s) & (time_s < end_s), height, 0.0)


def draw_neuron() -> str:
    """Draw the answer of one neuron to a weak, a medium and a strong input, and its tau."""
    figure = Figure(760, 500, 'Input, state and time constant of one liquid neuron')
    core, time_s = one_neuron(cm=0.3), np.arange(0.0, 2.0 + 1e-9, _FINE_DT_S)
    ticks = (0.0, 0.5, 1.0, 1.5, 2.0)
    boxes = ((64, 44, 600, 124), (64, 168, 600, 288), (64, 332, 600, 452))
    ranges = ((0.0, 1.05), (0.0, 0.8), (0.0, 320.0))
    top, middle, bottom = (
        Panel(figure, box, (0.0, 2.0), y_range) for box, y_range in zip(boxes, ranges, strict=True)
    )
    top.axes(ticks, (0.0, 0.5, 1.0), title='input x')
    middle.axes(ticks, (0.0, 0.4, 0.8), title='state v of the neuron')
    bottom.axes(ticks, (0.0, 100.0, 200.0, 300.0), 'time, s', title='its time constant tau, in ms')
    for height, name, (colour, dash) in zip(
        (0.3, 0.5, 1.0), ('weak', 'medium', 'strong'), _STYLES, strict=True
    ):
        inputs = pulse(time_s, 0.2, 1.0, height)
        states, taus_s = respond(core, inputs, _FINE_DT_S)
        for panel, values in ((top, inputs), (middle, states), (bottom, 1e3 * taus_s)):
            panel.curve(time_s, values, colour, dash=dash)
        during_ms = 1e3 * taus_s[np.searchsorted(time_s, 0.9)]
        x, y = bottom.at(1.0, during_ms)
        figure.text((x + 8, y + 4), f'{name}: {during_ms:.0f} ms', colour)
        figure.text((612, top.at(0.0, height)[1] + 4), f'{name}: {height:g}', colour)
    figure.text(
        (612, bottom.at(0.0, 1e3 * taus_s[-1])[1] + 4), f'at rest: {1e3 * taus_s[-1]:.0f} ms'
    )
    return figure.svg()


def draw_cm_and_gleak() -> str:
    """Draw the answer of one neuron with scaled cm, and with scaled gleak."""
    figure = Figure(760, 300, 'One input, answered with scaled cm and with scaled gleak')
    core, time_s = one_neuron(cm=0.3), np.arange(0.0, 3.0 + 1e-9, _FINE_DT_S)
    inputs = pulse(time_s, 0.2, 1.7, 0.5)
    for left, title, which in (
        (56, 'cm scaled: same end, other speed', 'log_cm'),
        (430, 'gleak scaled: another end, too', 'log_gleak'),
    ):
        panel = Panel(figure, (left, 44, left + 300, 244), (0.0, 3.0), (0.0, 0.8))
        panel.axes((0.0, 1.0, 2.0, 3.0), (0.0, 0.2, 0.4, 0.6, 0.8), 'time, s', title=title)
        for rank, (factor, name) in enumerate(((0.5, 'half'), (1.0, 'as it is'), (2.0, 'twice'))):
            colour, dash = _STYLES[rank]
            states, _ = respond(core, inputs, _FINE_DT_S, **{which: np.log(factor)})
            panel.curve(time_s, states, colour, dash=dash)
            y = 66 + 18 * rank
            figure.path(f'M{left + 206} {y - 4}h28', colour, 2.2, dash)
            figure.text((left + 240, y), name, colour)
    return figure.svg()


def draw_elapsed_time() -> str:
    """Draw a slow neuron at 20 frames/s, and at 5 with true and with fixed elapsed times."""
    figure = Figure(760, 320, 'A slow neuron at 20 and at 5 frames/s')
    core, height = one_neuron(cm=1.2), 0.5
    panel = Panel(figure, (56, 44, 536, 264), (0.0, 6.0), (0.0, 0.65))
    panel.axes(
        range(7), (0.0, 0.2, 0.4, 0.6), 'time, s', title='state v; the input is on from 1 s to 3 s'
    )
    for period_s, dt_s, (colour, dash), words in (
        (0.05, 0.05, ('grey', ''), ('20 frames/s',)),
        (0.2, 0.2, ('blue', '7 4'), ('5 frames/s, stepped by', 'the true 200 ms')),
        (0.2, 0.05, ('orange', '2 3'), ('5 frames/s, stepped by', '50 ms all the same')),
    ):
        time_s = np.arange(0.0, 6.0 + 1e-9, period_s)
        states, _ = respond(core, pulse(time_s, 1.0, 3.0, height), dt_s)
        panel.curve(time_s, states, colour, dash=dash)
        if period_s > 0.1:
            panel.marks(time_s, states, colour)
        y = {'grey': 80, 'blue': 128, 'orange': 194}[colour]
        figure.path(f'M552 {y - 4}h24', colour, 2.2, dash)
        for row, text in enumerate(words):
            figure.text((584, y + 18 * row), text, 'soft' if colour == 'grey' else colour)
    return figure.svg()


def draw_wiring() -> str:
    """Draw neurons and synapses of the shipped pilot, from the inputs to the motor neurons."""
    pilot = lp.load_pilot(PILOT)
    wiring, p = pilot.wiring, pilot.parameters
    assert wiring is not None and p is not None
    features = wiring.inputs - 6
    figure = Figure(760, 560, f'The wiring of {PILOT}')
    columns = {
        role: [n for n in range(wiring.neurons) if wiring.role(n) == role] for role in _ROLES
    }
    places = {('input', i): (150.0, _spread(i, wiring.inputs)) for i in range(wiring.inputs)}
    for x, role in zip((330, 510, 660), _ROLES, strict=True):
        for rank, neuron in enumerate(columns[role]):
            # Between two lines, so that synapses within a column can be seen.
            shift = 9 * (-1) ** rank if role != 'motor' else 0
            places['neuron', neuron] = (x + shift, _spread(rank, len(columns[role])))
    drawn: dict[tuple[str, int], list[str]] = {}
    for kind, weights, reversal, polarity in (
        ('input', p.sensory_w, p.sensory_erev, wiring.sensory_polarity),
        ('neuron', p.w, p.erev, wiring.polarity),
    ):
        for source, target in zip(*np.nonzero(polarity), strict=True):
            # Training may turn a sign, which the reversal potential then shows.
            colour = 'blue' if reversal[source, target] >= 0.0 else 'orange'
            strength = min(int(3.0 * weights[source, target] / weights.max()), 2)
            ends = places[kind, int(source)], places['neuron', int(target)]
            loop = kind == 'neuron' and source == target
            drawn.setdefault((colour, strength), []).append(
                _loop(ends[0]) if loop else segments([ends])
            )
    for (colour, strength), paths in sorted(drawn.items(), key=lambda each: each[0][1]):
        width, opacity = ((0.6, 0.4), (1.3, 0.7), (2.4, 0.95))[strength]
        figure.path(''.join(paths), colour, width, opacity=opacity)
    figure.dots([places['input', i] for i in range(wiring.inputs)], 'soft', 3.0)
    for role in _ROLES:
        figure.dots([places['neuron', n] for n in columns[role]], _ROLE_COLOURS[role], 6.5)
    for neuron in columns['motor']:
        x, y = places['neuron', neuron]
        figure.text((x + 13, y + 4), _COMMANDS[neuron])
    for x, count, name in (
        (150, wiring.inputs, 'inputs'),
        (330, len(columns['inter']), 'inter'),
        (510, len(columns['command']), 'command'),
        (660, len(columns['motor']), 'motor'),
    ):
        figure.text((x, 30), f'{count} {name}', anchor='middle', kind='title')
    for words, first, last in (
        ((f'{features} features', 'of the picture'), 0, features - 1),
        (('turn rate', 'and force (IMU)'), features, wiring.inputs - 1),
    ):
        low, high = places['input', first][1], places['input', last][1]
        figure.path(line([(138, low - 3), (132, low), (132, high), (138, high + 3)]), 'soft', 1.0)
        for row, text in enumerate(words):
            figure.text((124, 0.5 * (low + high) + 16 * row - 3), text, 'soft', 'end')
    for x, colour, words in (
        (60, 'blue', 'excites: pulls to a positive potential'),
        (410, 'orange', 'inhibits: pulls to a negative one'),
    ):
        figure.path(f'M{x} 540h30', colour, 2.4)
        figure.text((x + 38, 544), words, colour)
    return figure.svg()


def _spread(rank: int, count: int) -> float:
    return 48.0 + 472.0 * (rank + 0.5) / count


def _loop(place: tuple[float, float]) -> str:
    """Return the path of a synapse from a neuron to itself."""
    x, y = place
    return f'M{x:.0f} {y - 5:.0f}c14 -16 26 2 6 6'


def fly() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fly one mission with the shipped pilot as it was trained.

    Returns:
        (T,) seconds, (T, N) time constants in seconds, and (T, 4) commands.
    """
    ticks = []
    with lp.Simulation() as simulation:
        pilot = lp.InProcessPilot(lp.load_pilot(PILOT), simulation)

        def keep(command: lp.Command) -> None:
            assert pilot.tick is not None
            ticks.append((command.stamp_ns, pilot.engine.time_constants(pilot.tick), command[1:]))

        result = lp.fly_mission(SEED, simulation, pilot, on_command=keep)
    assert result.outcome == 'success', result
    stamps, taus_s, commands = map(np.array, zip(*ticks, strict=True))
    return (stamps - stamps[0]) / 1e9, taus_s, commands


def draw_flight(flight: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None) -> str:
    """Draw the time constants of all neurons of the shipped pilot along a mission.

    Args:
        flight: what `fly` returns; None: it is flown now.
    """
    time_s, taus_s, commands = fly() if flight is None else flight
    wiring = lp.load_pilot(PILOT).wiring
    assert wiring is not None
    _print_summary(taus_s)
    end_s = float(time_s[-1])
    ticks = tuple(range(int(end_s) + 1))
    figure = Figure(760, 560, f'Time constants of {PILOT} along a mission')
    upper = Panel(figure, (64, 44, 600, 386), (0.0, end_s), (0.1, 3000.0), log_y=True)
    upper.axes(ticks, (0.1, 1, 10, 100, 1000), title='time constant of each neuron, in ms')
    for neuron in range(wiring.neurons):
        role = wiring.role(neuron)
        colour, width = _ROLE_COLOURS[role], {'inter': 1.2, 'command': 1.5, 'motor': 2.2}[role]
        upper.curve(time_s[::2], 1e3 * taus_s[::2, neuron], colour, width)
    upper.curve((0.0, end_s), (50.0, 50.0), 'orange', 1.6, '6 4')
    figure.text((612, upper.at(0.0, 50.0)[1] + 4), 'one frame: 50 ms', 'orange')
    figure.text((612, 120), 'slower: remembers', 'soft')
    figure.text((612, 330), 'faster: follows', 'soft')
    figure.text((612, 348), 'its inputs at once', 'soft')
    for row, role in enumerate(_ROLES):
        figure.path(f'M612 {58 + 18 * row}h22', _ROLE_COLOURS[role], 2.2)
        figure.text((640, 62 + 18 * row), role)
    lower = Panel(figure, (64, 426, 600, 514), (0.0, end_s), (-1.0, 1.0))
    lower.axes(ticks, (-1.0, 0.0, 1.0), 'time, s', title='what it commands')
    for axis, unit, (colour, dash) in ((1, 'm/s', ('blue', '')), (3, 'rad/s', ('orange', '4 3'))):
        lower.curve(time_s, commands[:, axis], colour, 1.8, dash)
        y = 454 + 9 * axis
        figure.path(f'M612 {y - 4}h22', colour, 1.8, dash)
        figure.text((640, y), f'{_COMMANDS[axis]}, {unit}', colour)
    return figure.svg()


def _print_summary(taus_s: np.ndarray) -> None:
    """Print the figures that docs/explanation/liquid_network.md gives of the mission."""
    change = np.sort(taus_s.max(0) / taus_s.min(0))
    slow = int((np.median(taus_s, 0) > 0.05).sum())
    print(
        f'seed {SEED}: time constants {1e3 * taus_s.min():.2f} ms to {taus_s.max():.2f} s; '
        f'{slow} of {taus_s.shape[1]} neurons slower than 50 ms (median); largest change '
        f'{change[-1]:.1f}-fold, median neuron {np.median(change):.1f}-fold'
    )


FIGURES: dict[str, Callable[[], str]] = {
    'liquid/neuron.svg': draw_neuron,
    'liquid/cm_and_gleak.svg': draw_cm_and_gleak,
    'liquid/elapsed_time.svg': draw_elapsed_time,
    'liquid/wiring.svg': draw_wiring,
    'liquid/flight.svg': draw_flight,
    'guard_states.svg': draw_guard_states,
}
"""The files below FOLDER, and the functions that make their text."""


def main() -> int:
    """Write the figures, print what the pages say about the mission, and return the exit code."""
    argparse.ArgumentParser(
        description='Draw the SVG figures of the documentation.', allow_abbrev=False
    ).parse_args()
    for name, draw in FIGURES.items():
        text = draw()
        (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / name).write_text(text)
        print(f'docs/images/{name}: {len(text.encode()) / 1000:.1f} kB')
    return 0


if __name__ == '__main__':
    sys.exit(main())
