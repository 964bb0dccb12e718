"""What the user reads during a run."""

import io
import math

from rich.console import Console

from liquid_pilot.nodes.missions.progress import MissionProgress
from liquid_pilot.simulation.base.mission import MissionResult


def result(seed, outcome, reason=''):
    distance = math.nan if outcome == 'aborted' else 1.25
    return MissionResult(seed, outcome, reason, 12.34, 15.0, distance)


def test_a_file_gets_plain_lines_now_and_then_and_a_table():
    file = io.StringIO()
    with MissionProgress(3, Console(file=file, soft_wrap=True)) as progress:
        progress.building(0, 41)
        for tick in range(100):
            progress.flying(0.05 * tick, 12.0 - 0.1 * tick, '')
        progress.finished(result(41, 'success'))
        progress.building(1, 42)
        progress.flying(0.0, 10.0, 'pilot says "[imu] silent"')
        progress.finished(result(42, 'crash', 'hit tree_3'))
    progress.table(
        [
            result(41, 'success'),
            result(42, 'crash', 'hit tree_3'),
            result(43, 'aborted', 'interrupted by the user'),
        ],
        [],
    )
    text = file.getvalue()
    assert '\x1b' not in text
    # A hundred ticks within a moment are one line.
    assert text.count('mission 1/3  seed 41') == 2
    assert 'mission 1/3  seed 41   12.0 m to go    0.0 s  flying' in text
    assert '10.0 m to go    0.0 s  warning: pilot says "[imu] silent"' in text
    assert 'mission 2/3  seed 42  crash  12.3 s, 15.0 m flown  (hit tree_3)' in text
    assert '1 of 2 missions succeeded: 50 % (95 % interval 9 to 91 %)' in text
    assert 'nan' not in text


def test_a_terminal_gets_one_line_redrawn_that_goes_in_the_end():
    file = io.StringIO()
    with MissionProgress(1, Console(file=file, force_terminal=True, width=100)) as progress:
        progress.building(0, 7)
        progress.flying(0.0, 12.0, '')
        progress.stalled('waiting for the command')
    text = file.getvalue()
    assert '12.0 m to go' in text
    assert '\x1b[2K' in text
    assert '\x1b[?25h' in text


def test_what_happened_to_the_guard_is_shown_at_once_in_place_of_flying():
    file = io.StringIO()
    with MissionProgress(1, Console(file=file, soft_wrap=True)) as progress:
        progress.building(0, 7)
        for note in ('', '', 'guard stopped', 'guard stopped', ''):
            progress.flying(0.0, 12.0, '' if not note else 'a problem', note)
    states = [line.partition('0.0 s  ')[2] for line in file.getvalue().splitlines()]
    assert states == ['flying', 'guard stopped', 'flying']


def test_a_rover_drives():
    file = io.StringIO()
    with MissionProgress(1, Console(file=file, soft_wrap=True), drives=True) as progress:
        progress.building(0, 7)
        progress.flying(0.0, 300.0, '')
        progress.finished(result(7, 'success'))
    progress.table([result(7, 'success')], [])
    text = file.getvalue()
    assert '300.0 m to go    0.0 s  driving' in text and '15.0 m driven' in text
    assert 'duration  driven  to target' in text
    assert 'fly' not in text and 'flown' not in text
