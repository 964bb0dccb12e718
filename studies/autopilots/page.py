"""The page of the autopilots study, from its figures."""

from __future__ import annotations

from typing import Any

from liquid_pilot.utils.tables import markdown_table
from studies.autopilots.report import ESTIMATE_S, TRIAL_FIGURES, picture_name
from studies.autopilots.study import Study
from studies.page_text import wrap_paragraphs

_NAMES = {'copter': 'ArduCopter', 'px4': 'PX4', 'rover': 'ArduRover'}
_PICTURES = {
    'paths': 'Paths of the first whole run of some arms',
    'camera': 'What the camera saw in it',
}
_SET_MESSAGE_INTERVAL = 511


def markdown(study: Study, content: dict[str, Any]) -> str:
    """Return the text of the page.

    Args:
        study: the study.
        content: its figures, as `report.summarise` returns them.
    """
    arms = content['arms']
    missing = {arm['name']: arm['planned'] - arm['flown'] for arm in arms}
    left = ', '.join(f'{count} of {name}' for name, count in missing.items() if count)
    trials = {row['group']: 0 for row in content['failures']}
    for row in content['failures']:
        trials[row['group']] += row['trials']
    left_trials = ', '.join(
        f'{planned - trials.get(name, 0)} of {name}'
        for name, planned in content['failures_planned'].items()
        if planned > trials.get(name, 0)
    )
    state = 'All missions are flown.' if not left else f'**Not flown yet: missions {left}.**'
    if left_trials:
        state += f' **Not done yet: trials {left_trials}.**'
    introduction = f"""# Autopilots: the shipped pilots fly real autopilots in simulation

Do the shipped pilots fly the courses of the embedded simulator when ArduPilot or PX4 flies the
vehicle, each in its own simulation (SITL), and what happens when something dies on the way? No real
vehicle was flown. {state}"""
    parts = [f'{wrap_paragraphs(introduction)}\n', study.files.remarks()]
    parts.append(f'## Missions\n\n{_missions(content)}')
    parts.append(f'## Latency and load\n\n{_latencies(arms)}')
    parts.append(f'## Who armed and took off\n\n{_arming(arms)}')
    parts.append(f'## When something dies\n\n{_failures(study, content)}')
    shown = ', '.join(study.plan['pictures'])
    for name, words in _PICTURES.items():
        if (study.files.out / picture_name(name)).is_file():
            parts.append(f'![{words} ({shown})]({picture_name(name)})\n')
    parts.append(_method(study, content))
    return '\n'.join(parts)


def _missions(content: dict[str, Any]) -> str:
    """Return the table of the missions, what did not succeed, and how steady estimates were."""
    rows = []
    for arm in content['arms']:
        if not arm['flown']:
            continue
        paired, embedded = arm['paired'], arm['embedded']
        rows.append(
            [
                arm['name'],
                f'{_NAMES[arm["vehicle"]]}, `{arm["adapter"]}`',
                'true pose' if arm['truth'] else 'estimate',
                _share(arm),
                f'{100 * arm["target"]:.0f} %',
                _share(embedded),
                f'{paired["only_first"]} / {paired["only_other"]} (p = {paired["p"]:.2f})'
                if paired
                else '-',
                _two([arm['mean_success_s'], embedded['mean_success_s']]),
            ]
        )
    table = markdown_table(
        [
            'arm',
            'autopilot and adapter',
            'drawn from',
            'succeeded (95 %)',
            'target',
            'embedded simulator',
            'only this / only embedded',
            'mean duration, s',
        ],
        rows,
    )
    notes = []
    for arm in content['arms']:
        for flight in arm['not_succeeded']:
            notes.append(
                f'- {arm["name"]}, seed {flight["seed"]}: {flight["outcome"]} ({flight["reason"]})'
            )
        for flight in arm['late']:
            notes.append(
                f'- {arm["name"]}, seed {flight["seed"]}: the machine was late '
                f'({flight["reason"]}); flown again'
            )
        for run in arm['void_runs']:
            notes.append(
                f'- {arm["name"]}: a run of {run["missions"]} missions, {run["successes"]} of them '
                f'successes, does not count, and was flown again: {run["reason"]}'
            )
    listed = 'Missions that did not succeed, and those that were flown again:\n\n' if notes else ''
    text = (
        'The same seeds flew in the embedded simulator in lock-step, where nothing is late and '
        'nobody else controls the attitude. Intervals are 95 % (Wilson). *Drawn from*: the pose '
        'from which the scene was drawn. The column before the last counts '
        "seeds on which only one of the two succeeded, with the p-value of McNemar's exact test."
    )
    estimates = ', '.join(
        f'{value:g} m with {_NAMES[name]}' for name, value in content['estimates'].items()
    )
    if estimates:
        estimates = (
            f'How far the position that an autopilot reports moves in {ESTIMATE_S:g} s apart from '
            'what the velocity that it reports says (root mean square of each axis, over the '
            f'trials below): {estimates}. The scene is drawn at this position, but for the arms '
            'with the true pose.'
        )
        estimates = f'\n{wrap_paragraphs(estimates)}\n'
    lines = ''.join(f'{note}\n' for note in notes)
    return f'{wrap_paragraphs(text)}\n\n{table}\n\n{listed}{lines}{estimates}'


