"""No process of Python that we start executes a file of the working folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from liquid_pilot.liquid import precompile
from liquid_pilot.nodes.launch import process_runner
from liquid_pilot.nodes.launch.flight_graph import nodes
from liquid_pilot.nodes.launch.flight_options import FlyOptions
from liquid_pilot.onboard.inference import kernels
from liquid_pilot.utils.processes.child_python import module_command, safe_path_for_children

REPOSITORY = Path(__file__).resolve().parents[3]
NAMES = ('random', 'struct', 'socket', 'pickle', 'json', 'yaml', 'numpy')
TRAP = 'import pathlib; pathlib.Path(__file__).with_suffix(".executed").touch()\n'
POOL = """
from liquid_pilot.utils.processes.process_pool import spawned_pool

def main():
    with spawned_pool(1, print, ()) as pool:
        pool.submit(sum, [1]).result()

if __name__ == '__main__':
    main()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder of a user who calls a file as Python calls a module."""
    folder = tmp_path / 'user'
    folder.mkdir()
    for name in NAMES:
        (folder / f'{name}.py').write_text(TRAP)
    monkeypatch.chdir(folder)
    return folder


def executed(folder):
    return sorted(path.stem for path in folder.glob('*.executed'))


def test_a_module_is_not_taken_from_the_working_folder(folder):
    command = [*module_command('json.tool'), os.devnull, '--json-lines']
    assert subprocess.run(command, timeout=60).returncode == 0
    assert executed(folder) == []
    # The trap works.
    subprocess.run([sys.executable, '-m', 'json.tool', os.devnull], capture_output=True, timeout=60)
    assert executed(folder) == ['json']


def test_the_command_for_python_3_10_does_the_same(folder, monkeypatch):
    monkeypatch.setattr(sys, 'version_info', (3, 10))
    command = [*module_command('json.tool'), os.devnull, '--json-lines']
    assert '-P' not in command
    assert subprocess.run(command, timeout=60).returncode == 0
    assert executed(folder) == []


def test_workers_and_what_tracks_them_are_not_either(folder, tmp_path):
    script = tmp_path / 'elsewhere.py'
    script.write_text(POOL)
    done = subprocess.run([sys.executable, str(script)], timeout=120)
    assert (done.returncode, executed(folder)) == (0, [])


def test_the_variable_is_left_as_it_was(monkeypatch):
    monkeypatch.delenv('PYTHONSAFEPATH', raising=False)
    with safe_path_for_children():
        assert os.environ['PYTHONSAFEPATH'] == '1'
    assert 'PYTHONSAFEPATH' not in os.environ


def test_nodes_and_compilers_are_started_by_that_command(monkeypatch):
    for spec in nodes(FlyOptions(out='/run', record=True)):
        module = f'liquid_pilot.nodes.{spec.executable}'
        line = process_runner.command_line(spec)
        assert line[: len(module_command(module))] == module_command(module)
    for module in (kernels, precompile):
        assert module.module_command is module_command


def test_the_setup_of_a_robot_does_not_execute_the_files_of_a_folder(folder):
    (folder / 'sysconfig.py').write_text(TRAP)
    setup = REPOSITORY / 'config' / 'onboard' / 'setup.bash'
    text = setup.read_text()
    assert 'python3" -I -c' in text
    done = subprocess.run(
        [sys.executable, '-I', '-c', 'import sysconfig; print(sysconfig.get_path("purelib"))'],
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert 'site-packages' in done.stdout
    assert executed(folder) == []
