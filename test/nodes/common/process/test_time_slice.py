"""The time slice that a process asks Linux for is the one that it computes by."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from liquid_pilot.nodes.common.process import time_slice

SHOWN = """
import os, threading
from pathlib import Path
from liquid_pilot.nodes.common.process.time_slice import FLIGHT_S, request_time_slice

def slice_ns(thread):
    lines = Path(f'/proc/{os.getpid()}/task/{thread}/sched').read_text().splitlines()
    return next((line.split()[-1] for line in lines if line.startswith('se.slice')), 'none')

before = os.sched_getscheduler(0), os.nice(0)
taken = request_time_slice(FLIGHT_S)
found = []
thread = threading.Thread(target=lambda: found.append(slice_ns(threading.get_native_id())))
thread.start()
thread.join()
assert (os.sched_getscheduler(0), os.nice(0)) == before
print(taken, slice_ns(os.getpid()), *found)
"""


def shown():
    run = subprocess.run([sys.executable, '-c', SHOWN], capture_output=True, text=True, check=True)
    return run.stdout.split()


def knows_slices():
    release = os.uname().release.split('.')
    return (int(release[0]), int(release[1])) >= (6, 12) and Path('/proc/self/sched').exists()


@pytest.mark.skipif(not knows_slices(), reason='Linux knows time slices from version 6.12 on')
def test_a_process_and_its_threads_have_the_slice_that_was_asked_for():
    assert shown() == ['True', *[str(round(1e9 * time_slice.FLIGHT_S))] * 2]


def test_an_unknown_machine_asks_for_nothing(monkeypatch):
    monkeypatch.setattr(time_slice.platform, 'machine', lambda: 'riscv64')
    assert time_slice.request_time_slice(time_slice.FLIGHT_S) is False


def test_a_policy_that_a_person_has_chosen_stays(monkeypatch):
    monkeypatch.setattr(time_slice.os, 'sched_getscheduler', lambda _: os.SCHED_FIFO)
    assert time_slice.request_time_slice(time_slice.FLIGHT_S) is False


def test_a_slice_that_linux_refuses_is_reported_and_harms_nothing():
    # In a thread of its own, so that this process keeps its slice whatever happens.
    answers = []
    thread = threading.Thread(target=lambda: answers.append(time_slice.request_time_slice(1e9)))
    thread.start()
    thread.join()
    assert len(answers) == 1 and isinstance(answers[0], bool)
