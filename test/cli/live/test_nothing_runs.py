"""Where nothing runs, each command says so in time and names what to check."""

import time
import xml.etree.ElementTree as ElementTree

import pytest
import ros_domain

from liquid_pilot.cli import main
from liquid_pilot.cli.live import connection


@pytest.fixture
def empty_domain(monkeypatch):
    """A ROS domain of its own, in which nothing runs."""
    domain = ros_domain.reserve()
    monkeypatch.setenv('ROS_DOMAIN_ID', str(domain))
    yield domain
    ros_domain.release(domain)


@pytest.mark.parametrize('command', ['status', 'engage', 'stop'])
def test_nothing_runs(empty_domain, capsys, command):
    start_s = time.monotonic()
    assert main.main([command, '--timeout', '0.5']) == 3
    assert time.monotonic() - start_s >= 0.5
    captured = capsys.readouterr()
    assert captured.out == ''
    first, *checks = captured.err.splitlines()
    assert first.startswith(f'liquid-pilot {command}: error: ') and '0.5 s' in first
    assert len(checks) == 3
    assert f'ROS domain {empty_domain}' in checks[1] and 'LOCALHOST' in checks[2]


def test_nothing_can_be_taught(empty_domain, capsys):
    assert main.main(['teach', 'accept', '--timeout', '0.5']) == 3
    captured = capsys.readouterr()
    assert captured.out == ''
    first, *checks = captured.err.splitlines()
    assert 'nobody offers lesson/accept in 0.5 s: is it flown with --lesson' in first
    assert len(checks) == 3


def test_scripts_get_plain_data_all_the_same(empty_domain, capsys):
    assert main.main(['status', '--json', '--timeout', '0.5']) == 3
    assert '"robots": []' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('command', 'timeout_s'), [('status', 4.0), ('engage', 4.0), ('stop', 6.0)]
)
def test_how_long_is_waited_by_default(command, timeout_s):
    parsed = main.make_parser(command).parse_args([command])
    assert parsed.timeout == timeout_s


PROFILES = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')


@pytest.mark.parametrize(
    ('given', 'expected'),
    [
        ({}, True),
        ({'RMW_IMPLEMENTATION': 'rmw_fastrtps_cpp'}, True),
        ({'RMW_IMPLEMENTATION': 'rmw_cyclonedds_cpp'}, False),
        ({PROFILES[0]: '/mine.xml'}, False),
        ({PROFILES[1]: '/mine.xml'}, False),
    ],
)
def test_the_profile_of_the_user_is_left_alone(given, expected, monkeypatch):
    environment = dict(given)
    monkeypatch.setattr(connection.os, 'environ', environment)
    connection._announce_often()
    if not expected:
        assert environment == given
        return
    # One name: the other would make Fast DDS warn.
    (file,) = [environment[name] for name in PROFILES if name in environment]
    root = ElementTree.parse(file).getroot()
    assert any(element.get('is_default_profile') == 'true' for element in root.iter())


@pytest.mark.parametrize('command', ['status', 'engage', 'stop'])
@pytest.mark.parametrize('name', ['4x', 'a//b', 'drone 1', 'a-b'])
def test_what_is_no_namespace_is_refused_in_one_line(command, name, capsys):
    assert main.main([command, '--namespace', name]) != 0
    said = capsys.readouterr().err
    assert said.startswith(f'liquid-pilot {command}: error: --namespace {name!r}: ')
    assert said.count('\n') == 1
