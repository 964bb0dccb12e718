"""Whole missions with a pilot and the adaptation node over ROS, compared with one process."""

import importlib.util
import json
from dataclasses import replace

import numpy as np
import pytest
import yaml

from liquid_pilot import pilot_file
from liquid_pilot.nodes.common import adaptation_client as adapting
from liquid_pilot.onboard.adaptation.frontend_settings import FrontendSettings
from liquid_pilot.onboard.adaptation.novelty_gate import NoveltyGateSettings
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.rollout import InProcessPilot, fly_mission
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.simulation.tasks.registry import task_of


def test_two_pilots_with_the_same_process_id_fly_different_flights():
    """In containers the ids of processes are the same after every start."""
    names = []
    for _ in range(2):
        spec = importlib.util.find_spec(adapting.__name__)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        names.append(module.new_flight_id())
    assert names[0] != names[1]


@pytest.mark.parametrize('gain', ['learned', 'estimated'])
def test_a_mission_with_adaptation_flies_as_in_one_process(gain, adaptive_pilot, run_cli, tmp_path):
    limit_s, seeds = 2.5, (11, 12)
    parameters = tmp_path / 'parameters.yaml'
    parameters.write_text(
        yaml.safe_dump(
            {
                f'/**/{node}': {'ros__parameters': values}
                for node, values in {
                    'simulator': {'time_limit_s': limit_s},
                    'pilot': {
                        'max_rejection_s': 0.3,
                        'adaptation_timeout_s': 5.0,
                        'filter_gain': gain,
                    },
                }.items()
            }
        )
    )
    process = run_cli(
        'fly',
        '--adapt',
        '--pilot',
        adaptive_pilot.path,
        '--missions',
        2,
        '--seed',
        seeds[0],
        '--headless',
        '--condition',
        'noise:5',
        '--out',
        tmp_path / 'run',
        '--params-file',
        parameters,
    )
    frontend = FrontendSettings(filter_gain=gain, gate=NoveltyGateSettings(max_rejection_s=0.3))
    adapting = AdaptationSettings(frontend)
    rules = MissionRules(time_limit_s=limit_s)
    with Simulation(SimulationSettings(conditions=parse('noise:5'))) as simulation:
        flier = InProcessPilot(adaptive_pilot, simulation, adapting=adapting)
        results = [fly_mission(seed, simulation, flier, rules) for seed in seeds]
        proposal = flier.learner.time_scale_update
        trained = InProcessPilot(adaptive_pilot, simulation)
        plain = fly_mission(seeds[0], simulation, trained, rules)
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, out + err
    flown = np.load(tmp_path / 'run' / 'paths.npz')
    for result in results:
        assert np.array_equal(flown[f'seed_{result.seed}'][:, 1:], np.array(result.path)[:, 1:])
    report = json.loads((tmp_path / 'run' / 'report.json').read_text())
    assert report['missions'] == [result.to_json() for result in results]
    # Adaptation took part.
    tau_s = np.load(tmp_path / 'run' / 'adaptation.npz')['seed_11/receptor_tau_s'][:, 1]
    assert tau_s[0] == pytest.approx(0.0125) and tau_s[-1] > 1.1 * 0.0125
    assert (proposal.temporal_filter.min() > 0.1) == (gain == 'learned')
    assert not np.array_equal(np.array(plain.path)[-1], np.array(results[0].path)[-1])


@pytest.mark.slow
def test_the_shipped_rover_is_governed_through_ros_as_in_one_process(run_cli, tmp_path):
    limit_s, seed, condition = 7.0, 21, 'friction=0.7@2s'
    parameters = tmp_path / 'parameters.yaml'
    parameters.write_text(
        yaml.safe_dump(
            {
                f'/**/{node}': {'ros__parameters': values}
                for node, values in {
                    'simulator': {'time_limit_s': limit_s},
                    'pilot': {'adaptation_timeout_s': 5.0},
                }.items()
            }
        )
    )
    process = run_cli(
        'fly',
        '--vehicle',
        'rover',
        '--adapt',
        '--missions',
        1,
        '--seed',
        seed,
        '--headless',
        '--condition',
        condition,
        '--out',
        tmp_path / 'run',
        '--params-file',
        parameters,
    )
    pilot = pilot_file.load(pilot_file.resolve('road-ltc'))
    rules = replace(task_of('rover').rules, time_limit_s=limit_s)
    with Simulation(SimulationSettings(vehicle='rover', conditions=parse(condition))) as simulation:
        driver = InProcessPilot(pilot, simulation, adapting=AdaptationSettings())
        result = fly_mission(seed, simulation, driver, rules)
        friction_ratio = driver.tick.state.friction.friction_ratio
        free = InProcessPilot(
            pilot, simulation, adapting=AdaptationSettings(friction_speed_governor=False)
        )
        ungoverned = fly_mission(seed, simulation, free, rules)
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, out + err
    path = np.load(tmp_path / 'run' / 'paths.npz')[f'seed_{seed}']
    assert np.array_equal(path[:, 1:], np.array(result.path)[:, 1:])
    # The governor took part, and the run's numbers and picture show it.
    assert friction_ratio < 0.6
    friction_ratios = np.load(tmp_path / 'run' / 'adaptation.npz')[f'seed_{seed}/grip']
    assert friction_ratios[0] > 0.9 and friction_ratios[-1] == pytest.approx(
        friction_ratio, abs=0.05
    )
    assert (
        ungoverned.distance_flown_m / ungoverned.duration_s
        > 1.05 * result.distance_flown_m / result.duration_s
    )
