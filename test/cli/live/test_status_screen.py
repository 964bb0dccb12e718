"""The screen of `liquid-pilot status`, from messages that real nodes published.

`recorded_diagnostics.json` has the newest status of each node in several situations.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from rich.console import Console

from liquid_pilot.cli.live import screen, status
from liquid_pilot.cli.live.robots import RobotReports
from liquid_pilot.nodes.common import messages

RECORDED = json.loads(Path(__file__).with_name('recorded_diagnostics.json').read_text())


def reports(*situations, now_s=10.0):
    """What was collected from the recorded messages of some situations."""
    collected = RobotReports()
    for situation in situations:
        for one in RECORDED[situation]:
            array = messages.pack_diagnostics(messages.NodeStatus(**one), stamp_ns=0)
            assert isinstance(array, DiagnosticArray)
            collected.record(messages.unpack_diagnostics(array), now_s)
    return collected


def robots(*situations, later_s=0.5):
    return reports(*situations).robots(10.0 + later_s)


def text(shown, width=160):
    """The screen as plain text, its lines without the spaces at their ends."""
    console = Console(width=width, highlight=False)
    with console.capture() as capture:
        console.print(screen.render(shown))
    return '\n'.join(line.rstrip() for line in capture.get().splitlines())


@pytest.mark.parametrize('width', [60, 80, 120])
@pytest.mark.parametrize('situation', RECORDED)
def test_every_line_fits_and_says_the_state_of_each_node(situation, width):
    shown = robots(situation)
    lines = text(shown, width).splitlines()
    assert lines and all(len(line) <= width for line in lines)
    words = ' '.join(' '.join(lines).split())
    for robot in shown:
        for name, report in robot.nodes.items():
            assert name in words and report.state.partition(':')[0] in words
    assert width < 80 or len(lines) < 24, 'one screen'


def test_a_flight_in_simulation():
    (robot,) = shown = robots('lock-step')
    assert robot.well and robot.problems == [] and robot.namespace == ''
    said = text(shown)
    assert 'guard       engaged' in said and 'commands/s to cmd_vel' in said
    assert 'frame to vehicle' not in said, 'simulated time stands still meanwhile'
    assert 'forest-ltc, ' in said and 'a tick takes' in said
    assert 'trained at 20 Hz; field of view: fits' in said
    assert 'simulator   mission 2    seed 1; ' in said and ' m to the target; ' in said
    assert 'adaptation' in said and 'normalised gradient' in said
    assert status.exit_code(shown) == 0


def test_a_robot_in_a_namespace_has_its_name_above():
    said = text(robots('engaged'))
    assert said.splitlines()[0] == '/drone1'
    assert 'guard       engaged' in said


def test_several_robots_have_their_names_above_each():
    said = text(robots('engaged', 'no camera')).splitlines()
    assert said[0] == '/' and '/drone1' in said
    assert said[said.index('/drone1') - 1] == ''


def test_one_namespace_may_be_chosen():
    both = reports('engaged', 'no camera')
    assert [robot.namespace for robot in both.robots(10.0)] == ['', 'drone1']
    assert [robot.namespace for robot in both.robots(10.0, 'drone1')] == ['drone1']
    assert [robot.namespace for robot in both.robots(10.0, '')] == ['']
    assert both.robots(10.0, 'drone2') == []


def test_before_engaging_every_failed_check_has_a_line():
    (robot,) = shown = robots('no camera')
    guard = robot.nodes['guard']
    said = text(shown)
    assert 'disengaged   sends nothing, and cannot be engaged yet:' in said
    assert len(guard.failed_checks) == 5
    for check in guard.failed_checks:
        assert f'- {check[:60]}' in said
    assert 'camera      nothing' in said and 'IMU         nothing' in said
    assert not robot.well and status.exit_code(shown) == 1
    assert any(problem.startswith('pilot: camera: no frame') for problem in robot.problems)


def test_a_mode_that_the_guard_registers_with_px4_has_a_row():
    names = {'px4_mode': 'registered', 'px4_mode_name': 'Liquid pilot', 'px4_mode_number': '23'}
    assert 'px4_mode    registered   "Liquid pilot", nav_state 23' in text(with_guard(**names))
    del names['px4_mode_number']
    lost = {**names, 'px4_mode': 'not registered'}
    assert 'px4_mode    not registered  "Liquid pilot"' in text(with_guard(**lost))
    assert 'px4_mode' not in text(with_guard())


def with_guard(**values):
    """The robot of 'engaged', whose guard reports these values as well."""
    (robot,) = robots('engaged')
    guard = robot.nodes['guard']
    guard = replace(guard, values={**guard.values, **values})
    return [replace(robot, nodes={**robot.nodes, 'guard': guard})]


def test_a_stop_and_how_it_ends():
    said = text(robots('stopped'))
    assert 'guard       stopped      sends the safe command until it is engaged' in said
    assert 'its checks pass: `liquid-pilot engage` lets the pilot fly' in said


def test_a_human_has_the_vehicle():
    said = text(robots('overridden'))
    assert 'overridden   sends nothing: a human has the vehicle (/guard/override is true)' in said
    assert 'recorder    recording' in said and 'messages in runs/recording' in said


def test_without_a_pilot_the_guard_sends_the_safe_command():
    (robot,) = shown = robots('safe')
    said = text(shown)
    assert 'pilot       missing      no pilot reports in this namespace' in said
    assert 'guard       safe         sends the safe command until a good command arrives' in said
    assert 'no good command for 0.5 s: safe command; no pilot reports' in said
    assert not robot.well and len(robot.problems) == 2


def safe_with_pilot(level, message, later_s=0.5, pilot_s=0.0):
    """What is said when the guard is without a good command, of a pilot with this status."""
    collected = reports('safe')
    of_pilot = next(one for one in RECORDED['overridden'] if one['name'] == 'pilot')
    status = messages.NodeStatus(**{**of_pilot, 'level': level, 'message': message})
    collected.record([status], 10.0 - pilot_s)
    (robot,) = collected.robots(10.0 + later_s)
    return robot.nodes['guard'].problem, text([robot])


def test_the_cause_of_a_safe_command_is_that_of_the_pilot():
    fault = 'imu: its readings repeat to the last bit under new stamps; restart the driver'
    problem, said = safe_with_pilot(2, fault)
    assert problem == f'no good command for 0.5 s: safe command; the pilot gives none: {fault}'
    assert 'the pilot gives none: imu: its readings repeat' in ' '.join(said.split())
    # With a warning a pilot gives commands, and one without a fault says nothing.
    for level, message in ((1, 'adaptation: the adaptation node does not answer'), (0, 'flying')):
        assert safe_with_pilot(level, message)[0] == 'no good command for 0.5 s: safe command'


def test_a_pilot_that_hangs_is_the_cause_too():
    problem, _ = safe_with_pilot(0, 'flying', pilot_s=4.0)
    assert problem.endswith('safe command; the pilot has ended, or it hangs')


def test_a_node_that_has_fallen_silent_is_an_error():
    shown = robots('lock-step', later_s=4.0)
    assert not shown[0].well
    said = text(shown)
    assert 'guard       silent       it has not reported for 4 s: it has ended, or it hangs' in said
    assert 'commands/s' not in said and 'Hz' not in said, 'what it said before is old'
    assert robots('lock-step', later_s=61.0) == []


def test_statuses_of_other_packages_are_left_out():
    collected = reports('lock-step')
    before = collected.robots(10.0)
    for name, values in (
        ('/camera', {'state': 'streaming', 'instance': 'x'}),
        ('/other/guard', {'temperature': '30'}),
        ('', {}),
    ):
        status_of = messages.NodeStatus('x', 2, 'hot', values, name)
        collected.record([status_of], 10.0)
    assert collected.robots(10.0) == before


def test_values_that_are_no_numbers_are_left_out():
    one = dict(RECORDED['lock-step'][2], values=dict(RECORDED['lock-step'][2]['values']))
    assert one['hardware_id'] == '/pilot'
    for name in ('camera_rate_hz', 'latency_p50_ms', 'rate_hz', 'trained_rate_hz', 'imu_age_s'):
        one['values'][name] = '-'
    collected = reports('lock-step')
    collected.record([messages.NodeStatus(**one)], 10.0)
    said = text(collected.robots(10.5))
    assert 'forest-ltc, no commands/s\n' in said and 'camera      nothing' in said
    one['values']['camera_rate_hz'] = 'nan'
    collected.record([messages.NodeStatus(**one)], 10.0)
    assert 'camera      nothing' in text(collected.robots(10.5))


def test_a_demonstration_has_no_pilot():
    collected = RobotReports()
    for one in RECORDED['lock-step']:
        if one['hardware_id'] != '/pilot':
            collected.record([messages.NodeStatus(**one)], 10.0)
    (robot,) = collected.robots(10.5)
    assert robot.well and robot.missing == ['pilot']
    assert 'unless the expert of the simulator flies' in text([robot])


def test_plain_data_for_scripts():
    shown = robots('no camera')
    data = json.loads(json.dumps(status.as_json(shown)))
    (robot,) = data['robots']
    assert data['well'] is robot['well'] is False
    assert list(robot['nodes']) == ['guard', 'pilot', 'adaptation']
    guard, pilot = robot['nodes']['guard'], robot['nodes']['pilot']
    assert guard['state'] == 'disengaged' and guard['level'] == 'ok'
    assert len(guard['failed_checks']) == 5 and guard['age_s'] == 0.5
    assert pilot['level'] == 'error' and 'no frame' in pilot['problem']
    assert float(pilot['values']['trained_rate_hz']) == 20.0
    assert status.as_json([])['well'] is False


def test_without_a_terminal_it_is_plain_text(capsys, monkeypatch):
    monkeypatch.setenv('COLUMNS', '80')
    screen.print_screen(robots('no camera'))
    printed = capsys.readouterr().out
    assert '\x1b' not in printed and printed.startswith('guard       disengaged')
    assert all(line == line.rstrip() for line in printed.splitlines())
    assert printed.endswith('\n')


def test_what_to_check_names_domain_and_reach(monkeypatch):
    monkeypatch.setenv('ROS_DOMAIN_ID', '42')
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    said = status.nothing_text(None, [], 3.0)
    assert 'in 3 s:' in said and 'ROS domain 42' in said
    assert 'only this machine is seen (ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST)' in said
    monkeypatch.delenv('ROS_AUTOMATIC_DISCOVERY_RANGE')
    assert 'SUBNET' in status.nothing_text(None, [], 3.0)
    said = status.nothing_text('drone2', ['', 'drone1'], 3.0)
    assert said.endswith('there are others: --namespace /, --namespace drone1')
