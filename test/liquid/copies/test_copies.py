"""Copies of a core are the core itself, by clocks of their own."""

import numpy as np
import pytest
from random_parameters import lrc_parameters

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid import wiring
from liquid_pilot.liquid.copies.lrc_copies import LrcCopies
from liquid_pilot.liquid.copies.ltc_copies import CoreCopies
from liquid_pilot.liquid.dynamics import LtcDynamics
from liquid_pilot.liquid.lrc.dynamics import LrcDynamics

NETS = {
    'ncp': wiring.ncp(9, 7, 5, 3, 3, 3, 4, 2, seed=5),
    'dense': wiring.dense(9, 11, 3, seed=5),
}
FACTORS = np.array([0.125, 0.7, 1.0, 3.0, 16.0])


@pytest.fixture(params=NETS)
def net(request):
    return NETS[request.param]


@pytest.fixture(params=['ltc', 'lrc'])
def make(request, parameters_for, net):
    """Functions that make copies with some factors, and the core that they are copies of."""
    if request.param == 'lrc':
        parameters = lrc_parameters(net)
        return lambda factors: LrcCopies(parameters, factors), lambda: LrcDynamics(parameters)
    parameters = parameters_for(net)
    return lambda factors: CoreCopies(parameters, 6, factors), lambda: LtcDynamics(parameters, 6)


def ticks(count, seed=0):
    """Return inputs and elapsed times, unlike each other."""
    rng = np.random.default_rng(seed)
    return zip(
        rng.normal(size=(count, 9)).astype(np.float32),
        rng.uniform(0.005, 1.0, count).tolist(),
        strict=True,
    )


def test_each_copy_is_a_core_of_its_own_to_the_bit(make, net):
    copies, core = make[0](FACTORS), make[1]()
    states = np.zeros((len(FACTORS), net.neurons), np.float32)
    for x, dt_s in ticks(40):
        copies.step(x, dt_s)
        states = [core.step(v, x, dt_s / f) for v, f in zip(states, FACTORS, strict=True)]
        np.testing.assert_array_equal(copies.states, states)
    assert np.ptp(copies.states, axis=0).max() > 0.05, 'the factors make no difference'


def test_a_factor_is_one_on_all_capacitances(make, net):
    copies, core = make[0](FACTORS), make[1]()
    states = np.zeros((len(FACTORS), net.neurons), np.float32)
    logs = np.log(FACTORS).astype(np.float32)[:, None] + np.zeros_like(states)
    for x, dt_s in ticks(40):
        copies.step(x, dt_s)
        states = [core.step(v, x, dt_s, log) for v, log in zip(states, logs, strict=True)]
    np.testing.assert_allclose(copies.states, states, rtol=1e-5, atol=1e-6)


def test_after_a_reset_they_begin_again(make):
    copies = make[0](FACTORS)
    found = []
    for _ in range(2):
        for x, dt_s in ticks(5):
            copies.step(x, dt_s)
        found.append(copies.states.copy())
        copies.reset()
        assert not copies.states.any()
    np.testing.assert_array_equal(*found)


def test_nan_in_the_inputs_reaches_every_copy(make):
    copies = make[0](FACTORS)
    copies.step(np.full(9, np.nan, np.float32), 0.05)
    assert np.isnan(copies.states).any(axis=1).all()


@pytest.mark.parametrize('factors', [[0.0], [-1.0, 1.0], [np.nan], [np.inf], [[1.0]]])
def test_factors_that_are_none_are_refused(make, factors):
    with pytest.raises(LiquidPilotError, match='factors'):
        make[0](np.array(factors))


def test_unfolds_that_are_none_are_refused(parameters_for, net):
    with pytest.raises(LiquidPilotError, match='unfolds'):
        CoreCopies(parameters_for(net), 0, FACTORS)


def test_what_cannot_be_stepped_is_refused(make):
    copies = make[0](FACTORS)
    for dt_s in (0.0, -0.1, float('nan'), float('inf')):
        with pytest.raises(ValueError, match='dt_s'):
            copies.step(np.zeros(9, np.float32), dt_s)
    with pytest.raises(ValueError, match='shape'):
        copies.step(np.zeros(8, np.float32), 0.05)
