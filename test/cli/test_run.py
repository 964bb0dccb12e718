"""`./run` of a checkout: it runs a command where the user is."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path):
    """A checkout in which everything is installed, as far as `run` can tell; nothing is."""
    folder = tmp_path / 'check out'
    programs = folder / '.venv' / 'bin'
    programs.mkdir(parents=True)
    for name in ('run', 'setup.py', 'constraints.txt', 'constraints-numpy1.txt'):
        shutil.copy(REPOSITORY / name, folder / name)
    for name, line in (('python3', 'exit 0'), ('liquid-pilot', 'pwd; printf "%s\\n" "$@"')):
        (programs / name).write_text(f'#!/bin/sh\n{line}\n')
        (programs / name).chmod(0o755)
    return folder


def test_relative_paths_are_those_of_the_user(checkout, tmp_path):
    here = tmp_path / 'here'
    here.mkdir()
    for script in (checkout / 'run', Path('..') / checkout.name / 'run'):
        done = subprocess.run(
            [str(script), 'onboard', 'inspect', 'a b', '--plot', 'x.png'],
            cwd=here,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            env={
                **{name: text for name, text in os.environ.items() if name != 'ROS_DISTRO'},
                'PATH': os.pathsep.join([str(Path(sys.executable).parent), os.environ['PATH']]),
            },
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == [str(here), 'inspect', 'a b', '--plot', 'x.png']
    assert list(here.iterdir()) == []
