"""A browser is started by a process of its own, which disturbs neither flight nor person."""

import os
import signal
import subprocess
import sys
import time

import pytest

from liquid_pilot.utils.processes.browser import BrowserOpener, has_display
from liquid_pilot.utils.processes.child_python import module_command

ADDRESS = 'http://127.0.0.1:8470/'


@pytest.fixture
def browser(tmp_path, monkeypatch):
    """A function that makes a browser of a shell script, and returns the file that it writes to."""

    def make(script):
        program, written = tmp_path / 'browser', tmp_path / 'written'
        program.write_text(f'#!/bin/sh\n{script}\n'.replace('WRITTEN', str(written)))
        program.chmod(0o755)
        monkeypatch.setenv('BROWSER', str(program))
        return written

    return make


def wait_for(condition):
    end_s = time.monotonic() + 30.0
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def test_a_screen_is_x_or_wayland():
    assert has_display({'DISPLAY': ':0'}) and has_display({'WAYLAND_DISPLAY': 'wayland-0'})
    assert not has_display({}) and not has_display({'DISPLAY': '', 'SSH_TTY': '/dev/pts/0'})


def test_the_address_is_opened_once_with_the_priority_of_the_start(browser):
    written = browser('echo "$1 $(ps -o ni= -p $$)" >> WRITTEN; echo noise; echo noise >&2')
    program = (
        'import os, sys, time\n'
        'from liquid_pilot.utils.processes.browser import BrowserOpener\n'
        'opener = BrowserOpener()\n'
        'os.nice(5)\n'
        f'opener.open({ADDRESS!r})\n'
        'while opener._process.poll() is None: time.sleep(0.01)\n'
        'sys.exit(opener.failed)\n'
    )
    # As a launcher starts a node.
    done = subprocess.run(
        [sys.executable, '-c', program],
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,)),
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, '', '')
    (line,) = written.read_text().splitlines()
    address, niceness = line.split()
    assert address == ADDRESS and int(niceness) == os.nice(0)


def test_a_browser_that_does_not_end_holds_up_nothing(browser):
    written = browser('touch WRITTEN; exec sleep 60')
    made = BrowserOpener()
    # In a session of its own: Ctrl-C in the terminal does not reach it.
    assert os.getsid(made._process.pid) == made._process.pid != os.getsid(0)
    try:
        made.open(ADDRESS)
        wait_for(written.exists)
        assert not made.failed
    finally:
        os.killpg(made._process.pid, signal.SIGKILL)
        made._process.wait()


@pytest.mark.parametrize('script', ['exit 1', None])
def test_a_browser_that_does_not_start_is_known(script, browser, monkeypatch):
    if script is None:
        monkeypatch.setenv('BROWSER', '/no/such/browser')
    else:
        browser(script)
    # No other browser of this machine is found.
    monkeypatch.setenv('PATH', '/no/such/folder')
    made = BrowserOpener()
    made.open(ADDRESS)
    wait_for(lambda: made.failed)


def test_an_opener_that_is_not_needed_ends(browser):
    written = browser('touch WRITTEN')
    for _ in range(2):
        made = BrowserOpener()
        made.close()
        made._process.wait(30.0)
        assert not made.failed
    assert not written.exists()
    # So does one whose process was killed before.
    ended = subprocess.run(
        module_command('liquid_pilot.utils.processes.browser'), stdin=subprocess.DEVNULL, timeout=30
    )
    assert ended.returncode == 0
