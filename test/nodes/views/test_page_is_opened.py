"""The page of a flight is opened once, and nothing of it holds up the flight for long."""

import math
import sys
from types import SimpleNamespace

import pytest

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes import dashboard
from liquid_pilot.nodes.dashboard import DashboardNode
from liquid_pilot.nodes.missions import mission_run
from liquid_pilot.nodes.missions.mission_run import MissionRun

ADDRESS = 'http://127.0.0.1:8470/'


class Opener:
    """What opens a browser, which may fail."""

    def __init__(self):
        self.did, self.failed = [], False

    def open(self, address):
        self.did.append(address)

    def close(self):
        self.did.append('closed')


def node(opener, now_s=10.0, token_file='', watching=0):
    """A dashboard that has just been started, as far as its browser is concerned."""
    viewers = SimpleNamespace(watching=watching, ever=watching > 0)
    return SimpleNamespace(
        opener=opener,
        steady_s=lambda: now_s,
        server=SimpleNamespace(viewers=viewers, address=ADDRESS),
        settings=SimpleNamespace(current=SimpleNamespace(token_file=token_file)),
        _open_after_s=now_s,
        _opened_s=-math.inf,
    )


def test_the_browser_is_asked_once_and_its_failure_is_one_line(capsys):
    opener = Opener()
    made = node(opener)
    for _ in range(3):
        DashboardNode._open_page(made)
    assert opener.did == [ADDRESS] and capsys.readouterr().err == ''
    opener.failed = True
    DashboardNode._open_page(made)
    made.opener = DashboardNode.opener
    DashboardNode._open_page(made)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith('[dashboard] no browser could be started: open the address above')


def test_a_page_that_is_open_already_is_enough():
    opener = Opener()
    made = node(opener, watching=1)
    for _ in range(2):
        DashboardNode._open_page(made)
    assert opener.did == ['closed']


def test_it_is_not_opened_before_such_a_page_had_its_time():
    opener = Opener()
    made = node(opener)
    made._open_after_s += 0.5
    DashboardNode._open_page(made)
    assert opener.did == []


def test_a_token_is_not_given_to_a_command_line(capsys):
    opener = Opener()
    made = node(opener, token_file='/some/file')
    for _ in range(2):
        DashboardNode._open_page(made)
    assert opener.did == ['closed']
    assert 'an address with a token is not given to a browser' in capsys.readouterr().err


def test_without_aiohttp_one_line_says_so_and_the_node_ends_well(monkeypatch, capsys):
    def missing(modules, purpose):
        raise LiquidPilotError(f'{purpose} needs {modules[0]}, which is not installed')

    monkeypatch.setattr(dashboard, 'require_modules', missing)
    monkeypatch.setattr(sys, 'argv', ['dashboard', '--open', '--ros-args'])
    assert dashboard.main() == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        '[dashboard] the page of the flight needs aiohttp, which is not installed. The run goes on '
        'without it; --headless (headless:=true) leaves it out'
    )


@pytest.mark.parametrize(
    ('opened_s', 'comes_s', 'waited_s'),
    [
        (-math.inf, None, 0.0),  # Nothing was opened.
        (99.0, None, 2.0),
        (99.0, 101.0, 2.0),  # It came after a second, and had another one to fetch what there is.
        (99.0, 99.5, 0.0),  # It has been there for long.
        (70.0, None, 0.0),  # Nobody comes any more.
    ],
)
def test_at_the_end_a_browser_that_was_just_started_gets_the_page(
    opened_s, comes_s, waited_s, monkeypatch
):
    now_s = [100.0]

    class Pages:
        @property
        def ever(self):
            return comes_s is not None and now_s[0] >= comes_s

    made = node(Opener())
    made.steady_s, made._opened_s = lambda: now_s[0], opened_s
    made.server.viewers = Pages()
    sleep = SimpleNamespace(sleep=lambda seconds: now_s.__setitem__(0, now_s[0] + seconds))
    monkeypatch.setattr(dashboard, 'time', sleep)
    DashboardNode._wait_for_browser(made)
    assert now_s[0] - 100.0 == pytest.approx(waited_s, abs=0.06)


@pytest.mark.parametrize(('appears_s', 'waited_s'), [(3.0, 3.0), (math.inf, 10.0)])
def test_the_first_mission_waits_for_the_page_but_not_for_long(appears_s, waited_s):
    now_s = [0.0]
    simulator = SimpleNamespace(
        steady_s=lambda: now_s[0],
        wait=lambda seconds: now_s.__setitem__(0, now_s[0] + seconds),
        hears=lambda name, topic: (
            (name, topic, now_s[0] >= appears_s) == ('dashboard', 'mission', True)
        ),
    )
    MissionRun._wait_for_page(SimpleNamespace(_node=simulator))
    assert now_s[0] == pytest.approx(waited_s, abs=2 * mission_run._DASHBOARD_POLL_S)