def _latencies(arms: list[dict[str, Any]]) -> str:
    rows = [
        [
            arm['name'],
            _two(arm['guard_latency_ms']),
            _two(arm['link_latency_ms']),
            _two(arm['odometry_age_ms']),
            f'{_figure(arm["odometry_hz"])} / {_figure(arm["camera_hz"])}',
            _figure(arm['longest_silence_s']),
            _figure(arm['max_load']),
        ]
        for arm in arms
        if arm['flown']
    ]
    text = (
        'From the stamp of a frame to the setpoint: as the guard reports it on /diagnostics '
        '(`frame_to_vehicle`), and at the socket of the autopilot, where the relay of the study '
        'sees the setpoint. Each is the median over the runs of the 50th / 99th percentile of a '
        'run, in ms. The age of the odometry is that at the instant of drawing. The longest '
        "silence is that of the autopilot's position on the human's link."
    )
    header = [
        'arm',
        'guard, ms',
        'link, ms',
        'age of the odometry, ms',
        'odometry / camera, Hz',
        'longest silence, s',
        'highest load of the computer (2 cores)',
    ]
    return f'{wrap_paragraphs(text)}\n\n{markdown_table(header, rows)}\n'


def _arming(arms: list[dict[str, Any]]) -> str:
    rows = []
    for arm in arms:
        if not arm['flown']:
            continue
        # Over uXRCE-DDS the relay does not read what passes.
        over_dds = arm['adapter'] == 'px4'
        others = sum(n for name, n in arm['commands'].items() if int(name) != _SET_MESSAGE_INTERVAL)
        modes = arm['messages'].get('11', 0)
        sent = 'not read' if over_dds else f'{others} / {modes}'
        rows.append(
            [
                arm['name'],
                f'{arm["armed"]} / {arm["armed_alone"]}',
                f'{arm["took_off"]} / {arm["took_off_alone"]}',
                sent,
            ]
        )
    text = (
        "From the autopilot's own reports on the human's link: how often it was armed and took "
        'off, and how often without the human having asked for it in the two minutes before. The '
        "last column is from the guard's link: commands from the guard that are not requests for "
        'message rates (SET_MESSAGE_INTERVAL), and changes of mode (SET_MODE).'
    )
    header = ['arm', 'armed / alone', 'took off / alone', "guard's commands / modes"]
    return f'{wrap_paragraphs(text)}\n\n{markdown_table(header, rows)}\n'


