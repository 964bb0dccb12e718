"""What neurons stand for: trees and measures on activities of which the truth is known."""

import json

import numpy as np
import pytest

from liquid_pilot.explanation import behaviour
from liquid_pilot.explanation.behaviour import explain_neurons, time_scales
from liquid_pilot.explanation.disentanglement import disentanglement
from liquid_pilot.interfaces import LiquidPilotError

pytestmark = pytest.mark.slow  # scikit-learn alone takes a second to load
SAMPLES = 1500


@pytest.fixture(scope='module')
def variables():
    rng = np.random.default_rng(0)
    return {name: rng.uniform(-1.0, 1.0, SAMPLES) for name in ('bearing', 'distance', 'speed')}


@pytest.fixture(scope='module')
def flights():
    return np.repeat(np.arange(5), SAMPLES // 5)


def fitted(variables, flights, *columns):
    pytest.importorskip('sklearn')
    activity = np.column_stack(columns)
    names = [f'inter {i}' for i in range(len(columns))]
    return explain_neurons(names, activity, variables, flights), activity


def test_a_neuron_that_follows_a_variable_is_told_by_it(variables, flights):
    noise = np.random.default_rng(1).normal(size=SAMPLES)
    trees, _ = fitted(
        variables,
        flights,
        np.where(variables['bearing'] > 0.2, 1.0, 0.0) + 0.05 * noise,
        -np.where(variables['distance'] > -0.4, 1.0, 0.0),
        noise,
        np.full(SAMPLES, 0.3),
    )
    first, second, third, fourth = trees.meanings
    assert first.variable == first.first_variable == 'bearing'
    assert first.threshold == pytest.approx(0.2, abs=0.02) and first.rises
    assert first.r2 > 0.95 and first.r2_by_depth[0] > 0.95
    assert first.text({'bearing': 'rad'}) == 'high where bearing > 0.2 rad'
    assert second.text({}) == 'high where distance < -0.4' and second.r2 > 0.99
    assert third.r2 < 0.05, 'noise cannot be told in flights that were not seen'
    assert fourth.text({}) == 'constant' and np.isnan(fourth.r2)
    assert json.loads(json.dumps(fourth.to_json(), allow_nan=False))['r2'] is None


def test_the_leaves_hold_the_samples_that_their_bounds_say(variables, flights):
    trees, activity = fitted(
        variables, flights, 2.0 * (variables['bearing'] > 0.0) + (variables['speed'] > 0.0)
    )
    (meaning,) = trees.meanings
    assert meaning.r2 > 0.9
    assert sum(leaf.share for leaf in meaning.leaves) == pytest.approx(1.0)
    for number, leaf in enumerate(meaning.leaves):
        inside = np.ones(SAMPLES, bool)
        for name, (low, high) in leaf.bounds.items():
            inside &= (variables[name] > low) & (variables[name] <= high)
        assert (inside == (trees.leaves[:, 0] == number)).all()
        assert activity[inside, 0].mean() == pytest.approx(leaf.mean)
    json.dumps(meaning.to_json(), allow_nan=False)


def test_a_tree_is_judged_on_flights_that_it_has_not_seen(variables, flights):
    # A neuron that only knows which flight it is in: a tree could learn that by heart.
    place = flights + 0.01 * variables['speed']
    own = {**variables, 'distance': place}
    trees, _ = fitted(own, flights, np.array([0.3, -0.9, 0.8, -0.2, 0.5])[flights])
    assert trees.meanings[0].r2 < 0.2
    one_flight, _ = fitted(own, np.zeros(SAMPLES, int), variables['bearing'])
    assert one_flight.meanings[0].r2 > 0.9


def test_separate_neurons_are_disentangled_and_copies_are_not(variables, flights):
    trees, activity = fitted(variables, flights, *variables.values())
    apart = disentanglement(trees, activity)
    assert apart.mutual_information_gap > 0.6
    assert apart.modularity > 0.95
    assert apart.response_variance < 0.05
    assert apart.path_accuracy > 0.7
    assert apart.conflict == 0.0, 'boxes of different variables always meet'
    rng = np.random.default_rng(2)
    same = [variables['bearing'] + 0.1 * rng.normal(size=SAMPLES) for _ in range(3)]
    trees, activity = fitted(variables, flights, *same)
    copied = disentanglement(trees, activity)
    assert abs(copied.mutual_information_gap) < 0.1
    assert copied.modularity < 0.2
    assert copied.conflict > 0.1, 'noise puts copies into boxes that exclude each other'
    assert copied.neurons == 3
    json.dumps(copied.to_json(), allow_nan=False)


def test_nothing_but_constant_neurons_is_no_error(variables, flights):
    trees, activity = fitted(variables, flights, np.zeros(SAMPLES))
    found = disentanglement(trees, activity)
    assert found.neurons == 0 and np.isnan(found.modularity)
    json.dumps(found.to_json(), allow_nan=False)


def test_the_time_scale_is_that_of_the_process():
    rng = np.random.default_rng(3)
    quick, slow = np.zeros((2, 4000))
    for t in range(1, 4000):
        quick[t] = np.exp(-0.05 / 0.2) * quick[t - 1] + rng.normal()
        slow[t] = np.exp(-0.05 / 1.0) * slow[t - 1] + rng.normal()
    activity = np.column_stack([quick, slow, np.ones(4000)])
    halves = [activity[:2000], activity[2000:]]
    tau_s = [np.tile([0.1, 0.4, 0.2], (2000, 1))] * 2
    first, second, third = time_scales(halves, tau_s, 0.05)
    assert first.memory_s == pytest.approx(0.2, abs=0.06)
    assert second.memory_s == pytest.approx(1.0, abs=0.35)
    assert np.isnan(third.memory_s)
    assert second.tau_s == pytest.approx((0.4, 0.4, 0.4))
    unknown = time_scales(halves, [np.full((2000, 3), np.nan)] * 2, 0.05)
    assert np.isnan(unknown[0].tau_s).all()


def test_it_says_what_is_missing(variables, flights, monkeypatch):
    with pytest.raises(LiquidPilotError, match='no variables'):
        pytest.importorskip('sklearn')
        explain_neurons(['inter 0'], np.zeros((SAMPLES, 1)), {}, flights)
    monkeypatch.setattr('liquid_pilot.utils.extras.find_spec', lambda name: None)
    with pytest.raises(LiquidPilotError, match=r'needs sklearn, which is not installed; \w+'):
        behaviour.explain_neurons(['inter 0'], np.zeros((SAMPLES, 1)), variables, flights)
