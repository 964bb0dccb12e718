"""The worlds of a killed run of Gazebo are removed by the next start, those of others are not."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from liquid_pilot.nodes.missions.world_folder import remove_abandoned, world_folder

PROGRAM = """
from liquid_pilot.nodes.missions.world_folder import world_folder

with world_folder() as folder:
    (folder / 'world_7').mkdir()
    (folder / 'world_7' / 'world.sdf').write_text('')
    print(folder, flush=True)
    input()
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder of temporary files of this test."""
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    return tmp_path


def test_the_folder_is_gone_after_the_run(temporary):
    with world_folder() as folder:
        (folder / 'world.sdf').write_text('')
        assert folder.parent == temporary
    assert list(temporary.iterdir()) == []


def test_what_a_killed_run_left_is_removed_and_nothing_else(temporary):
    for name in ('liquid_pilot_ros_domains.0', 'liquid_pilot_tests.1', 'elsewhere'):
        (temporary / name).mkdir()
    (temporary / 'liquid_pilot_gazebo_link').symlink_to(temporary / 'elsewhere')
    (temporary / 'liquid_pilot_gazebo_file').touch()
    others = set(temporary.iterdir())
    runs = [
        subprocess.Popen(
            [sys.executable, '-c', PROGRAM],
            env={**os.environ, 'TMPDIR': str(temporary)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        killed, living = (Path(run.stdout.readline().strip()) for run in runs)
        assert {killed, living} == set(temporary.iterdir()) - others
        runs[0].kill()
        runs[0].wait()
        with world_folder() as own:
            assert set(temporary.iterdir()) - others == {living, own}
            # A second start of the same machine sees both alive.
            remove_abandoned()
            assert (living / 'world_7' / 'world.sdf').exists() and own.exists()
    finally:
        for run in runs:
            run.kill()
            run.communicate()
    remove_abandoned()
    assert set(temporary.iterdir()) == others
