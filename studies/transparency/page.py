"""The page of the transparency study and its picture, from its figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from liquid_pilot.explanation.flights.saliency_frames import RANDOM
from liquid_pilot.utils.tables import markdown_table
from studies.figures import encode_figure
from studies.page_text import wrap_paragraphs
from studies.transparency.report import FEATURES, SANE, STABLE, TOLD, YAW, kinds, named
from studies.transparency.study import ENCODER, Study

PICTURE = 'transparency.png'
NOTHING = '-'


def markdown(study: Study, content: dict[str, Any]) -> str:
    """Return the text of the page.

    Args:
        study: the study.
        content: its figures, as `report.summarise` returns them.
    """
    parts = [f'{wrap_paragraphs(_introduction(study, content))}\n', study.files.remarks()]
    parts.append(f'{wrap_paragraphs(_method(study, content))}\n')
    parts += _maps(study, content)
    parts += _cores(study, content)
    parts += _neurons(study, content)
    parts += _kept(study, content)
    if pictures(content):
        parts.append(
            f'![Left: saliency on the target by method and arm. Right: how much of each neuron a '
            f'tree tells.]({PICTURE})\n'
        )
    parts.append(
        """## To do it again

The pilots are those of the [robustness study](../robustness/README.md), in commit `1f94df6`:

    mkdir -p runs && git archive 1f94df6 benchmarks/robustness/pilots \\
        | tar -x -C runs --strip-components=1   # needs the history
    python studies/transparency/run.py          # needs some hours; can be stopped and resumed
    python studies/transparency/run.py page     # needs those results; writes their page again
"""
    )
    return '\n'.join(part for part in parts if part)


def _introduction(study: Study, content: dict[str, Any]) -> str:
    missing = content['missing']
    names = {
        'flights': 'flights of the expert',
        'maps': 'forests of the maps',
        'neurons': 'networks whose neurons are to be explained',
        'kept': 'pilots whose neurons are to be silenced',
    }
    left = [f'{count} {names[part]}' for part, count in missing.items() if count]
    state = 'All of the plan is done.'
    if left:
        state = (
            f'**Unfinished: still missing are {", ".join(left)}.** The figures are of what there '
            'is, and a dash stands where there is nothing yet.'
        )
    return f"""# Transparency: what the maps and the neurons tell, and what they do not

Liquid networks are said to be transparent. Here that can be false: saliency maps are scored against
what the simulator knows to be in the picture, against chance and against a network with shuffled
weights, and neurons against what a small tree can tell of them and against silencing them. The same
is done for five other cores behind the same encoders. {state}"""


def _method(study: Study, content: dict[str, Any]) -> str:
    maps, kept = study.plan['maps'], study.plan['kept']
    return f"""## How it was measured

The plan, [study.yaml](study.yaml), was written before the first scored flight. The expert flies
{content['forests']} forests that nothing else uses, in clear weather. Every core is stepped with
what its encoder sees meanwhile, so all are scored on the same frames: two of each flight, and one
of them for all that needs many maps. The cores of a training seed share one encoder, so a map of
all its features is the same for all of them (column `{ENCODER}`). Only a map of a command can
differ: each feature is weighted by the derivative of the yaw rate by it, held over the last second.
`forest-ltc` is the shipped pilot, with an encoder of its own.

