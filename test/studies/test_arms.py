"""Every arm of a plan can be flown by the present code."""

from pathlib import Path

import pytest

from liquid_pilot import pilot_file
from liquid_pilot.onboard.adaptation.settings import parse_mode
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.rollout import fly_mission
from liquid_pilot.simulation.simulator import Simulation
from studies import adaptation, common, driving
from studies.adaptation import arms as adaptation_arms
from studies.driving import arms as driving_arms

SHORT = MissionRules(time_limit_s=0.5)


def modes(package):
    """Return all modes of a plan that are not of the package alone."""
    plan = common.read_plan(Path(package.__file__).parent).plan
    if package is driving:
        return [*plan['modes'].values(), f'{driving_arms.SCALED_FILTER}3']
    found = {arm.get('mode', '') for arm in plan['arms'].values()}
    gain = plan['fixed']['gains'][0]
    best_fixed = f'{adaptation_arms.FIXED_FILTER}:{gain:g},true'
    return [*sorted(found - {adaptation_arms.FIXED_FILTER}), best_fixed]


@pytest.fixture(scope='module')
def forest():
    with Simulation() as simulation:
        yield pilot_file.load(pilot_file.resolve('forest-ltc')), simulation


@pytest.fixture(scope='module')
def road():
    with Simulation(SimulationSettings(vehicle='rover')) as simulation:
        yield pilot_file.load(pilot_file.resolve('road-ltc')), simulation


@pytest.mark.parametrize('mode', modes(adaptation))
def test_an_arm_of_the_adaptation_study_flies(forest, mode):
    if not mode.startswith(adaptation_arms.MODE_PREFIX):
        parse_mode(mode)
        return
    file, simulation = forest
    pilot = adaptation_arms.make_pilot(file, simulation, 'cmd_vel', mode)
    first, again = (fly_mission(7, simulation, pilot, SHORT) for _ in range(2))
    assert first.path == again.path and first.outcome == 'timeout', 'nothing is left of a mission'


@pytest.mark.parametrize('mode', modes(driving))
def test_an_arm_of_the_driving_study_drives(road, mode):
    if not mode.startswith('study:'):
        parse_mode(mode)
        return
    file, simulation = road
    pilot = driving_arms.make_pilot(file, simulation, 'cmd_vel', mode)
    first, again = (fly_mission(7, simulation, pilot, SHORT) for _ in range(2))
    assert first.path == again.path and first.outcome == 'timeout'


def test_the_scaled_filter_by_one_drives_as_trained_with_a_filter(road):
    """The control differs from the product by its learner alone."""
    file, simulation = road
    control = driving_arms.make_pilot(file, simulation, 'cmd_vel', f'{driving_arms.SCALED_FILTER}1')
    mode = (
        'adapt:photometric=false,reject_novel_frames=false,slow_core_on_novelty=false,'
        'slowdown_on_blindness=false,friction_speed_governor=false,learn_temporal_filter=false'
    )
    product = driving_arms.make_pilot(file, simulation, 'cmd_vel', mode)
    paths = [fly_mission(7, simulation, pilot, SHORT).path for pilot in (control, product)]
    assert paths[0] == paths[1]


def test_an_arm_that_is_none_is_refused(forest):
    with pytest.raises(ValueError, match='no arm'):
        adaptation_arms.make_pilot(*forest, 'cmd_vel', 'study:nothing')
