"""A recorded flight opens in Rerun: pictures, plots by the names of neurons, trees and the way.

It is skipped where the program `rerun` (of rerun-sdk) is not on the PATH.
"""

import re
import shutil
import subprocess
from collections import Counter

import pytest

from liquid_pilot.nodes.common import topics

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which('rerun') is None, reason='rerun (rerun-sdk) is not installed'),
]
_CHUNK = re.compile(r'Chunk\(\w+\) with (\d+) rows \(.*?\) - (\S+) - data columns: \[(.*)\]')


@pytest.fixture(scope='module')
def recording(run_cli, tmp_path_factory):
    """The file of a flight of one mission."""
    out = tmp_path_factory.mktemp('flight') / 'run'
    fly = run_cli(
        *('fly', '--missions', '1', '--seed', '7', '--headless', '--record', '--visualization'),
        *('--out', out),
    )
    _, said = fly.communicate(timeout=240)
    assert fly.returncode == 0, said
    (file,) = (out / 'recording').glob('*.mcap')
    return file


@pytest.fixture(scope='module')
def rerun(tmp_path_factory):
    """Function (*arguments) -> what the program says; its settings are in a folder of its own."""
    home = tmp_path_factory.mktemp('rerun')

    def run(*arguments):
        done = subprocess.run(
            ['rerun', *map(str, arguments)],
            env={'HOME': str(home), 'PATH': '/usr/bin:/bin', 'NO_COLOR': '1'},
            executable=shutil.which('rerun'),
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_rerun_finds_no_fault_in_any_topic(recording, rerun):
    lines = rerun('mcap', 'check', recording).splitlines()
    found = {
        words[3]: words[0]
        for line in lines
        if len(words := line.split()) > 4 and words[1].isdigit()
    }
    wanted = {topics.IMAGE, *topics.RECORDED_TOPICS} - {
        topics.ATTITUDE_THRUST,
        topics.EXPERT_COMMAND,
        topics.TF,
        topics.TF_STATIC,
    }
    assert {f'/{name.lstrip("/")}' for name in wanted} <= set(found)
    assert set(found.values()) == {'ok'}


def test_rerun_shows_pictures_plots_and_the_way(recording, rerun, tmp_path):
    file = tmp_path / 'flight.rrd'
    rerun('mcap', 'convert', recording, '-o', file)
    rows: Counter[tuple[str, str]] = Counter()
    for count, entity, columns in _CHUNK.findall(rerun('rrd', 'print', file)):
        for kind in {column.partition(':')[0] for column in columns.split()}:
            rows[entity, kind] += int(count)
    # Pictures are sent once, and one may be lost on the way to a recorder that is late.
    assert rows['/camera/image_raw', 'Image'] > 50
    assert rows['/camera/camera_info', 'Pinhole'] > 50
    ticks = rows[f'/{topics.NEURONS}/position', 'Scalars']
    assert ticks > 50
    for entity in (
        f'{topics.NEURONS}/velocity',
        f'{topics.NEURONS}/effort',
        topics.SIGNALS + '/position',
    ):
        assert rows[f'/{entity}', 'Scalars'] == ticks
    assert rows[f'/{topics.OBSTACLES}', 'Points3D'] == 1
    assert rows[f'/{topics.PATH_POINTS}', 'Points3D'] > 3
