"""The dynamics study in small: its vehicles, its controllers, its networks and its figures."""

import json
from pathlib import Path

import numpy as np
import pytest
from study_runs import run_script

from studies import common, dynamics
from studies.dynamics import foundation, judging, networks
from studies.dynamics.controllers import Integral, Privileged, Proportional
from studies.dynamics.flights import (
    INPUTS,
    OUTPUTS,
    ControllerPilot,
    NetworkPilot,
    draw_flight,
    fly,
    to_command,
    to_outputs,
)
from studies.dynamics.plant import CONTROL_HZ, NOMINAL, Dynamics, Sky
from studies.dynamics.study import FOUNDATION, Study

SCRIPT = 'studies/dynamics/run.py'
HOVER = np.array([0.0, 0.0, 9.81])


@pytest.fixture
def study(tmp_path):
    return Study(common.read_plan(Path(dynamics.__file__).parent, runs=tmp_path))


@pytest.mark.slow
def test_the_study_is_done_from_nothing_and_a_second_start_does_nothing_again(tmp_path):
    arguments = ('--smoke', '--runs', tmp_path, '--workers', '1')
    closing = run_script(SCRIPT, *arguments)
    without = [] if foundation.is_there() else [FOUNDATION]
    assert closing['without'] == without and closing['missing'] == 2 * len(without)
    work = tmp_path / 'dynamics-smoke'
    content = json.loads((work / 'results.json').read_text())
    assert set(content['probe']) == {'ltc', 'feedforward'}
    # A network without memory does not miss its state.
    by_pair = {(row['arm'], row['minus']): row for row in content['differences']}
    assert by_pair['feedforward', 'feedforward forgets']['mean'] == 0.0
    assert by_pair['proportional', 'privileged']['mean'] > 0.0
    text = (work / 'README.md').read_text()
    assert '## What the state knows' in text and '`privileged`' in text
    assert (work / 'since_change.png').stat().st_size > 1000
    cores = {path: path.stat().st_mtime_ns for path in (work / 'cores').iterdir()}
    assert run_script(SCRIPT, *arguments) == closing
    assert cores == {path: path.stat().st_mtime_ns for path in (work / 'cores').iterdir()}


def test_all_arms_have_about_as_many_parameters(study):
    counts = [networks.parameter_count(kind, size) for kind, size in study.cores.items()]
    assert min(counts) > 1900 and max(counts) < 2100


def test_flights_are_the_same_each_time_and_no_set_shares_one(study):
    first, again = (study.flights('within', 1)[7] for _ in range(2))
    assert first[:3] == again[:3] and np.array_equal(first.wanted_m_s, again.wanted_m_s)
    assert first[:3] != study.flights('within', 2)[7][:3]
    plan = study.plan
    training, probe, judged = plan['training'], plan['probe'], plan['flights']
    sets = [
        range(training['first_seed'] - training['validation'], training['first_seed']),
        range(
            training['first_seed'],
            training['first_seed'] + training['rounds'] * training['flights'],
        ),
        range(judged['first_seed'], judged['first_seed'] + judged['count']),
        range(probe['first_seed'], probe['first_seed'] + probe['fit'] + probe['judge']),
    ]
    every = [seed for each in sets for seed in each]
    assert len(set(every)) == len(every)


def test_what_is_drawn_is_within_its_range(study):
    for ranges, of in study.plan['ranges'].items():
        for flight in study.flights(ranges, 1):
            for drawn in (flight.first, flight.second):
                assert of['mass'][0] <= drawn.mass <= of['mass'][1]
                assert of['motor_s'][0] <= drawn.motor_s <= of['motor_s'][1]
                assert of['latency'][0] <= drawn.latency <= of['latency'][1]
                assert drawn.thrust_lost == 0.0 or drawn.thrust_lost >= of['thrust_lost'][0]
                assert drawn.thrust_lost <= of['thrust_lost'][1]
            assert 0.4 <= flight.change / len(flight.wanted_m_s) <= 0.6


def settled(sky, controller, seconds=4.0, wanted=(0.0, 0.0, 0.0)):
    """The velocity after a while."""
    controller.reset()
    for _ in range(round(seconds * CONTROL_HZ)):
        sky.advance(controller(sky, np.array(wanted)))
    return sky.velocity_m_s


def test_the_vehicle_as_built_follows_its_command():
    sky = Sky()
    assert settled(sky, Proportional()) == pytest.approx((0.0, 0.0, 0.0), abs=0.02)
    moving = settled(sky, Proportional(), wanted=(1.0, -0.5, 0.3))
    assert moving == pytest.approx((1.0, -0.5, 0.3), abs=0.25)
    assert not sky.is_lost


