"""Whole runs of `liquid-pilot fly --simulator scene` around a vehicle that does as it is told.

The genuine nodes, with the shipped pilot; the vehicle is ideal_vehicle.py.
"""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import ros_domain
import yaml

ROOT = Path(__file__).resolve().parents[3]
VEHICLE = ROOT / 'test' / 'support' / 'missions' / 'ideal_vehicle.py'
SEED = 10_000


@pytest.fixture
def fly(run_cli, monkeypatch, tmp_path):
    """Function (vehicle or '', fault, options, parameters) -> exit code, output, report."""
    # What the test before has killed may still be listed in its domain.
    monkeypatch.setenv('ROS_DOMAIN_ID', str(ros_domain.reserve()))
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    with contextlib.ExitStack() as stack:

        def start(vehicle, *options, fault='', **parameters):
            if vehicle:
                log = stack.enter_context((tmp_path / 'vehicle.log').open('w+'))
                process = subprocess.Popen(
                    [sys.executable, VEHICLE, vehicle],
                    stdout=log,
                    stderr=log,
                    env={**os.environ, 'VEHICLE_FAULT': fault},
                )
                stack.callback(process.wait)
                stack.callback(process.kill)
            path = tmp_path / 'parameters.yaml'
            path.write_text(yaml.safe_dump({'/**/scene': {'ros__parameters': parameters}}))
            extra = ('--params-file', path) if parameters else ()
            run = run_cli(
                'fly',
                *('--simulator', 'scene', '--headless', '--no-adapt', '--seed', SEED),
                *('--out', tmp_path / 'run', *extra, *options),
            )
            out, err = run.communicate(timeout=150)
            assert 'Traceback' not in err, err
            report = tmp_path / 'run' / 'report.json'
            return (
                run.returncode,
                out + err,
                json.loads(report.read_text()) if report.exists() else None,
            )

        yield start


@pytest.mark.slow
@pytest.mark.realtime
def test_the_shipped_pilot_flies_the_forest_around_a_vehicle_elsewhere(fly, tmp_path):
    code, said, report = fly('quadrotor', '--engage', '--missions', 1)
    assert code == 0, said
    (mission,) = report['missions']
    assert mission['outcome'] == 'success', said
    run = report['run']
    assert (run['simulator'], run['mode'], run['adapter']) == ('scene', 'realtime', 'cmd_vel')
    assert run['camera_hz'] > 8.0 and run['odometry_age_p50_ms'] < 100.0
    names = set(os.listdir(tmp_path / 'run'))
    assert {'report.json', 'paths.png', 'paths.npz', 'camera.png'} <= names
    path = np.load(tmp_path / 'run' / 'paths.npz')[f'seed_{SEED}']
    # It is in the coordinates of the course, whose start is near the origin.
    assert np.hypot(*path[0, 1:3]) < 0.2 and np.hypot(*path[-1, 1:3]) > 5.0


@pytest.mark.slow
@pytest.mark.realtime
def test_the_rover_follows_its_road(fly):
    code, said, report = fly(
        'rover', '--vehicle', 'rover', '--engage', '--missions', 1, time_limit_s=10.0
    )
    assert code == 0, said
    (mission,) = report['missions']
    assert mission['outcome'] == 'timeout', said
    assert mission['distance_flown_m'] > 25.0


@pytest.mark.slow
@pytest.mark.realtime
@pytest.mark.parametrize(
    ('fault', 'words'), [('silent', 'no odometry on /odom'), ('jump', 'jumped by 2')]
)
def test_a_mission_without_a_true_pose_is_aborted(fly, fault, words):
    code, said, report = fly('quadrotor', '--engage', '--missions', 1, fault=fault)
    assert code == 1, said
    (mission,) = report['missions']
    assert mission['outcome'] == 'aborted' and words in mission['reason'], said
    assert report['summary']['trials'] == 0


@pytest.mark.slow
def test_a_vehicle_that_is_not_there_is_named_with_what_publishes_it(fly):
    code, said, report = fly('', '--missions', 1, startup_timeout_s=20.0)
    assert (code, report) == (1, None)
    assert 'after 20 s the graph is not complete; missing: the odometry of the vehicle' in said
    assert 'on /odom' in said and 'mavros/local_position/odom' in said
