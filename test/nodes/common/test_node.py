"""Waiting, waking and stopping, with the events executor and with the one that Humble has."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc

import pytest
from rclpy.executors import SingleThreadedExecutor

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common import node_base
from liquid_pilot.nodes.recorder import RecorderParameters


@pytest.fixture(params=['events', 'single-threaded'])
def spinner(request, ros, monkeypatch):
    if request.param == 'single-threaded':
        monkeypatch.setitem(sys.modules, 'rclpy.experimental', None)
    node = type('Waits', (node_base.LiquidNode,), {'parameters': RecorderParameters})('waits')
    made = node_base.Spinner(node)
    made.node = node
    assert isinstance(made._executor, SingleThreadedExecutor) == (request.param != 'events')
    yield made
    made.close()
    node.destroy_node()


@pytest.fixture(params=['wait', 'wait_often'])
def wait(request, spinner):
    return getattr(spinner, request.param)


@pytest.mark.realtime
def test_a_wait_ends_in_time_and_does_not_burn_the_core(spinner, wait):
    began_s, used_s = time.monotonic(), time.process_time()
    wait(0.6)
    assert 0.55 < time.monotonic() - began_s < 1.0
    assert time.process_time() - used_s < 0.15
    assert not spinner.stopping


@pytest.mark.realtime
def test_callbacks_run_meanwhile_and_can_end_it(spinner, wait):
    calls = []

    def call():
        calls.append(spinner.node.steady_s())
        if len(calls) == 3:
            spinner.wake()

    spinner.node.create_steady_timer(0.05, call)
    began_s = time.monotonic()
    wait(5.0)
    assert time.monotonic() - began_s < 1.0
    assert len(calls) == 3


@pytest.mark.realtime
def test_a_signal_ends_it_and_every_later_one(spinner, wait):
    kept = signal.signal(signal.SIGINT, spinner.stop)
    try:
        timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        began_s = time.monotonic()
        wait(5.0)
        assert time.monotonic() - began_s < 1.0
        timer.join()
    finally:
        signal.signal(signal.SIGINT, kept)
    assert spinner.stopped_by == signal.SIGINT
    spinner.stop(signal.SIGTERM)
    assert spinner.stopped_by == signal.SIGINT
    began_s = time.monotonic()
    wait(5.0)
    assert time.monotonic() - began_s < 0.1


def test_what_waits_often_leaves_nothing_behind(spinner):
    """A simulator waits at every tick, for hours; the other wait leaves 24 bytes each time."""
    tracemalloc.start()
    try:
        for _ in range(200):
            spinner.wait_often(0.0)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(2000):
            spinner.wait_often(0.0)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 2000 * 12
    finally:
        tracemalloc.stop()


def test_an_error_for_the_user_is_one_line_and_code_1(capfd):
    program = (
        'import sys\n'
        'from liquid_pilot.interfaces import LiquidPilotError\n'
        'from liquid_pilot.nodes.common import node_base\n'
        'def make():\n'
        '    raise LiquidPilotError("the lens cap is on")\n'
        'sys.exit(node_base.run("camera", make))\n'
    )
    pid = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, '-c', program])
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 1
    assert capfd.readouterr().err == '[camera] error: the lens cap is on\n'


def test_a_process_ends_at_once_and_loses_no_output():
    program = (
        'import atexit, sys\n'
        'from liquid_pilot.nodes.common import node_base\n'
        'atexit.register(print, "Python takes itself apart")\n'
        'print("the last line", end="")\n'
        'node_base.exit_process(3)\n'
    )
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (3, 'the last line', '')


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_waits_until_the_node_is_there_ends_it(number, monkeypatch):
    monkeypatch.setattr(node_base.ros_start, 'start', lambda arguments: None)
    # Other tests of this process go on with ROS.
    monkeypatch.setattr(node_base.rclpy, 'try_shutdown', lambda: None)
    kept = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, (number,))
    came = []

    class Made(node_base.LiquidNode):
        parameters = RecorderParameters

        def __init__(self):
            raise LiquidPilotError('made')

    try:
        # Not to the process, one of whose other threads might take it.
        signal.pthread_kill(threading.get_ident(), number)
        # It is taken before the node is made, by a handler and not by the default of Python.
        monkeypatch.setattr(
            node_base, '_import_type_support', lambda: came.append(signal.sigpending())
        )
        assert node_base.run('made', Made) == 1
    finally:
        for one, handler in kept.items():
            signal.signal(one, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    assert came == [set()]
