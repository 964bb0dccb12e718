"""Texts of other nodes, of a pilot file and of a bag: no escape sequence reaches a terminal."""

import json
import os
import shutil
import subprocess
import sys
import types

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from ros_domain import reserve

from liquid_pilot.cli import main as cli
from liquid_pilot.cli.live import connection, engage
from liquid_pilot.cli.live.robots import RobotReports
from liquid_pilot.cli.live.screen import print_screen
from liquid_pilot.learning.rosbag.dataset import BagDataset
from liquid_pilot.learning.rosbag.topic_report import TopicReport
from liquid_pilot.nodes.common import messages
from liquid_pilot.nodes.outputs.mavros import mavros_status
from liquid_pilot.pilot_file.summary import describe
from liquid_pilot.utils.resources import share_path

EVIL = '\x1b]0;owned\x07\x1b[2Jred\n[guard] all is well\u202e'


def is_plain(text):
    return all(character.isprintable() or character == '\n' for character in text)


def status(name='pilot', **values):
    return DiagnosticStatus(
        name=name,
        level=b'\x02',
        message=EVIL,
        hardware_id=f'/{name}',
        values=[KeyValue(key=EVIL, value=EVIL)]
        + [KeyValue(key=key, value=value) for key, value in {'instance': '1', **values}.items()],
    )


def test_diagnostics_of_another_node_are_shown_as_they_are_and_do_nothing(capsys):
    array = DiagnosticArray(
        status=[
            status('guard', state=EVIL, reason=EVIL, failed_checks='1', failed_check_1=EVIL),
            status('pilot', state='flying', pilot=EVIL, geometry=EVIL),
            status('adaptation', state='learning', reason=EVIL),
            status('recorder', state='recording', path=EVIL),
            status(EVIL),
        ]
    )
    read = messages.unpack_diagnostics(array)
    for entry in read:
        texts = (
            entry.name,
            entry.message,
            entry.hardware_id,
            *entry.values,
            *entry.values.values(),
        )
        assert all(text.isprintable() for text in texts)
    reports = RobotReports()
    reports.record(read, 0.0)
    print_screen(reports.robots(0.1, None))
    shown = capsys.readouterr().out
    assert '\\x1b[2Jred' in shown and is_plain(shown)


def test_what_a_node_reports_of_others_is_plain_for_every_tool():
    status = messages.NodeStatus('pilot', 1, EVIL, {'encoding': EVIL}, '/pilot')
    (entry,) = messages.pack_diagnostics(status, 0).status
    assert entry.message.isprintable() and entry.values[0].value.isprintable()


PROGRAM = f"""
import sys
from liquid_pilot.nodes.common import flight_settings, node_base

EVIL = {EVIL!r}

class Logging(node_base.LiquidNode):
    parameters = flight_settings.FlightSettings

    def __init__(self):
        super().__init__('logging_node')
        for number in range(2):
            self.get_logger().warning(EVIL)
            self.get_logger().warning(f'once {{number}}', once=True)
            # Told apart from the line above, although both pass through one function.
            self.get_logger().warning(f'also once {{number}}', once=True)
        raise node_base.LiquidPilotError(EVIL)

sys.exit(node_base.run('logging', Logging, args=[]))
"""


def test_no_line_of_a_nodes_log_is_raw():
    environment = {**os.environ, 'ROS_DOMAIN_ID': str(reserve())}
    ended = subprocess.run(
        [sys.executable, '-c', PROGRAM], env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 1
    assert is_plain(ended.stderr)
    assert ended.stderr.count('\\x1b[2Jred') == 3
    assert ended.stderr.count('once 0') == 2 and 'once 1' not in ended.stderr


def test_answers_and_errors_are_printed_without_control_characters(capsys):
    graph = types.SimpleNamespace(
        client=lambda *_: types.SimpleNamespace(
            is_known=lambda: True,
            srv_type=types.SimpleNamespace(Request=lambda data: None),
            call_async=lambda _: types.SimpleNamespace(
                done=lambda: True,
                result=lambda: types.SimpleNamespace(success=answers.pop(), message=EVIL),
            ),
        ),
        listen=lambda: None,
        spin=lambda done, until_s: done(),
        reports=RobotReports(),
    )
    answers = [False, True]
    assert engage._engage(graph, '') == 0
    assert engage._engage(graph, '') == 1
    connection.print_error('stop', f'{EVIL}\n  - {EVIL}')
    cli._print_error('liquid-pilot inspect', EVIL)
    printed = capsys.readouterr()
    assert is_plain(printed.out) and is_plain(printed.err)
    assert printed.out.count('\n') == 1


def test_the_mode_of_an_autopilot_is_plain():
    message = types.SimpleNamespace(connected=True, armed=True, mode=EVIL)
    assert mavros_status(message).mode.isprintable()


def test_the_card_of_a_pilot_file_is_plain(tmp_path, capsys):
    folder = tmp_path / 'pilot'
    shutil.copytree(share_path('pilots/forest-ltc'), folder)
    content = json.loads((folder / 'pilot.json').read_text())
    content['card'][EVIL] = {'author': EVIL, 'list': [EVIL], EVIL: {}}
    (folder / 'pilot.json').write_text(json.dumps(content))
    assert is_plain(describe(folder))
    assert cli.main(['inspect', str(folder)]) == 0
    assert is_plain(capsys.readouterr().out)


def test_why_a_topic_is_not_recorded_is_plain(capsys, monkeypatch):
    from liquid_pilot.cli import record

    monkeypatch.setattr(record, '_SILENCE_TIMEOUT_S', -1.0)
    node = types.SimpleNamespace(
        counts={'/a': 0},
        recording_errors={'/a': f'[/bold]{EVIL}'},
        resolve_topic_name=lambda name: name,
    )
    record._Display(['/a'])(node)
    said = capsys.readouterr().err
    assert '[/bold]\\x1b' in said and is_plain(said)


def test_the_names_in_a_bag_are_plain():
    stamps = np.arange(3) * 50_000_000
    topics = {EVIL: {**TopicReport(EVIL, EVIL, list(stamps), 1, EVIL).to_json(1.0)}}
    bag = {'path': EVIL, 'unclosed': False, 'topics': topics, 'dropped': {EVIL: 1}}
    bag |= {'episodes': 1, 'frames': 1, 'findings': [EVIL]}
    dataset = types.SimpleNamespace(
        report={'bags': [bag], 'frames': 1, 'minutes': 1.0},
        camera=types.SimpleNamespace(width=1, height=1),
        training=[],
        validation=[],
        rate_hz=1.0,
    )
    assert all(line.isprintable() for line in BagDataset.summary_lines(dataset))