Intervals of 95 % come from {study.plan['intervals']['resamples']} resamples of the training seeds
and then of the forests of each; of `forest-ltc`, which has one training, of the forests. **Bold**
figures are those for which the claim above the table holds, by the whole interval. Three training
seeds are few. [results.json](results.json) has the intervals. The random map draws each pixel; the
centre map is a Gaussian with a deviation of {maps['centre_deviation']:g} of the picture's sides.
Neurons are silenced by holding them at their mean of {study.plan['seeds']['tuning_forests']} other
flights; {kept['forests']} forests of each training seed are flown with them, and
{kept['shipped_forests']} by `forest-ltc`."""


def _columns(study: Study) -> list[tuple[str, str]]:
    """Return the title and the key of each column of the tables of the maps."""
    found = [(f'{arm}', f'{arm}, {YAW}') for arm in study.arms]
    rest = [kind for kind in kinds(study) if kind.endswith(FEATURES)]
    for kind in rest:
        arm = kind.partition(',')[0]
        found.append((arm if arm == ENCODER else f'{arm}, features', kind))
    return found


def _maps(study: Study, content: dict[str, Any]) -> list[str]:
    masks = content['masks']

    def percent(name: str) -> str:
        figure = masks.get(name)
        return NOTHING if figure is None else f'{100 * figure[0]:.1f} %'

    def table(cell: Callable[[dict[str, Any]], str], claim: str, random: bool = False) -> str:
        columns = _columns(study)
        rows = []
        for method in ([RANDOM] if random else []) + study.methods:
            row = [method]
            for _, kind in columns:
                key = f'{kind}, {method}'
                text = cell(named(content['maps'][key]) if key in content['maps'] else {})
                holds = claim in content['claims'].get(key, [])
                row.append(f'**{text}**' if holds and text != NOTHING else text)
            rows.append(row)
        return markdown_table(['method', *(title for title, _ in columns)], rows) + '\n'

    def share(name: str) -> Callable[[dict[str, Any]], str]:
        return lambda row: _text(row, f'{name} share', 100, 1)

    def pair(first: str, other: str) -> Callable[[dict[str, Any]], str]:
        return lambda row: (
            f'{_text(row, first, 1, 2)} / {_text(row, other, 1, 2)}' if first in row else NOTHING
        )

    return [
        '## The maps\n',
        '### Do they lie on the target?\n',
        wrap_paragraphs(
            f'Share of the saliency on the target, in percent. The target takes '
            f'{percent("target area")} of the picture, and the centre map has '
            f'{percent("target centre")} on it. The claim: more than both.'
        )
        + '\n',
        table(share('target'), 'target', True),
        wrap_paragraphs(
            'Pointing: share of the frames in which the brightest pixel is on the target, at most '
            f'a pixel beside it, in percent. A random pixel is in {percent("target chance")}, the '
            f'middle of the picture in {percent("target centre hit")}.'
        )
        + '\n',
        table(lambda row: _text(row, 'target hit', 100, 0), ''),
        '### Do they lie on the trunks nearest to the path?\n',
        wrap_paragraphs(
            f'Share of the saliency on the trunks, in percent; they take {percent("trunks area")} '
            f'of the picture, the centre map has {percent("trunks centre")} on them. The '
            f'claim: more than both.'
        )
        + '\n',
        table(share('trunks'), 'trunks', True),
        wrap_paragraphs(
            'Where else they lie: share of the saliency on the sky, in percent, without a claim. '
            f'The sky takes {percent("sky area")} of the picture.'
        )
        + '\n',
        table(share('sky'), '', True),
        '### Are they faithful?\n',
        wrap_paragraphs(
            'Area under the curve when the brightest pixels are blurred first (deletion, less is '
            'better) / put in first (insertion, more is better). The claim: both better than in a '
            'random order.'
        )
        + '\n',
        table(pair('deletion', 'insertion'), 'faithful', True),
        '### Do they depend on the weights?\n',
        wrap_paragraphs(
            'Rank correlation / structural similarity of the maps before and after all weights of '
            f'the encoder are shuffled. The claim: both below {SANE:g}. A map that stays alike '
            f'shows the picture, not the network.{_shuffled(content)}'
        )
        + '\n',
        table(pair('sanity rank', 'sanity ssim'), 'sane'),
        '### Are they stable?\n',
        wrap_paragraphs(
            'Structural similarity to the map of the picture with noise (standard deviation '
            f'{study.plan["maps"]["noise"]["deviation"]:g} of the brightness). The claim: above '
            f'{STABLE:g}.'
        )
        + '\n',
        table(lambda row: _text(row, 'stability', 1, 2), 'stable'),
    ]


def _shuffled(content: dict[str, Any]) -> str:
    """Return a sentence about the maps of the shuffled encoders on the target."""
    shares = [
        100 * row['target shuffled'][0]
        for row in map(named, content['maps'].values())
        if 'target shuffled' in row
    ]
    if not shares:
        return ''
    return (
        f' With shuffled weights {min(shares):.1f} to {max(shares):.1f} % of the saliency are on '
        'the target, by method and arm.'
    )


def _cores(study: Study, content: dict[str, Any]) -> list[str]:
    if not content['cores']:
        return []
    plan = study.plan['claims']['cores']
    tests = {(test['other'], test['score']): test for test in content['cores']}
    rows = []
    for score in plan['scores']:
        row = [score]
        for other in study.cores[1:]:
            test = tests.get((other, score))
            if test is None:
                row.append(NOTHING)
                continue
            middle, low, high = test['difference']
            star = '*' if test['p_holm'] < 0.05 else ''
            row.append(f'{middle:+.3f}{star} ({low:+.3f} to {high:+.3f})')
        rows.append(row)
    text = (
        f'Score of each core minus that of {study.cores[0]}, of the maps of the yaw rate by '
        f"`{plan['method']}`, with 95 % intervals. A star marks a difference after Holm's "
        f'correction for all {len(content["cores"])} comparisons.'
    )
    head = ['score', *study.cores[1:]]
    return [
        '## Liquid cores against others\n',
        wrap_paragraphs(text) + '\n',
        markdown_table(head, rows) + '\n',
    ]


def _neurons(study: Study, content: dict[str, Any]) -> list[str]:
    plan = study.plan['neurons']
    rows = []
    for arm in content['neurons']:
        known = [pilot for pilot in arm['pilots'] if pilot['mean_r2'] is not None]
        name = arm['arm'] if arm['arm'] != plan['control'] else f'({arm["arm"]})'
        if not known:
            rows.append([name, *[NOTHING] * 7])
            continue
        rows.append(
            [
                name,
                _range([pilot['neurons'] for pilot in known], 1, 0),
                _range([pilot['mean_r2'] for pilot in known], 1, 2),
                _range([pilot['told'] for pilot in known], 100, 0),
                *(
                    _range([pilot[part][measure] for pilot in known], 1, digits)
                    for part, measure, digits in (
                        ('subset', 'mutual_information_gap', 3),
                        ('subset', 'modularity', 2),
                        ('subset', 'conflict', 3),
                        ('disentanglement', 'path_accuracy', 2),
                    )
                ),
            ]
        )
    text = (
        f'A tree of depth {plan["depth"]} of the variables of the simulator (distances, bearings, '
        'speeds) is fitted to the activity of each neuron. Its R2 is of flights that it has not '
        f'seen. A neuron counts as told from {TOLD:g} on. The gap of mutual information, '
        'modularity and conflict ([arXiv 2210.06650](https://arxiv.org/abs/2210.06650)) depend on '
        'how many neurons there are, so they are means over random subsets of '
        f'{plan["subset"]["neurons"]}. A gap below 0 means that another neuron knows more about '
        'what a neuron stands for than it does. Each figure is the mean of the training seeds, '
        'with the lowest and the highest. The features '
        'of the encoder are no neurons: they show what the task alone gives.'
    )
    head = [
        'core',
        'neurons',
        'R2',
        'told, %',
        'gap',
        'modularity',
        'conflict',
        'leaf told by neuron',
    ]
    return [
        '## What the neurons stand for\n',
        wrap_paragraphs(text) + '\n',
        markdown_table(head, rows) + '\n',
    ]


def _kept(study: Study, content: dict[str, Any]) -> list[str]:
    rows = []
    for arm in content['kept']:
        done = [pilot for pilot in arm['pilots'] if pilot['needed'] is not None]
        neurons = [pilot['neurons'] for pilot in arm['pilots'] if pilot['neurons']]
        whole = [
            pilot['flown'][str(pilot['neurons'])]
            for pilot in arm['pilots']
            if pilot['neurons'] and str(pilot['neurons']) in pilot['flown']
        ]
        needed = ', '.join(
            NOTHING if pilot['needed'] is None else str(pilot['needed']) for pilot in arm['pilots']
        )
        shares = [100 * pilot['needed'] / pilot['neurons'] for pilot in done]
        rows.append(
            [
                arm['arm'],
                _range(neurons, 1, 0) if neurons else NOTHING,
                f'{sum(won for won, _ in whole)} of {sum(all_ for _, all_ in whole)}'
                if whole
                else NOTHING,
                needed,
                f'{np.mean(shares):.0f}' if shares else NOTHING,
            ]
        )
    kept = study.plan['kept']
    text = (
        f'The smallest number of neurons with which a pilot flies {100 * kept["share"]:.0f} % of '
        'the missions that it flies whole, for each training seed; all others are held at their '
        'means. Neurons are kept in the order of their effect on recorded inputs, and the number '
        f'is found by bisection. With {kept["forests"]} missions none may be lost, and a pilot '
        f'that loses none may still lose {100 * (1 - 0.05 ** (1 / kept["forests"])):.0f} % of all '
        'missions (95 % bound).'
    )
    head = ['core', 'neurons', 'missions won whole', 'needed', 'share needed, %']
    return [
        '## How many neurons are needed\n',
        wrap_paragraphs(text) + '\n',
        markdown_table(head, rows) + '\n',
    ]


def _text(row: dict[str, Any], score: str, factor: float, digits: int) -> str:
    figure = row.get(score)
    return NOTHING if figure is None else f'{factor * figure[0]:.{digits}f}'


def _range(values: list[float | None], factor: float, digits: int) -> str:
    known = [factor * value for value in values if value is not None]
    if not known:
        return NOTHING
    text = f'{np.mean(known):.{digits}f}'
    if len(known) > 1 and min(known) < max(known):
        text += f' ({min(known):.{digits}f} to {max(known):.{digits}f})'
    return text


def pictures(content: dict[str, Any]) -> dict[str, bytes]:
    """Return the PNG files of the page by name: shares on the target, and R2 of the neurons."""
    from matplotlib.figure import Figure

    arms = [arm for arm in content['neurons'] if arm['pilots']]
    kinds_of_maps = [f'{arm["arm"]}, {YAW}' for arm in arms]
    rows = {row: named(figures) for row, figures in content['maps'].items()}
    methods = list(dict.fromkeys(row.rpartition(', ')[2] for row in content['maps']))
    if not methods:
        return {}
    figure = Figure(figsize=(9.0, 3.4), dpi=100, layout='constrained')
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    shown = [kind for kind in kinds_of_maps if f'{kind}, {methods[0]}' in content['maps']]
    for number, kind in enumerate(shown):
        figures = [rows.get(f'{kind}, {method}', {}).get('target share') for method in methods]
        at = [place for place, value in enumerate(figures) if value is not None]
        values = 100.0 * np.array([figures[place] for place in at])
        left.errorbar(
            np.array(at) + 0.11 * (number - (len(shown) - 1) / 2),
            values[:, 0],
            np.maximum(np.abs(values[:, 1:] - values[:, :1]).T, 0.0),
            fmt='osv^D<>'[number % 7],
            markersize=4,
            linewidth=1,
            label=kind.partition(',')[0],
        )
    for name, style in (('target area', ':'), ('target centre', '--')):
        value = content['masks'].get(name)
        if value is not None:
            label = 'area of the target' if name.endswith('area') else 'centre map'
            left.axhline(100.0 * value[0], color='black', linestyle=style, linewidth=1, label=label)
    left.set_xticks(range(len(methods)), [name.replace('_', '\n') for name in methods], fontsize=7)
    left.set_ylim(bottom=0.0)
    left.set_title('Saliency of the yaw rate on the target, %', fontsize=9)
    left.legend(fontsize=6, ncols=2, loc='upper right')
    for number, arm in enumerate(arms):
        values = [value for pilot in arm['pilots'] for value in pilot.get('r2', [])]
        spread = np.random.default_rng(0).uniform(-0.25, 0.25, len(values))
        right.scatter(number + spread, np.maximum(values, -0.2), s=4, color='tab:blue')
        if values:
            right.hlines(np.median(values), number - 0.35, number + 0.35, color='black')
    right.set_xticks(
        range(len(arms)), [arm['arm'] for arm in arms], rotation=35, ha='right', fontsize=7
    )
    right.set_ylim(-0.25, 1.0)
    right.set_title('Held-out R2 of a tree for each neuron', fontsize=9)
    return {PICTURE: encode_figure(figure)}
