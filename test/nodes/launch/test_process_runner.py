"""How a run ends, by Ctrl-C, by itself and by a node that fails, and which nodes start again."""

import os
import signal
import sys
import threading
from contextlib import contextmanager, nullcontext

import pytest

from liquid_pilot.nodes.launch import process_runner, restarts
from liquid_pilot.nodes.launch.flight_graph import NodeSpec, nodes, on_vehicle
from liquid_pilot.nodes.launch.flight_options import FlyOptions

NODE = """
import pathlib, signal, sys, time

folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]
told = []
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, frame: told.append(number))
signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT,))
(folder / f'{name}.ready').touch()
while not told:
    time.sleep(0.01)
if name == 'simulator':
    # It writes its report while the others end.
    until_s = time.monotonic() + 3.0
    while len(list(folder.glob('*.told'))) < 2 and time.monotonic() < until_s:
        time.sleep(0.01)
    time.sleep(0.2)
    (folder / 'report').write_text(' '.join(sorted(p.stem for p in folder.glob('*.told'))))
else:
    (folder / f'{name}.told').touch()
"""
NAMES = ('guard', 'pilot', 'simulator', 'recorder')


def lines(folder):
    """Return the nodes of a run with recording, each with the command line of a stand-in."""
    return [
        (
            NodeSpec(name, name, ends_run=name == 'simulator', ends_last=name == 'recorder'),
            [sys.executable, '-S', '-c', NODE, str(folder), name],
        )
        for name in NAMES
    ]


def run(folder, act):
    """Run the stand-ins, call `act` when all are ready, and return the exit code."""

    over = threading.Event()

    def wait():
        while len(list(folder.glob('*.ready'))) < len(NAMES):
            if over.wait(0.01):
                return
        act()

    thread = threading.Thread(target=wait)
    specs = lines(folder)
    thread.start()
    try:
        return process_runner._run(specs, os.environ, print, nullcontext())
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_the_others_end_while_the_simulator_writes_its_report(tmp_path, number):
    code = run(tmp_path, lambda: os.kill(os.getpid(), number))
    assert code == 128 + number
    # The recorder goes on until the simulator has ended, and then ends as well.
    assert (tmp_path / 'report').read_text() == 'guard pilot'
    assert (tmp_path / 'recorder.told').exists()


def test_only_the_recorder_of_a_flight_ends_after_the_simulator():
    specs = nodes(FlyOptions(record=True, out='/somewhere'))
    assert [spec.name for spec in specs if spec.ends_last] == ['recorder']


STAND_IN = """
import pathlib, signal, sys, time

folder, name, word = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
signal.signal(signal.SIGINT, lambda number, frame: sys.exit(0))
signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT,))
with open(folder / name, 'a') as file:
    file.write('x')
if word == 'fails' or (word == 'fails once' and (folder / name).stat().st_size == 1):
    sys.exit(3)
while not (folder / f'{name}.end').exists():
    time.sleep(0.01)
sys.exit(int((folder / f'{name}.end').read_text() or 0))
"""


class Lines(list):
    """What was printed, and callbacks by a word in a line."""

    def __init__(self, **callbacks):
        super().__init__()
        self.callbacks = callbacks

    def __call__(self, text):
        self.append(text)
        for word, callback in self.callbacks.items():
            if word in text:
                callback()


def run_stand_ins(folder, specs, words, print_line, observer=None):
    """Run stand-ins for nodes: each goes on until NAME.end exists, or does what its word says."""
    lines = [
        (
            spec,
            [
                sys.executable,
                '-S',
                '-c',
                STAND_IN,
                str(folder),
                spec.name,
                words.get(spec.name, ''),
            ],
        )
        for spec in specs
    ]
    return process_runner._run(lines, os.environ, print_line, observer or nullcontext())


@contextmanager
def once(condition, act):
    """Call `act` as soon as a condition holds, in another thread, while the context lasts."""
    over = threading.Event()

    def wait():
        while not condition():
            if over.wait(0.01):
                return
        act()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def of_vehicle(*names):
    return [on_vehicle(NodeSpec(name, name)) for name in names]


