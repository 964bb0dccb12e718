"""The vehicle of docs/how_to/own_vehicle.md, from an installed package: trained, judged, driven."""

import json

import page_package
import pytest
import yaml

from liquid_pilot.cli.main import main
from liquid_pilot.interfaces import Command, LiquidPilotError
from liquid_pilot.nodes.launch.flight_options import FlyOptions
from liquid_pilot.onboard.vehicles.registry import VEHICLES, get_vehicle
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.simulation.tasks.registry import check_conditions, task_of

FILES = page_package.files_of('own_vehicle.md')
SMALL = [
    *('--set', 'encoder_epochs=1', '--set', 'core_epochs=1', '--set', 'joint_steps=0'),
    *('--threads', '1', '--workers', '1'),
]


@pytest.fixture
def robots(tmp_path):
    with page_package.installed(FILES, tmp_path / 'installed'):
        yield


def changed(folder, file, before, after):
    """Install the page's package with another file."""
    assert before in FILES[file]
    return page_package.installed({**FILES, file: FILES[file].replace(before, after)}, folder)


def run(*words):
    """Run a command in this process; it has to end well."""
    assert main([str(word) for word in words]) == 0


def test_it_is_a_vehicle_like_the_shipped_ones(robots):
    assert list(VEHICLES) == ['quadrotor', 'rover', 'wagon']
    assert get_vehicle('wagon').limits.maximum == (5.0, 0.0, 0.0, 2.0)
    options = FlyOptions(vehicle='wagon', pilot='road-ltc', simulator='none')
    assert options.vehicle == 'wagon'
    with pytest.raises(LiquidPilotError, match='vehicle must be one of quadrotor, rover, wagon'):
        FlyOptions(vehicle='waggon')
    assert task_of('wagon').rules == task_of('rover').rules


def test_the_heavy_wagon_accelerates_less_than_the_rover(robots):
    reached_m = {}
    for vehicle in ('rover', 'wagon'):
        with Simulation(SimulationSettings(vehicle=vehicle)) as simulation:
            packet = simulation.reset(3)
            for _ in range(20):
                packet = simulation.advance(Command(packet.stamp_ns, 5.0, 0.0, 0.0, 0.0))
            start = simulation.layout.start_enu_m
            place = packet.state.position_enu_m
            reached_m[vehicle] = sum((a - b) ** 2 for a, b in zip(place, start, strict=True)) ** 0.5
    assert 0.2 < reached_m['wagon'] < 0.9 * reached_m['rover']


def test_a_vehicle_without_a_task_is_flown_but_not_simulated(tmp_path, capsys):
    entry = '[project.entry-points."liquid_pilot.tasks"]\nwagon = "my_robots:task"\n'
    with changed(tmp_path / 'installed', 'pyproject.toml', entry, ''):
        assert get_vehicle('wagon').adapters == ('cmd_vel',)
        words = ['demonstrate', '--vehicle', 'wagon', '--out', str(tmp_path / 'out')]
        assert main(words) != 0
        said = capsys.readouterr().err
        assert "no vehicle named 'wagon' in simulation; there is: quadrotor, rover" in said


BROKEN = {
    'another type': (
        '\n\ndef task',
        '\nVEHICLE = 3\n\n\ndef task',
        'is an object of type int',
    ),
    'does not import': ('import VehicleSpec', 'import WagonSpec', 'my_robots cannot be imported'),
    'not there': ('VEHICLE =', 'WAGON =', "my_robots has no 'VEHICLE'; correct the entry point"),
}


@pytest.mark.parametrize(('before', 'after', 'words'), BROKEN.values(), ids=BROKEN)
def test_one_that_is_broken_names_its_package(tmp_path, before, after, words):
    start = "^the vehicle 'wagon' of the package my_robots 1.0 cannot be used: .*"
    with changed(tmp_path, 'my_robots.py', before, after):
        with pytest.raises(LiquidPilotError, match=start + words):
            get_vehicle('wagon')
        assert get_vehicle('rover').default_pilot == 'road-ltc'


@pytest.mark.parametrize(
    ('before', 'after', 'words'),
    [
        ('    return replace(', '    replace(', "the NoneType that it makes has no 'vehicle', "),
        ('vehicle=lambda', 'vehicel=lambda', r'it failed to start \(TypeError: .*my_robots.py:'),
    ],
)
def test_a_task_that_is_broken_names_its_package(tmp_path, before, after, words):
    start = "^the task 'wagon' of the package my_robots 1.0 cannot be used: "
    with (
        changed(tmp_path, 'my_robots.py', before, after),
        pytest.raises(LiquidPilotError, match=start + words),
    ):
        check_conditions('wagon', ())


@pytest.mark.slow
def test_the_wagon_is_shown_trained_judged_and_driven(robots, tmp_path):
    demonstrations, out = tmp_path / 'demonstrations', tmp_path / 'trained'
    # Disturbed so much that it soon leaves the road.
    words = ['--episodes', 3, '--disturbance', 9, '--workers', 2]
    run('demonstrate', '--vehicle', 'wagon', '--out', demonstrations, *words)
    config = tmp_path / 'wagon.yaml'
    config.write_text(FILES['wagon.yaml'])
    assert yaml.safe_load(FILES['wagon.yaml'])['vehicle'] == 'wagon'
    run('train', '--demonstrations', demonstrations, '--config', config, '--out', out, *SMALL)
    pilot = out / 'pilot'
    description = json.loads((pilot / 'pilot.json').read_text())
    assert description['vehicle'] == 'wagon' and description['steering'] == 'curvature'
    assert description['limits']['maximum'] == [5.0, 0.0, 0.0, 2.0]
    run('evaluate', pilot, '--missions', 2, '--workers', 2, '--out', tmp_path / 'judged')
    version = json.loads((tmp_path / 'judged' / 'missions.jsonl').read_text().splitlines()[0])
    assert version['version'].endswith('+my_robots-1.0')
    parameters = tmp_path / 'fly.yaml'
    parameters.write_text('/**/simulator:\n  ros__parameters:\n    time_limit_s: 2.0\n')
    # Three episodes are no statistics to adapt by: every frame is novel, and it slows down.
    words = ['--missions', 1, '--no-adapt', '--headless', '--params-file', parameters]
    run('fly', '--vehicle', 'wagon', '--pilot', pilot, *words, '--out', tmp_path / 'driven')
    report = json.loads((tmp_path / 'driven' / 'report.json').read_text())
    assert report['run']['vehicle'] == 'wagon'
    # At 2 m/s^2 it is slower after two seconds than the rover at 3.
    assert 0.5 < report['missions'][0]['distance_flown_m'] < 4.5
