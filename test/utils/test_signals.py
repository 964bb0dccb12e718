"""Ctrl-C that is deferred or ignored by processes that are started, and SIGTERM like it."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from liquid_pilot.utils.signals import defer_sigint, ignore_sigint, interrupt_on_sigterm


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def test_the_first_ctrl_c_is_recorded_and_the_second_one_raised():
    before = signal.getsignal(signal.SIGINT)
    with defer_sigint() as interrupts:
        assert not interrupts.pressed
        interrupt()
        assert interrupts.pressed
        with pytest.raises(KeyboardInterrupt):
            interrupt()
    assert signal.getsignal(signal.SIGINT) is before


def test_processes_started_in_the_context_ignore_ctrl_c():
    before = signal.getsignal(signal.SIGINT)
    code = 'import signal; print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)'
    with ignore_sigint():
        interrupt()
        started = subprocess.run(
            [sys.executable, '-c', code], capture_output=True, text=True, check=True
        )
    assert started.stdout.strip() == 'True'
    assert signal.getsignal(signal.SIGINT) is before


def test_another_thread_changes_nothing():
    before, seen = signal.getsignal(signal.SIGINT), []

    def work():
        with defer_sigint() as interrupts, ignore_sigint():
            seen.append((signal.getsignal(signal.SIGINT), interrupts.pressed))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(before, False)]


def terminate():
    os.kill(os.getpid(), signal.SIGTERM)


def test_sigterm_interrupts_and_is_recorded():
    with interrupt_on_sigterm() as termination:
        assert not termination.requested
        with pytest.raises(KeyboardInterrupt):
            terminate()
        assert termination.requested
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_sigterm_is_deferred_where_ctrl_c_is():
    with interrupt_on_sigterm() as termination, defer_sigint() as interrupts:
        terminate()
        assert interrupts.pressed and termination.requested


def test_sigterm_interrupts_where_ctrl_c_is_ignored():
    with interrupt_on_sigterm(), ignore_sigint(), pytest.raises(KeyboardInterrupt):
        terminate()


def test_sigterm_that_is_handled_already_is_left_alone():
    received = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: received.append(number))
    try:
        with interrupt_on_sigterm() as termination:
            terminate()
        assert received == [signal.SIGTERM] and not termination.requested
    finally:
        signal.signal(signal.SIGTERM, before)
