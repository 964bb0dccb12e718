"""A third vehicle by the code and configuration of docs/how_to/vehicles.md, from a package."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import ros_domain
import yaml

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / 'docs' / 'how_to' / 'vehicles.md').read_text()
SMALL = (
    '--set',
    'encoder_epochs=1',
    '--set',
    'core_epochs=1',
    '--set',
    'joint_steps=0',
    '--threads',
    '1',
    '--workers',
    '1',
)


def block(first):
    """An indented block of the page, by how it begins."""
    return textwrap.dedent(re.search(rf'((    {first}.*\n)((    .*)?\n)*)', PAGE)[1])


def package(folder, source, name='wagon', module='my_robots'):
    """What `pip install` leaves of a package with this vehicle in it."""
    (folder / module).mkdir(parents=True)
    (folder / module / '__init__.py').write_text('')
    (folder / module / 'wagon.py').write_text(source)
    about = folder / f'{module}-1.0.dist-info'
    about.mkdir()
    (about / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n')
    (about / 'entry_points.txt').write_text(
        f'[liquid_pilot.vehicles]\n{name} = {module}.wagon:VEHICLE\n'
        + (f'[liquid_pilot.tasks]\n{name} = {module}.wagon:task\n' if 'def task' in source else '')
    )
    return {
        **os.environ,
        'PYTHONPATH': os.pathsep.join([str(folder), str(ROOT)]),
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        'OMP_NUM_THREADS': '1',
        'ROS_DOMAIN_ID': str(ros_domain.reserve()),
    }


def run(environment, *words):
    process = subprocess.Popen(
        [sys.executable, '-m', 'liquid_pilot.cli', *map(str, words)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said = process.communicate(timeout=300)[0]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return process.returncode, said


@pytest.mark.slow
def test_the_wagon_of_the_page_is_shown_trained_judged_and_driven(tmp_path):
    environment = package(tmp_path / 'installed', block('from dataclasses'))
    demonstrations, out = tmp_path / 'demonstrations', tmp_path / 'trained'
    # Disturbed so much that it soon leaves the road.
    code, said = run(
        environment,
        'demonstrate',
        '--vehicle',
        'wagon',
        '--out',
        demonstrations,
        '--episodes',
        3,
        '--disturbance',
        9,
        '--workers',
        1,
    )
    assert code == 0, said
    config = tmp_path / 'wagon.yaml'
    config.write_text(block('name: road-wagon'))
    assert yaml.safe_load(config.read_text())['vehicle'] == 'wagon'
    code, said = run(
        environment,
        'train',
        '--demonstrations',
        demonstrations,
        '--config',
        config,
        '--out',
        out,
        *SMALL,
    )
    assert code == 0, said
    pilot = out / 'pilot'
    description = json.loads((pilot / 'pilot.json').read_text())
    assert description['vehicle'] == 'wagon' and description['steering'] == 'curvature'
    assert description['limits']['maximum'] == [5.0, 0.0, 0.0, 2.0]
    code, said = run(
        environment,
        'evaluate',
        pilot,
        '--missions',
        1,
        '--workers',
        1,
        '--out',
        tmp_path / 'judged',
    )
    assert code == 0, said
    parameters = tmp_path / 'fly.yaml'
    parameters.write_text('/**/simulator:\n  ros__parameters:\n    time_limit_s: 2.0\n')
    # Three episodes are no statistics to adapt by: every frame is novel, and it slows down.
    code, said = run(
        environment,
        'fly',
        '--vehicle',
        'wagon',
        '--pilot',
        pilot,
        '--missions',
        1,
        '--no-adapt',
        '--headless',
        '--params-file',
        parameters,
        '--out',
        tmp_path / 'flown',
    )
    assert code == 0, said
    report = json.loads((tmp_path / 'flown' / 'report.json').read_text())
    assert report['run']['vehicle'] == 'wagon'
    # At 2 m/s^2 it is slower after two seconds than the rover at 3.
    assert 0.5 < report['missions'][0]['distance_flown_m'] < 4.5


LIST = (
    'import warnings; warnings.simplefilter("always")\n'
    'from liquid_pilot.onboard.vehicles.registry import VEHICLES; print(sorted(VEHICLES))'
)


@pytest.mark.parametrize(
    ('name', 'source', 'words'),
    [
        (
            'wagon',
            'VEHICLE = 3',
            "'wagon' is left out: my_robots.wagon:VEHICLE is not an object that",
        ),
        ('wagon', 'import nothing_of_this_name', "'wagon' is left out: No module named"),
        ('rover', 'VEHICLE = 3', "'rover' is left out: there is a vehicle of this name already"),
    ],
)
def test_a_vehicle_that_cannot_be_loaded_is_left_out_with_a_warning(name, source, words, tmp_path):
    environment = package(tmp_path, source, name)
    done = subprocess.run(
        [sys.executable, '-c', LIST], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "['quadrotor', 'rover']"
    assert done.stderr.count('UserWarning') == 1 and words in done.stderr


def test_a_vehicle_without_a_task_is_flown_but_not_simulated(tmp_path):
    source = block('from dataclasses').partition('def task')[0]
    environment = package(tmp_path / 'installed', source)
    code, said = run(environment, 'demonstrate', '--vehicle', 'wagon', '--out', tmp_path / 'out')
    assert code == 1
    assert said.splitlines()[-1].endswith(
        "no vehicle named 'wagon' in simulation; there is: quadrotor, rover"
    ), said
