"""Completion at the press of Tab: what is offered, how quickly, and by a real bash."""

import io
import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from liquid_pilot.cli import completion, main

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def offered(monkeypatch):
    """Function (command line up to the cursor) -> what is offered there."""

    original = completion.complete

    def no_stream(number, mode):
        raise OSError(f'{number} is no stream of a shell')

    # The shell gives argcomplete the file descriptors 8 and 9. In this process they belong to the
    # test runner, and argcomplete would close them.
    monkeypatch.setattr('argcomplete.finders.os.fdopen', no_stream)

    def ask(line):
        for name, value in (
            ('_ARGCOMPLETE', '1'),
            ('_ARGCOMPLETE_IFS', '\v'),
            ('COMP_LINE', line),
            ('COMP_POINT', str(len(line))),
            ('COMP_TYPE', '9'),
            # bash ends a word at these, so that it asks for what follows the last one.
            ('_ARGCOMPLETE_COMP_WORDBREAKS', ' \t\n"\'><=;|&(:'),
            ('_ARGCOMPLETE_SUPPRESS_SPACE', '1'),
        ):
            monkeypatch.setenv(name, value)
        answer = io.StringIO()
        monkeypatch.setattr(
            completion,
            'complete',
            lambda parser: original(parser, exit_method=sys.exit, output_stream=answer),
        )
        with pytest.raises(SystemExit):
            completion.answer_shell(main.COMMANDS, main.make_parser)
        return [word.strip() for word in answer.getvalue().split('\v') if word]

    return ask


def test_commands(offered):
    assert offered('liquid-pilot ') == list(main.COMMANDS)
    assert offered('liquid-pilot st') == ['status', 'stop']


@pytest.mark.parametrize('command', main.COMMANDS)
def test_options_of_every_command(offered, command):
    known = {
        text
        for action in main._options(command)
        for text in action.option_strings
        if text.startswith('--')
    }
    assert set(offered(f'liquid-pilot {command} --')) == known | {'--help'}


