"""What ./run installs and says, with a Python that only writes down what it is asked."""

import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest

from liquid_pilot.cli import main

ROOT = Path(__file__).resolve().parents[1]
PYTHON = """#!/usr/bin/env bash
printf '%s\\n' "$*" >>"$ASKED"
case "$*" in
    '-m venv '*) mkdir -p .venv/bin; cp "$0" .venv/bin/python3; cp "$0" .venv/bin/liquid-pilot ;;
    '-m pip config get '*) [ -n "${FAKE_INDEX_URL:-}" ] ;;
    '-m pip index versions '*) [ -z "${FAKE_OFFLINE:-}" ] ;;
    *find_spec\\(\\"torch\\"\\)*|*'import rclpy'*) exit 1 ;;
    '-m pip install '*)
        echo 'pip writes'
        [ -z "${FAKE_INTERRUPT:-}" ] || { kill -INT $PPID; exit 1; }
        ;;
esac
"""
COMMANDS_PAGE = 'docs/reference/commands.md'
CPU_INDEX = 'https://download.pytorch.org/whl/cpu'


@pytest.fixture
def run(tmp_path):
    """Function (*arguments, terminal, code, **environment): (output, errors, pip installs)."""
    (tmp_path / 'docs' / 'reference').mkdir(parents=True)
    for name in ('run', 'setup.py', 'constraints.txt', 'constraints-numpy1.txt', COMMANDS_PAGE):
        shutil.copy(ROOT / name, tmp_path / name)
    programs = tmp_path / 'programs'
    programs.mkdir()
    python = programs / 'python3'
    python.write_text(PYTHON)
    python.chmod(0o755)
    uname = programs / 'uname'
    uname.write_text('#!/bin/sh\necho x86_64\n')
    uname.chmod(0o755)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(('PIP_', 'ROS_', 'LIQUID_PILOT_')) and name != 'NO_COLOR'
    }
    asked = tmp_path / 'asked'

    def start(*arguments, terminal=False, code=0, **environment):
        asked.write_text('')
        own, other = pty.openpty() if terminal else os.pipe()
        process = subprocess.Popen(
            [tmp_path / 'run', *arguments],
            env={
                **kept,
                'PATH': f'{programs}:{os.environ["PATH"]}',
                'ASKED': str(asked),
                'TERM': 'xterm',
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=other,
            text=True,
        )
        output, _ = process.communicate(timeout=60)
        os.close(other)
        errors = ''
        while True:
            try:
                data = os.read(own, 1 << 16)
            except OSError:
                break
            if not data:
                break
            errors += data.decode()
        os.close(own)
        assert process.returncode == code, errors
        lines = asked.read_text().splitlines()
        return output, errors, [line for line in lines if line.startswith('-m pip install ')]

    return start


def test_a_pipe_gets_no_escape_codes_and_standard_output_is_the_commands(run):
    output, errors, (install,) = run('inspect', 'forest-ltc')
    assert ' -q ' in install and '.[ros,sim,view]' in install
    assert '\033' not in errors and '280 MB to download, 1.0 GB on the disk' in errors
    assert output == ''
    # The second time nothing is installed, and nothing is said.
    assert run('inspect', 'forest-ltc') == ('', '', [])


def test_a_terminal_sees_what_pip_does(run):
    _, errors, (install,) = run('inspect', 'forest-ltc', terminal=True)
    assert ' -q' not in install and 'pip writes' in errors
    assert '\033[1m[liquid_pilot]\033[0m ' in errors


@pytest.mark.parametrize('environment', [{'NO_COLOR': '1'}, {'TERM': 'dumb'}])
def test_a_terminal_without_colours_gets_none(run, environment):
    _, errors, _ = run('inspect', 'forest-ltc', terminal=True, **environment)
    assert '[liquid_pilot] ' in errors and '\033' not in errors


def test_torch_is_that_for_the_cpu(run):
    _, errors, (torch, install) = run('train', '--out', 'x')
    assert f'--index-url {CPU_INDEX}' in torch and ' --no-deps ' in torch
    assert torch.endswith('-c constraints.txt torch')
    assert CPU_INDEX not in install and '.[ros,sim,train,view]' in install
    assert 'torch for the CPU' in errors


@pytest.mark.parametrize(
    'environment',
    [
        {'LIQUID_PILOT_TORCH': 'cuda'},
        {'PIP_NO_INDEX': '1'},
        {'PIP_INDEX_URL': 'https://mirror/simple'},
        {'FAKE_INDEX_URL': 'https://mirror/simple'},
    ],
)
def test_who_has_chosen_where_torch_comes_from_gets_it_from_there(run, environment):
    _, _, (install,) = run('train', '--out', 'x', **environment)
    assert CPU_INDEX not in install


def test_without_the_index_of_pytorch_pip_takes_what_it_finds(run):
    _, errors, (install,) = run('train', '--out', 'x', FAKE_OFFLINE='1')
    assert CPU_INDEX not in install
    assert 'that of PyPI, for CUDA, takes some gigabytes' in errors


def test_help_of_training_installs_no_torch(run):
    _, _, (install,) = run('train', '--help')
    assert '.[ros,sim,view]' in install


def test_an_environment_without_pip_is_made_again(run, tmp_path):
    python = tmp_path / '.venv' / 'bin' / 'python3'
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nexit 1\n')
    python.chmod(0o755)
    _, errors, installs = run('doctor')
    assert 'making .venv' in errors and len(installs) == 1


def test_help_lists_the_commands_once_they_are_installed(run, tmp_path):
    output, _, installs = run('--help')
    assert './run fly' in output and 'commands:' not in output and not installs
    program = tmp_path / '.venv' / 'bin' / 'liquid-pilot'
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\nprintf "usage: x\\n\\ncommands:\\n  status  show\\n"\n')
    program.chmod(0o755)
    output, _, _ = run('help')
    assert 'status  show' in output and 'usage: x' not in output


def test_an_interrupted_installation_says_that_it_goes_on(run):
    _, errors, installs = run('inspect', 'forest-ltc', FAKE_INTERRUPT='1', code=130)
    assert 'interrupted: the next start goes on' in errors and 'needs a network' not in errors
    _, _, again = run('doctor')
    assert installs == again and len(again) == 1


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        ('typo', "there is no command 'typo'. The commands are: fly status "),
        ('onboard typo', "there is no command 'typo'"),
        ('--headless', "there is no command '--headless'"),
        ('demonstrate', 'demonstrate requires --out DIR; see docs/reference/commands.md'),
        ('demonstrate --outer x', 'demonstrate requires --out DIR'),
        ('dataset --out=x', 'dataset requires BAG ..., --config FILE; see'),
        ('inspect --json', 'inspect requires PILOT; see'),
        ('onboard inspect', 'inspect requires PILOT; see'),
    ],
)
def test_what_cannot_run_is_refused_before_anything_is_installed(run, tmp_path, words, said):
    output, errors, installs = run(*words.split(), code=2)
    assert said in errors and errors.count('\n') == 1 and output == ''
    assert not installs and not (tmp_path / '.venv').exists()


@pytest.mark.parametrize(
    'words',
    [
        '--version',
        'fly',
        'onboard',
        'evaluate',
        'demonstrate --out=x',
        'demonstrate -h',
        'inspect -- -x',
        'dataset bag --config c --out x',
    ],
)
def test_what_may_run_is_installed(run, words):
    _, errors, installs = run(*words.split())
    assert installs and 'installed; the first start takes' in errors


def test_every_command_and_its_requirements_are_known_before_the_installation(run):
    for command in main.COMMANDS:
        actions = main.make_parser(command)._subparsers._group_actions[0].choices[command]._actions
        required = [
            (action.option_strings or [action.metavar or action.dest])[0]
            for action in actions
            if action.required
        ]
        if required:
            _, errors, _ = run(command, code=2)
            assert all(f' {name}' in errors for name in required), errors
