"""`liquid-pilot watch` refuses what it cannot show, and ends cleanly."""

import signal
import subprocess
import sys
import urllib.request

import pytest

from liquid_pilot.cli import main


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (['/nowhere/at/all'], 'there is no such run or recording'),
        (['--host', '0.0.0.0'], 'a token is needed: set --token-file'),
        (['--token-file', '/nowhere/token'], '--token-file: /nowhere/token cannot be used'),
        (['--report'], '--report is for a recording'),
        (['--port', '70000'], '--port must be at most 65535'),
        (['--history-mb', '0'], '--history-mb must lie in'),
    ],
)
def test_what_cannot_be_shown_is_refused_at_once(words, said, capsys):
    assert main.main(['watch', *words]) == main.REFUSED
    assert said in capsys.readouterr().err


def test_a_run_without_a_recording_is_refused_with_the_way_to_record_it(tmp_path, capsys):
    (tmp_path / 'report.json').write_text('{}')
    assert main.main(['watch', str(tmp_path)]) == main.REFUSED
    assert 'was not recorded; fly it again with --record' in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_graph_is_watched_until_a_signal(number):
    process = subprocess.Popen(
        [sys.executable, '-m', 'liquid_pilot.cli', 'watch', '--port', '0'],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    line = process.stderr.readline()
    assert '[dashboard] http://127.0.0.1:' in line
    with urllib.request.urlopen(line.split()[1], timeout=10) as answer:
        assert b'What the pilot sees' in answer.read()
    process.send_signal(number)
    assert process.wait(20) == 0
    assert process.stderr.read() == ''