@pytest.mark.parametrize(
    ('line', 'words'),
    [
        ('fly --adap', ['--adapt', '--adapter']),
        ('fly --no-ad', ['--no-adapt']),
        ('fly --vehicle ', ['quadrotor', 'rover']),
        ('fly --simulator m', ['mujoco']),
        ('fly --adapter px', ['px4', 'px4_attitude']),
        ('fly --condition sn', ['snow:']),
        ('fly --condition snow:', ['1', '2', '3', '4', '5']),
        ('fly --condition snow:4+sn', ['4+snow:']),
        ('fly --condition cle', ['clear']),
        ('evaluate --conditions fog:1,al', ['1,all:']),
        ('evaluate --conditions all:', ['1', '2', '3', '4', '5']),
        ('inspect forest', ['forest-ltc']),
        ('fly --pilot road', ['road-ltc']),
        ('evaluate forest-ltc roa', ['road-ltc']),
        ('evaluate forest-ltc+', ['forest-ltc+adapt']),
        ('completion ', ['bash', 'zsh', 'fish']),
        ('fly --seed ', []),
        ('fly --camera-topic ', []),
        ('stop --dis', ['--disengage']),
        ('status --n', ['--namespace']),
    ],
)
def test_values(offered, line, words, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert offered(f'liquid-pilot {line}') == words


def test_files_and_folders_where_one_is_expected(offered, monkeypatch, tmp_path):
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine.yaml').touch()
    monkeypatch.chdir(tmp_path)
    assert offered('liquid-pilot fly --params-file mi') == ['mine.yaml', 'mine/']
    assert offered('liquid-pilot fly --out mi') == ['mine.yaml', 'mine/']
    assert offered('liquid-pilot inspect mi') == ['mine/'], 'a pilot is a folder'


def test_the_script_of_a_checkout_has_commands_of_its_own(offered):
    assert offered('./run te') == ['teach', 'test']
    assert offered('./run do') == ['doctor', 'docs']
    assert offered('./run fly --simul') == ['--simulator']
    assert offered('./run onboard stat') == ['status']
    assert offered('./run onboard inspect forest') == ['forest-ltc']
    assert offered('liquid-pilot te') == ['teach']


def test_nothing_heavy_is_imported_for_an_answer():
    code = (
        'import os, sys\n'
        'from liquid_pilot.cli import completion, main\n'
        'line = "liquid-pilot fly --condition snow:4+win"\n'
        'os.environ.update(_ARGCOMPLETE="1", COMP_LINE=line, COMP_POINT=str(len(line)))\n'
        'def end(code):\n'
        '    heavy = {"rclpy", "torch", "rich", "yaml", "numba", "mujoco", "cv2", "onnxruntime"}\n'
        '    print(sorted(heavy & set(sys.modules)))\n'
        '    sys.exit(0)\n'
        'import io\n'
        'parser = main.make_parser("fly")\n'
        'completion.complete(parser, exit_method=end, output_stream=io.StringIO())\n'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, timeout=180, cwd=REPOSITORY
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, '[]\n', '')


@pytest.mark.parametrize('shell', completion.SHELLS)
def test_the_code_for_a_shell(shell, capsys):
    assert main.main(['completion', shell]) == 0
    code = capsys.readouterr().out
    assert '_ARGCOMPLETE' in code and 'liquid-pilot' in code
    if shutil.which(shell):
        checked = subprocess.run([shell, '-n'], input=code, text=True, capture_output=True)
        assert (checked.returncode, checked.stderr) == (0, '')


def test_without_argcomplete_it_says_how_to_install_it(monkeypatch, capsys):
    from liquid_pilot.utils import extras

    monkeypatch.setattr(extras, 'find_spec', lambda name: None)
    assert main.main(['completion', 'bash']) != 0
    said = capsys.readouterr().err
    assert 'completion needs argcomplete, which is not installed; ' in said
    assert said.count('\n') == 1


def test_a_shell_that_asks_wrongly_gets_no_answer_and_no_noise():
    done = subprocess.run(
        [sys.executable, '-m', 'liquid_pilot.cli'],
        capture_output=True,
        text=True,
        timeout=180,
        cwd=REPOSITORY,
        env={**os.environ, '_ARGCOMPLETE': '1'},
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, '', '')


class Terminal:
    """A real bash on a terminal, with `liquid-pilot` on its path."""

    def __init__(self, folder):
        program = folder / 'liquid-pilot'
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m liquid_pilot.cli "$@"\n')
        program.chmod(0o755)
        environment = {**os.environ, 'PATH': f'{folder}:{os.environ["PATH"]}', 'PS1': '> '}
        environment.update(TERM='dumb', PYTHONPATH=str(REPOSITORY), INPUTRC='/dev/null')
        self.process, self._terminal = pty.fork()
        if not self.process:
            os.chdir(folder)
            os.execvpe('bash', ['bash', '--norc', '--noprofile', '-i'], environment)

    def types(self, text, until, limit_s=60.0):
        """Type a text; wait until what appears has a text in it, and return it."""
        os.write(self._terminal, text.encode())
        seen, end_s = '', time.monotonic() + limit_s
        while until not in seen:
            left_s = end_s - time.monotonic()
            assert left_s > 0.0, seen
            if select.select([self._terminal], [], [], left_s)[0]:
                seen += os.read(self._terminal, 4096).decode(errors='replace')
        return seen

    def close(self):
        os.close(self._terminal)
        os.waitpid(self.process, 0)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which('bash'), reason='there is no bash')
def test_a_real_bash_completes_at_the_press_of_tab(tmp_path):
    terminal = Terminal(tmp_path)
    try:
        terminal.types('echo ready; bind "set bell-style none"\n', 'ready\r\n')
        terminal.types('eval "$(liquid-pilot completion bash)"; echo done\n', 'done\r\n')
        # What is unique is written out, with a space behind it.
        terminal.types('liquid-pilot sta\t', 'liquid-pilot status ')
        terminal.types('--js\t', '--json ')
        terminal.types('\x15liquid-pilot fly --condition sno\t', 'snow:')
        terminal.types('4 --vehicle ro\t', 'rover ')
        terminal.types('--pilot road\t', 'road-ltc ')
        # What is not is completed as far as it goes, then listed at a second Tab.
        listed = terminal.types('--adap\t\t\t', '--adapter')
        assert '--adapt ' in listed
        terminal.types('\x15liquid-pilot inspect fo\t', 'forest-ltc ')
    finally:
        terminal.close()
