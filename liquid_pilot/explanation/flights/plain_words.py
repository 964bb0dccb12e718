"""An explanation in plain words, and the table of the neurons."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from liquid_pilot.explanation.core_paths import CorePaths, input_names
from liquid_pilot.explanation.flights.explanation import (
    COMMAND_UNITS,
    YAW,
    Explanation,
    MomentExplanation,
)
from liquid_pilot.explanation.flights.state_variables import FAR_M, UNITS
from liquid_pilot.explanation.strongest_paths import path_text
from liquid_pilot.onboard.inference.recurrent_cores import IMU_INPUTS
from liquid_pilot.utils.tables import markdown_table

_NAMED = 3
"""Number of inputs, paths and neurons that are named."""
_DONE = (
    ('flew forward', 'flew backward'),
    ('flew to the left', 'flew to the right'),
    ('climbed', 'sank'),
    ('turned left', 'turned right'),
)
_MIN_SHOWN = 0.005
"""Part of a command that two decimals show."""
_TOLD = 0.5
"""Share of a neuron's activity that a tree has to tell in unseen flights to be called a meaning."""


def answer(explanation: Explanation, saliency: npt.NDArray[np.floating] | None = None) -> str:
    """Return why the vehicle did what it did at the moment, in a few lines.

    Args:
        explanation: the explanation.
        saliency: (H, W) map of what drove the command in the picture of the moment, in [0, 1];
            None: the picture is not known.
    """
    moment = explanation.moment
    command = moment.moment.command
    unit = COMMAND_UNITS[command]
    pilot = explanation.pilot.specification
    done = _DONE[command][moment.value < 0.0]
    limit = pilot.limits.maximum[command]
    lines = [
        f'{pilot.name}, {moment.flight}, {moment.time_s:.2f} s: it {done}, '
        f'{moment.value:+.2f} {unit} (limit {limit:g} {unit}).'
    ]
    situation = _situation(moment.variables)
    if situation:
        lines.append(f'  Where it was: {situation}.')
    if moment.decomposition is not None:
        lines += _decomposed(explanation, unit)
    else:
        lines += _differenced(explanation)
    lines.append(_memory(moment))
    if saliency is not None:
        lines.append(f'  In the picture, what counted was {_place(saliency)}.')
    lines += _neurons(explanation, command)
    return '\n'.join(lines)


def neuron_table(explanation: Explanation) -> str:
    """Return the table of the neurons as Markdown, the most important first."""
    command = explanation.moment.moment.command
    unit = COMMAND_UNITS[command]
    count = len(explanation.names)
    order = np.argsort(
        [-float(effect.relative[command]) for effect in explanation.effects[:count]], kind='stable'
    )
    flown = {each.name: each for each in explanation.closed_loop}
    head = [
        'neuron',
        'stands for',
        'told',
        'memory (s)',
        'time constant (s)',
        f'without it ({unit})',
    ]
    if flown:
        head.append('missions without it')

    def row(name: str, effect_number: int, told: Sequence[str]) -> list[str]:
        effect = explanation.effects[effect_number]
        cells = [
            name,
            *told,
            f'{effect.rms_change[command]:.3f} ({100 * effect.relative[command]:.0f} %)',
        ]
        if flown:
            cells.append(_missions(flown.get(name)))
        return cells

    body = []
    for number in order:
        meaning, r2 = '', ''
        if explanation.meanings is not None:
            found = explanation.meanings[number]
            meaning = found.text(UNITS)
            r2 = '' if math.isnan(found.r2) else f'{found.r2:.2f}'
        scale = explanation.scales[number]
        tau = '' if math.isnan(scale.tau_s[1]) else ' / '.join(f'{t:.3g}' for t in scale.tau_s)
        memory = '' if math.isnan(scale.memory_s) else f'{scale.memory_s:.2f}'
        body.append(row(explanation.names[number], number, [meaning, r2, memory, tau]))
    for number in range(count, len(explanation.effects)):
        body.append(row(explanation.effects[number].name, number, ['(synapses, cut)', '', '', '']))
    lines = [
        f'# Neurons of {explanation.pilot.specification.name}',
        '',
        f'Over {_flights(explanation)}. *Told*: share of the variance of the neuron that a '
        'decision tree of depth 4 tells in flights that it has not seen (1: all; 0 or less: '
        'nothing, and what it stands for is then not worth reading). *Memory*: lag at which its '
        'autocorrelation falls to 1/e. *Time constant*: 5, 50 and 95 % quantiles. *Without it*: '
        'root mean square change of the command when the neuron is held at its mean, on the same '
        'inputs, and the same in standard deviations of the command.',
        '',
        markdown_table(head, body),
    ]
    if explanation.disentanglement is not None:
        d = explanation.disentanglement
        lines += [
            '',
            'How far the neurons keep to themselves (arXiv:2210.06650; best is in brackets): '
            f'variance left within leaves {d.response_variance:.2f} (0), mutual information gap '
            f'{d.mutual_information_gap:.2f} (1), modularity {d.modularity:.2f} (1), leaf told '
            f'from the activity {d.path_accuracy:.2f} (1), conflicts between neurons '
            f'{d.conflict:.2f} (0).',
        ]
    return '\n'.join([*lines, *(f'\n{note}' for note in explanation.notes)]) + '\n'