@pytest.mark.parametrize(
    'drawn', [Dynamics(mass=1.4), Dynamics(mass=0.75), Dynamics(weak_rotor=2, thrust_lost=0.25)]
)
def test_who_is_told_the_dynamics_holds_still_where_others_drift(drawn):
    drift = {
        type(each).__name__: np.linalg.norm(settled(Sky(drawn), each))
        for each in (Proportional(), Privileged(), Integral(1.0))
    }
    assert drift['Privileged'] < 0.12 < drift['Proportional']
    # An integral finds it out by itself, if it is given the time.
    assert drift['Integral'] < 0.5 * drift['Proportional']


@pytest.mark.parametrize('latency', [0, 3])
def test_commands_arrive_late(latency):
    sky = Sky(Dynamics(latency=latency))
    heights = []
    for tick in range(12):
        sky.advance(HOVER * (1.0 if tick else 1.6))
        heights.append(sky.velocity_m_s[2])
    begins = next(tick for tick, speed in enumerate(heights) if speed > 1e-3)
    assert begins == latency and len(sky.pending) == latency


def test_dynamics_change_in_flight_and_are_forgotten_by_a_reset():
    sky = Sky()
    settled(sky, Privileged(), 1.0)
    sky.change(Dynamics(mass=1.5, latency=2))
    assert len(sky.pending) == 2
    assert settled(sky, Proportional())[2] < -0.5
    sky.reset()
    assert sky.dynamics == NOMINAL
    assert settled(sky, Proportional()) == pytest.approx((0.0, 0.0, 0.0), abs=0.02)


def test_a_command_is_bounded_and_nothing_is_not_a_number():
    outputs = to_outputs(np.array([[1e3, -1e3, 1e3], [0.0, 0.0, 9.80665]]))
    assert np.abs(outputs).max() <= 2.5 and np.abs(outputs[1]).max() < 1e-9
    sky = Sky()
    sky.advance(to_command(np.array([np.nan, np.inf, -np.inf])))
    assert np.isfinite(sky.velocity_m_s).all()


def test_a_flight_that_tips_over_is_lost_and_counts_as_such():
    sky, lost = Sky(), False
    for _ in range(100):
        sky.advance_rotors(np.array([4.0, 0.0, 0.0, 4.0]))
        lost = lost or sky.is_lost
    assert lost
    valid = np.array([[True, True, False]])
    errors = judging.bounded(np.array([[0.5, 9.0, 0.0]]), valid)
    assert errors.tolist() == [[0.5, judging.LOST_M_S, judging.LOST_M_S]]


@pytest.mark.parametrize('kind', ['ltc', 'lrc', 'gru', 'feedforward'])
def test_a_network_flies_forgets_and_is_kept(kind, tmp_path, study):
    core = networks.make_core(kind, 8, seed=3)
    networks.save(core, tmp_path / 'core.npz')
    again = networks.load(kind, 8, 3, tmp_path / 'core.npz')
    flights = [draw_flight((1, k), study.plan['ranges']['within'], 0.6) for k in range(2)]
    flown = [fly(flights, NetworkPilot(each)) for each in (core, again)]
    assert np.array_equal(flown[0].errors_m_s, flown[1].errors_m_s)
    assert flown[0].inputs.shape == (2, 30, INPUTS) and flown[0].labels.shape[2] == OUTPUTS
    forgets = fly(flights, NetworkPilot(core, forget_s=0.2))
    same = np.isclose(forgets.states, flown[0].states).all(axis=(0, 2))
    assert same[:10].all() and (kind == 'feedforward' or not same[10])


def test_there_is_no_other_network():
    with pytest.raises(ValueError, match='no core'):
        networks.make_core('oracle', 8, 0)


@pytest.mark.slow
def test_a_network_learns_from_who_is_told(study):
    plan = {**study.plan['training'], 'flights': 8, 'rounds': 2, 'steps': 80, 'validation': 4}
    ranges = study.plan['ranges']['within']
    untrained = networks.validate(networks.make_core('gru', 18, 1), 1, plan, ranges)
    loss = networks.train('gru', 18, 0.01, 1, plan, ranges, lambda *_: None)[1]
    assert loss < 0.3 * untrained


def test_windows_count_from_the_change(study):
    flight = study.flights('within', 1)[0]
    errors = np.zeros((1, len(flight.wanted_m_s)))
    errors[0, flight.change :] = 1.0
    assert judging.since_change(errors, [flight], (-1.0, 0.0)).tolist() == [0.0]
    assert judging.since_change(errors, [flight], (0.0, 0.5)).tolist() == [1.0]
    assert np.isnan(judging.since_change(errors, [flight], (100.0, 101.0))).all()


def test_the_foundation_policy_flies_where_it_is_installed(study):
    pytest.importorskip(foundation.PACKAGE, reason='foundation-policy is not installed')
    nominal = {'mass': [1, 1], 'motor_s': [0.03, 0.03], 'thrust_lost': [0, 0], 'latency': [0, 0]}
    flights = [draw_flight((1, k), nominal, 6.0) for k in range(2)]
    flown = foundation.fly(flights)
    assert flown.valid.all()
    as_built = fly(flights, ControllerPilot(Proportional))
    assert flown.errors_m_s.mean() < 2.5 * as_built.errors_m_s.mean()
