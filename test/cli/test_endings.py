"""Commands that a signal ends: nothing is left behind, and what was finished is kept."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from liquid_pilot.cli import main

REPOSITORY = Path(__file__).resolve().parents[2]


def test_sigterm_ends_a_command_as_ctrl_c_does(monkeypatch):
    before, cleaned = signal.getsignal(signal.SIGTERM), []
    command = SimpleNamespace(DESCRIPTION='x', add_arguments=lambda parser: None)

    def run_command(arguments):
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            cleaned.append(True)

    command.run = run_command
    monkeypatch.setattr(main, 'load_command', lambda name: command)
    assert main.main(['inspect']) == main.TERMINATED == 128 + signal.SIGTERM
    assert cleaned == [True] and signal.getsignal(signal.SIGTERM) is before


def alive_in_group(group):
    """Process ids of a process group; those that only wait to be reaped do not count."""
    found = []
    for stat in Path('/proc').glob('[0-9]*/stat'):
        try:
            state, _, its_group = stat.read_text().rpartition(')')[2].split()[:3]
        except (OSError, ValueError):
            continue
        if int(its_group) == group and state != 'Z':
            found.append(int(stat.parent.name))
    return found


@pytest.mark.parametrize(
    ('send', 'number', 'code'),
    [
        # A terminal sends Ctrl-C to all of them, and a person SIGTERM to one.
        (os.killpg, signal.SIGINT, 130),
        pytest.param(os.kill, signal.SIGTERM, 143, marks=pytest.mark.slow),
    ],
)
def test_a_signal_leaves_a_report_of_what_was_flown_and_no_process(tmp_path, send, number, code):
    out = tmp_path / 'run'
    path = os.pathsep.join([str(REPOSITORY), os.environ.get('PYTHONPATH', '')])
    started = subprocess.Popen(
        [
            sys.executable,
            '-m',
            'liquid_pilot.cli',
            'evaluate',
            'forest-ltc',
            '--missions',
            '200',
            '--seed',
            '21',
            '--out',
            str(out),
        ],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, 'PYTHONPATH': path},
        start_new_session=True,
    )
    file, deadline = out / 'missions.jsonl', time.monotonic() + 60
    while not (file.exists() and file.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.05)
    send(started.pid, number)
    said = started.communicate(timeout=180)[1]
    assert started.returncode == code, said
    # Python warns of semaphores that are not freed.
    assert 'Traceback' not in said and 'leaked' not in said and 'missions are missing' in said
    flown = len(file.read_text().splitlines())
    assert f'{200 - flown} missions are missing' in (out / 'report.md').read_text()
    deadline = time.monotonic() + 10
    while alive_in_group(started.pid) and time.monotonic() < deadline:
        time.sleep(0.05)  # the last ends when it sees its parent gone
    assert alive_in_group(started.pid) == []