def test_a_node_of_a_vehicle_is_started_again_and_the_guard_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(restarts, '_FIRST_DELAY_S', 0.1)
    said = Lines()
    pilot, guard = tmp_path / 'pilot', tmp_path / 'guard'
    ended = once(
        lambda: pilot.exists() and pilot.stat().st_size == 2,
        lambda: (tmp_path / 'guard.end').write_text('5'),
    )
    code = run_stand_ins(
        tmp_path, of_vehicle('guard', 'pilot'), {'pilot': 'fails once'}, said, ended
    )
    # The end of the guard ends the run, and nothing else has.
    assert code == 1
    assert guard.stat().st_size == 1
    assert said[0].startswith('the pilot ended with exit code 3 and is started again in 0.1 s')
    assert said[-1].startswith('the guard ended with exit code 5, and the run cannot go on')
    assert len(said) == 3


def test_a_node_that_always_fails_is_given_up_and_the_guard_still_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(restarts, '_FIRST_DELAY_S', 0.01)
    monkeypatch.setattr(restarts, '_MAX_DELAY_S', 0.01)
    monkeypatch.setattr(restarts, 'MAX_IN_A_ROW', 3)
    said = Lines(**{'is not started again': lambda: os.kill(os.getpid(), signal.SIGINT)})
    code = run_stand_ins(tmp_path, of_vehicle('guard', 'camera'), {'camera': 'fails'}, said)
    assert code == 130
    assert (tmp_path / 'camera').stat().st_size == 4
    assert len(said) == 4


def test_the_guard_goes_on_where_a_node_cannot_be_started_again(tmp_path, monkeypatch):
    monkeypatch.setattr(restarts, '_FIRST_DELAY_S', 0.01)
    monkeypatch.setattr(restarts, '_MAX_DELAY_S', 0.01)
    monkeypatch.setattr(restarts, 'MAX_IN_A_ROW', 2)
    start, starts = process_runner._NodeProcess._start, []

    def refuse(node):
        starts.append(node.spec.name)
        if starts.count('pilot') > 1:
            raise BlockingIOError('Resource temporarily unavailable')
        return start(node)

    monkeypatch.setattr(process_runner._NodeProcess, '_start', refuse)
    said = []

    def reader_has_gone(text):
        said.append(text)
        if 'is not started again' in text:
            os.kill(os.getpid(), signal.SIGINT)
        raise BrokenPipeError

    specs = of_vehicle('guard', 'pilot')
    assert run_stand_ins(tmp_path, specs, {'pilot': 'fails'}, reader_has_gone) == 130
    assert starts == ['guard', 'pilot', 'pilot', 'pilot']
    assert [text.endswith('unavailable)') for text in said] == [False, True, True]


def simulated(*names):
    matter = {'recorder': True, 'dashboard': False}
    return [
        NodeSpec(
            name,
            name,
            required=name not in matter,
            matters=matter.get(name, True),
            ends_run=name == 'simulator',
        )
        for name in names
    ]


@pytest.mark.parametrize(
    ('victim', 'code', 'last'),
    [
        ('simulator', 137, 'the simulator was ended by SIGKILL'),
        ('guard', 1, 'the guard was ended by SIGKILL'),
        ('recorder', 1, 'the recorder was ended by SIGKILL'),
        ('dashboard', 0, 'the dashboard was ended by SIGKILL'),
    ],
)
def test_a_node_that_is_killed_is_named_last_and_is_no_interruption(
    victim, code, last, tmp_path, monkeypatch
):
    names = ('guard', 'simulator', 'recorder', 'dashboard')
    found = {}
    start = process_runner._NodeProcess._start

    def remember(node):
        found[node.spec.name] = process = start(node)
        return process

    monkeypatch.setattr(process_runner._NodeProcess, '_start', remember)
    said = Lines(**{'goes on without it': lambda: (tmp_path / 'simulator.end').touch()})
    killed = once(
        lambda: all((tmp_path / name).exists() for name in names), lambda: found[victim].kill()
    )
    assert run_stand_ins(tmp_path, simulated(*names), {}, said, killed) == code
    assert said[-1].startswith(last)
    assert 'stopping the nodes' not in said


def test_a_long_end_is_announced(tmp_path, monkeypatch):
    monkeypatch.setattr(process_runner, '_SILENT_S', 0.0)
    said = Lines()
    ready = once(
        lambda: all((tmp_path / name).exists() for name in ('guard', 'simulator')),
        lambda: (tmp_path / 'simulator.end').touch(),
    )
    assert run_stand_ins(tmp_path, simulated('guard', 'simulator'), {}, said, ready) == 0
    assert said == ['stopping the nodes']