def _decomposed(explanation: Explanation, unit: str) -> list[str]:
    """Return the lines about the decomposition of a liquid core's command."""
    moment = explanation.moment
    decomposition, parts = moment.decomposition, moment.parts
    if decomposition is None or parts is None:
        return []
    command, core = moment.moment.command, CorePaths(explanation.pilot)
    by_input = decomposition.from_inputs[:, command].sum(axis=0)
    picture, imu = by_input[:-IMU_INPUTS], by_input[-IMU_INPUTS:]
    reference = decomposition.reference_command[command]
    change = decomposition.change[command]
    lines = [
        f'  Before a steady average view it would do {reference:+.2f} {unit}. The difference of '
        f'{change:+.2f} came from',
        f'    the picture        {picture.sum():+.2f}{_most_of(core.input_names, picture)}',
        f'    the IMU            {imu.sum():+.2f}{_most_of(core.input_names[-IMU_INPUTS:], imu)}',
    ]
    if abs(parts.remembered) >= _MIN_SHOWN:
        lines.append(f'    longer ago         {parts.remembered:+.2f}')
    alike = [path for path in parts.paths if path.part * change > 0.0][:_NAMED]
    lines.append('  Strongest paths that way:')
    lines += [f'    {path.part:+.3f}  {path_text(core, path)}' for path in alike]
    against = [path for path in parts.paths if path.part * change < 0.0][:1]
    lines += [f'    {path.part:+.3f}  {path_text(core, path)} (against it)' for path in against]
    return lines


def _differenced(explanation: Explanation) -> list[str]:
    """Return the lines about a core whose equations are not decomposed."""
    moment = explanation.moment
    names = input_names(explanation.pilot.specification.features)
    kind = explanation.pilot.specification.core_kind
    has_synapses = explanation.pilot.wiring is not None
    return [
        f'  The paths through its core ({kind}) are not followed: only those of an ltc are.'
        if has_synapses
        else f'  Its core ({kind}) has no paths of synapses to follow.',
        f'  The inputs that it depended on most: {_most(names, moment.by_input)} (change of the '
        'command for a change of the input by one).',
    ]


def _memory(moment: MomentExplanation) -> str:
    found = moment.memory
    span = f'the last {found.span_s:.2f} s' if found.span_s else 'this frame'
    text = f'  It looks back: 95 % of what the command depends on lies within {span}'
    if not found.complete:
        text += ' (at least: the flight or the window is not longer)'
    return f'{text}; on average it is {found.mean_age_s:.2f} s old.'


