"""Ctrl-C ends all nodes at once, so that none takes the end of another one for a fault."""

import os
import signal
import sys
import threading
from contextlib import nullcontext

import pytest

from liquid_pilot.nodes.launch import process_runner
from liquid_pilot.nodes.launch.flight_graph import NodeSpec, nodes
from liquid_pilot.nodes.launch.flight_options import FlyOptions

NODE = """
import pathlib, signal, sys, time

folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]
told = []
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, frame: told.append(number))
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
