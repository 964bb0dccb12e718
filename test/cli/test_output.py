"""Standard output that fails: one line in every command, or nothing where the reader has gone."""

import errno
import io
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from liquid_pilot.cli import main
from liquid_pilot.cli.output import READER_GONE

REPOSITORY = Path(__file__).resolve().parents[2]


class Output(io.StringIO):
    """Standard output that cannot be written, at the first write or when it is flushed."""

    def __init__(self, error, late):
        super().__init__()
        self._error, self._late = error, late

    def write(self, text):
        if not self._late:
            raise self._error
        return super().write(text)

    def flush(self):
        if self.getvalue():
            raise self._error


@pytest.mark.parametrize('late', [False, True])
@pytest.mark.parametrize(
    'words',
    ['inspect forest-ltc', 'completion bash', '--help', '--version', 'fly --help', ''],
)
def test_output_that_cannot_be_written_is_one_line_in_every_command(
    words, late, monkeypatch, capsys
):
    monkeypatch.setattr(sys, 'stdout', Output(OSError(errno.ENOSPC, 'No space left'), late))
    assert main.main(words.split()) == main.FAILED
    said = capsys.readouterr().err
    assert said.startswith('liquid-pilot') and said.count('\n') == 1
    assert 'standard output cannot be written: No space left; ' in said
    monkeypatch.setattr(sys, 'stdout', Output(BrokenPipeError(errno.EPIPE, 'Broken pipe'), late))
    assert main.main(words.split()) == READER_GONE
    assert capsys.readouterr().err == ''


@pytest.mark.parametrize('unbuffered', ['', '1'])
def test_a_full_disk_leaves_one_line_and_nothing_at_the_end_of_python(unbuffered):
    with open('/dev/full', 'w') as full:
        ended = subprocess.run(
            [sys.executable, '-m', 'liquid_pilot.cli', '--help'],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=180,
            cwd=REPOSITORY,
            env={**os.environ, 'PYTHONUNBUFFERED': unbuffered},
        )
    assert ended.returncode == main.FAILED
    assert ended.stderr.count('\n') == 1 and 'No space left on device' in ended.stderr


def test_closed_output_is_no_fault(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'stdout', None)
    assert main.main(['inspect', 'forest-ltc']) == 0
    assert sys.stdout is None
    monkeypatch.undo()
    assert capsys.readouterr() == ('', '')


def test_what_is_printed_after_an_error_of_another_file_is_no_error_of_the_output(monkeypatch):
    command = SimpleNamespace(DESCRIPTION='x', add_arguments=lambda parser: None)

    def run_command(arguments):
        raise OSError(errno.ENOSPC, 'No space left', 'another file')

    command.run = run_command
    monkeypatch.setattr(main, 'load_command', lambda name: command)
    with pytest.raises(OSError, match='another file'):
        main.main(['inspect'])


def test_a_reader_that_has_gone_is_no_error_to_speak_of():
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, '-m', 'liquid_pilot.cli', 'inspect', 'forest-ltc'],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        timeout=180,
        cwd=REPOSITORY,
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, '')