def _neurons(explanation: Explanation, command: int) -> list[str]:
    """Return the lines about the neurons that matter most, without the motor neuron itself."""
    ranked = sorted(
        range(len(explanation.names)),
        key=lambda i: -float(explanation.effects[i].relative[command]),
    )
    chosen = [i for i in ranked if not explanation.names[i].startswith('motor')][:_NAMED]
    what = 'turns' if command == YAW else 'it'
    lines = [f'  Over {_flights(explanation)} the neurons that {what} hang on most:']
    for i in chosen:
        effect = explanation.effects[i]
        text = (
            f'    {explanation.names[i]}: without it the command changes by '
            f'{100 * effect.relative[command]:.0f} % of its spread'
        )
        if explanation.meanings is not None:
            meaning = explanation.meanings[i]
            told = '' if math.isnan(meaning.r2) else f'{100 * max(0.0, meaning.r2):.0f} %'
            if meaning.r2 >= _TOLD:
                text += f'; {meaning.text(UNITS)} (a tree tells {told} of it)'
            else:
                text += f'; what it stands for is not clear (a tree tells {told} of it)'
        lines.append(text)
    return lines


def _situation(variables: dict[str, float]) -> str:
    """Return where target and obstacle were, as far as it is known."""
    texts = []
    on_road = 'offset from the road' in variables
    for what, name in (('target', 'target'), ('nearest obstacle ahead', 'obstacle')):
        distance = variables.get(f'{name} distance')
        bearing = variables.get(f'{name} bearing')
        # The obstacles of a road stand beside it, and its target is its end.
        if distance is None or bearing is None or (name == 'obstacle' and distance >= FAR_M):
            continue
        if on_road:
            if name == 'target':
                texts.append(f'the road ahead {_side(bearing)}')
            continue
        texts.append(f'{what} {_side(bearing)}, {distance:.1f} m away')
    if on_road:
        offset = variables['offset from the road']
        side = 'left' if offset > 0.0 else 'right'
        texts.append(f'{abs(offset):.2f} m to the {side} of the middle of the road')
    return '; '.join(texts)


def _side(bearing_rad: float) -> str:
    side = 'left' if bearing_rad > 0.0 else 'right'
    return f'{abs(math.degrees(bearing_rad)):.0f} degrees to the {side}'


def _place(saliency: npt.NDArray[np.floating]) -> str:
    """Return in which third of the picture most of the saliency is, and its share."""
    columns = np.asarray(saliency, np.float64).sum(axis=0)
    thirds = [part.sum() for part in np.array_split(columns, 3)]
    whole = sum(thirds)
    if whole <= 0.0:
        return 'nowhere in particular'
    best = int(np.argmax(thirds))
    name = ('the left third', 'the middle third', 'the right third')[best]
    return f'most in {name} ({100 * thirds[best] / whole:.0f} % of the map)'


def _most(names: Sequence[str], values: npt.NDArray[np.floating]) -> str:
    order = np.argsort(-np.abs(values), kind='stable')[:_NAMED]
    return ', '.join(f'{names[i]} {values[i]:+.2f}' for i in order)


def _most_of(names: Sequence[str], values: npt.NDArray[np.floating]) -> str:
    """Return the largest values in brackets; empty where none would be more than a zero."""
    if np.abs(values).max() < _MIN_SHOWN:
        return ''
    return f'  (most: {_most(names, values)})'


def _flights(explanation: Explanation) -> str:
    count = len(explanation.flights)
    seconds = sum(float(flight.time_s[-1]) for flight in explanation.flights)
    return f'{count} flight{"s" if count > 1 else ""} ({seconds:.0f} s)'


def _missions(flown: object) -> str:
    successes, outcomes = getattr(flown, 'successes', None), getattr(flown, 'outcomes', {})
    return '' if successes is None else f'{successes} of {len(outcomes)}'
