"""The checks beside a pilot that flies in the simulator: silent in weather, not on a wrong sign.

The helpers are those of benchmarks/conditions/sensor_checks.py, which flies every condition.
"""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND, ObservationError
from liquid_pilot.nodes.common.pilot_parameters import PilotParameters
from liquid_pilot.nodes.common.sensors.sensor_checks import SensorChecks
from liquid_pilot.onboard.adaptation.settings import parse_mode
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.rollout import InProcessPilot, fly_mission
from liquid_pilot.simulation.simulator import Simulation

FILE = Path(__file__).parents[4] / 'benchmarks' / 'conditions' / 'sensor_checks.py'
SEED = 7
RULES = MissionRules(time_limit_s=5.0)


@pytest.fixture(scope='module')
def benchmark():
    spec = importlib.util.spec_from_file_location('sensor_checks_benchmark', FILE)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def flight():
    """Simulation, and pilots as trained and adapting."""
    with Simulation() as simulation:
        file = pilot_file.load(pilot_file.resolve('forest-ltc'))
        yield (
            simulation,
            [InProcessPilot(file, simulation, adapting=parse_mode(mode)) for mode in ('', 'adapt')],
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    'condition',
    [
        'clear',
        'noise:5',
        'night:5',
        'contrast:5',
        'fog:5',
        'snow:5',
        'blur:5',
        'occlusion:5',
        'blink:5',
        'wind:5',
        'glimpse:5',
    ],
)
def test_no_check_trips_in_a_shipped_condition_and_no_command_changes(benchmark, flight, condition):
    simulation, pilots = flight
    for pilot in pilots:
        plain, checked = [], []
        pilot.engine.watch_picture = None
        fly_mission(
            SEED, simulation, pilot, RULES, conditions=parse(condition), on_command=plain.append
        )
        seen = benchmark.Extremes()
        benchmark.fly(pilot, simulation, SEED, condition, seen, RULES, checked.append)
        assert seen.tripped == []
        assert checked == plain


def checks_of_a_drive(simulation, pilot, change):
    """What the checks say in each tick of a drive whose yaw rate is changed for them only."""
    checks = SensorChecks(PilotParameters())
    pilot.engine.watch_picture = checks.on_picture
    said, newest = [], []

    def on_command(command):
        now_s = newest[-1].stamp_ns / NANOSECONDS_PER_SECOND
        checks.on_guard({'state': 'engaged'}, now_s)
        imu = pilot.tick.imu.copy()
        imu[2] *= change
        try:
            checks.check_tick(pilot.tick._replace(imu=imu), now_s)
            said.append('')
        except ObservationError as error:
            said.append(str(error))

    rules = replace(simulation.task.rules, time_limit_s=12.0)
    fly_mission(10_000, simulation, pilot, rules, newest.append, on_command=on_command)
    return said


@pytest.mark.slow
def test_a_gyroscope_of_the_wrong_sign_is_found_on_the_way():
    with Simulation(SimulationSettings(vehicle='rover')) as simulation:
        pilot = InProcessPilot(pilot_file.load(pilot_file.resolve('road-ltc')), simulation)
        assert not any(checks_of_a_drive(simulation, pilot, 1.0))
        said = checks_of_a_drive(simulation, pilot, -1.0)
        assert not any(said[:120])
        assert 'turns against the commanded yaw rate' in said[-1]
        assert 'degrees/s' in checks_of_a_drive(simulation, pilot, 57.3)[-1]


@pytest.mark.parametrize('parameters', [{'lockstep': True}, {'check_sensors': False}])
def test_nothing_is_checked_in_lockstep_or_when_it_is_switched_off(parameters):
    checks = SensorChecks(PilotParameters(**parameters))
    assert not checks.active
    checks.check_imu((), 0.0)
    assert checks.values(0.0) == {}


def test_units_and_axes_at_rest_are_reported_until_the_guard_flies():
    checks = SensorChecks(PilotParameters())
    assert 'only 0 samples' in checks.values(1.0)['imu_at_rest']
    checks.on_guard({'state': 'disengaged'}, 1.0)
    assert checks.values(1.0)['imu_at_rest']
    checks.on_guard({'state': 'engaged'}, 1.0)
    assert checks.values(1.0)['imu_at_rest'] == ''
    # What the guard said long ago says nothing.
    assert checks.values(10.0)['imu_at_rest']