def _failures(study: Study, content: dict[str, Any]) -> str:
    plan = study.plan['failures']
    parts = []
    for name, group in study.groups.items():
        rows = [
            [
                row['fault'].replace('_', ' '),
                *(
                    '-' if row['fault'] == 'autopilot_rebooted' else _each(row[name])
                    for name in TRIAL_FIGURES
                ),
                ', '.join(sorted(set(row['mode']))) or '-',
                _reported(row),
            ]
            for row in content['failures']
            if row['group'] == name
        ]
        if rows:
            settings = ', '.join(f'{key} {value:g}' for key, value in group.parameters.items())
            head = f'### {_NAMES[group.vehicle]}, `{group.adapter}`'
            header = [
                'what',
                'slows after, s',
                'stops after, s',
                'drift, m',
                'climb, m',
                'ends in',
                'the guard reports',
            ]
            parts.append(f'{head}: {settings or "defaults"}\n\n{markdown_table(header, rows)}\n')
    text = (
        f'From steady flight ahead at {plan["speed_m_s"]:g} m/s. Measured by the position and '
        "velocity that the autopilot reports on the human's link; one number for each repeat. "
        f'*Slows*: the speed is below half of that before; *stops*: below {plan["stopped_m_s"]:g} '
        f'm/s for a second; *drift*: from the fault to the stop, or in {plan["drift_s"]:g} s where '
        f'there is none (a dash) within {plan["watch_s"]:g} s. After a restart in the air the '
        'simulated vehicle stands at its first place again; the last column says when the guard '
        'had odometry again. PX4 refuses to restart in the air (result 2), and flies on.'
    )
    return f'{wrap_paragraphs(text)}\n\n' + '\n'.join(parts)


def _reported(row: dict[str, Any]) -> str:
    if row['fault'] == 'autopilot_rebooted':
        back = _each(row['back_s'])
        again = ', armed' if any(row['armed']) else ', not armed'
        refused = [answer for answer in row['answer_to_reboot'] if answer not in (None, 0)]
        return f'refused ({refused[0]})' if refused else f'odometry again after {back} s{again}'
    texts = [text.replace('|', '/') for text in row['said'][:1]]
    return texts[0][:160] if texts else 'nothing'


def _method(study: Study, content: dict[str, Any]) -> str:
    plan = study.plan
    versions = sorted(
        {
            f'{_NAMES[arm["vehicle"]]} {version}'
            for arm in content['arms']
            for version in arm['autopilot']
        }
    )
    dates = sorted({date for arm in content['arms'] for date in arm['dates']})
    seeds = ' or '.join(sorted({f'{arm["first_seed"]:,}' for arm in content['arms']}))
    takeoff, late = f'{plan["takeoff_m"]:g}', f'{plan["late"]["odometry_age_s"]:g}'
    text = f"""## How it was measured

The plan, [study.yaml](study.yaml), was written before the first of these flights, and says what was
changed later and why. Seeds begin with {seeds}, and were
used for nothing before. The missions are flown by
`liquid-pilot fly --simulator scene --engage` with the shipped pilots and the defaults of the
package, in runs of {plan['block']} missions: the autopilot flies the vehicle in its own simulation,
and the scene draws the forest or the road around it. A program that plays the human arms, takes off
to {takeoff} m and changes modes over a MAVLink link of its own; parameters that it sets are in the
plan. Autopilot and guard are joined by a relay on the loopback, which counts what passes, and cuts
a direction for the trials. An aborted mission is flown again once when the machine was late (no
odometry for {late} s); all others count, and an aborted one counts as not succeeded.

Flown on {' and '.join(dates) or '-'}, on two cores that other programs used too. Autopilots, as
they name themselves: {', '.join(versions) or '-'}. [results.json](results.json) has every figure.

To do an arm or a group again, with an autopilot that runs on this computer and sends MAVLink to the
ports 14550 (for the guard) and 14551 (for the human):"""
    return f"""{wrap_paragraphs(text)}

    python studies/autopilots/run.py fly --only copter_velocity \\
        --guard-port 14550 --human-link udpin:127.0.0.1:14551   # needs an autopilot
    python studies/autopilots/run.py failures --only copter_velocity_05 \\
        --guard-port 14550 --human-link udpin:127.0.0.1:14551   # needs an autopilot
    python studies/autopilots/run.py embedded report            # needs an hour
"""


def _share(rates: dict[str, Any]) -> str:
    if not rates['flown']:
        return '-'
    low, high = rates['wilson_95']
    return f'{rates["successes"]} of {rates["flown"]} ({100 * low:.0f} to {100 * high:.0f} %)'


def _figure(value: float | None) -> str:
    return '-' if value is None else f'{value:g}'


def _two(values: list[float | None]) -> str:
    known = any(value is not None for value in values)
    return ' / '.join(_figure(value) for value in values) if known else '-'


def _each(values: list[float | None]) -> str:
    return ', '.join(_figure(value) for value in values) or '-'
