from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid import wiring
from liquid_pilot.liquid.wiring import Wiring


def _roles(net: Wiring) -> np.ndarray:
    return np.array([net.role(i) for i in range(net.neurons)])


@st.composite
def _ncp_arguments(draw):
    inter, command = draw(st.integers(1, 20)), draw(st.integers(1, 12))
    return {
        'inputs': draw(st.integers(1, 30)),
        'inter': inter,
        'command': command,
        'motor': draw(st.integers(1, 6)),
        'sensory_fanout': draw(st.integers(1, inter)),
        'inter_fanout': draw(st.integers(1, command)),
        'recurrent_command_synapses': draw(st.integers(0, command * command)),
        'motor_fanin': draw(st.integers(1, command)),
        'seed': draw(st.integers(0, 2**63 - 1)),
    }


@settings(max_examples=80, deadline=None)
@given(arguments=_ncp_arguments())
def test_an_ncp_has_the_synapses_of_its_rules_and_no_others(arguments):
    net = wiring.ncp(**arguments)
    roles = _roles(net)
    motor, command, inter = (roles == name for name in ('motor', 'command', 'inter'))
    assert list(roles) == (
        ['motor'] * arguments['motor']
        + ['command'] * arguments['command']
        + ['inter'] * arguments['inter']
    )
    sensory, polarity = net.sensory_polarity, net.polarity
    assert sensory.dtype == polarity.dtype == np.int8
    assert set(np.unique(sensory)) | set(np.unique(polarity)) <= {-1, 0, 1}
    assert not sensory[:, ~inter].any()
    assert not polarity[:, inter].any()
    assert not polarity[motor].any()
    assert not polarity[np.ix_(inter, motor)].any()

    to_inter = np.count_nonzero(sensory[:, inter], axis=1)
    to_command = np.count_nonzero(polarity[np.ix_(inter, command)], axis=1)
    to_motor = np.count_nonzero(polarity[np.ix_(command, motor)], axis=0)
    # More than the asked number only where a neuron would have been left out.
    assert (to_inter >= arguments['sensory_fanout']).all()
    assert (to_command >= arguments['inter_fanout']).all()
    assert (to_motor >= arguments['motor_fanin']).all()
    recurrent = np.count_nonzero(polarity[np.ix_(command, command)])
    assert recurrent == arguments['recurrent_command_synapses']
    assert np.any(sensory[:, inter], axis=0).all()
    assert np.any(polarity[np.ix_(inter, command)], axis=0).all()
    assert np.any(polarity[np.ix_(command, motor)], axis=1).all()
    assert net.synapses == to_command.sum() + to_motor.sum() + recurrent
    assert net.sensory_synapses == to_inter.sum()


def test_fan_outs_are_exact_where_nothing_is_left_out():
    net = wiring.ncp(64, 12, 8, 4, 4, 5, 10, 6, seed=1)
    roles = _roles(net)
    assert (np.count_nonzero(net.sensory_polarity, axis=1) == 4).all()
    assert (np.count_nonzero(net.polarity[roles == 'inter'], axis=1) == 5).all()
    assert (np.count_nonzero(net.polarity[:, roles == 'motor'], axis=0) == 6).all()


def test_a_dense_wiring_connects_everything_and_excites_two_in_three():
    net = wiring.dense(60, 40, 4, seed=3)
    assert net.synapses == 1600 and net.sensory_synapses == 2400
    assert (net.polarity > 0).mean() == pytest.approx(2 / 3, abs=0.04)
    assert (net.sensory_polarity > 0).mean() == pytest.approx(2 / 3, abs=0.04)
    assert _roles(net).tolist() == ['motor'] * 4 + ['inter'] * 36


def test_ncp_polarities_are_balanced():
    net = wiring.ncp(64, 40, 20, 4, 20, 10, 50, 10, seed=3)
    signs = net.sensory_polarity[net.sensory_polarity != 0]
    assert (signs > 0).mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ('net', 'digest'),
    [
        (wiring.ncp(22, 12, 8, 4, 6, 4, 6, 4, seed=7), '030c0a9952c5c3e1'),
        (wiring.dense(5, 6, 2, seed=7), 'e3c5443b54bfc14c'),
    ],
    ids=['ncp', 'dense'],
)
def test_a_seed_gives_one_wiring_for_ever(net, digest):
    # A pilot file keeps the recipe only: should this fail, trained pilots would fly miswired.
    content = net.sensory_polarity.tobytes() + net.polarity.tobytes()
    assert hashlib.sha256(content).hexdigest()[:16] == digest


def test_seeds_differ():
    one, other = (wiring.ncp(22, 12, 8, 4, 6, 4, 6, 4, seed=seed) for seed in (0, 1))
    assert (one.polarity != other.polarity).any()


@pytest.mark.parametrize(
    'net',
    [
        wiring.ncp(10, 6, 5, 3, 2, 2, 4, 3, seed=12),
        wiring.dense(4, 5, 2, seed=9),
        wiring.explicit([[0, 1, -1], [1, 0, 0]], [[0, 0, 1], [-1, 1, 1], [0, 1, 0]], 1, 1),
    ],
    ids=['ncp', 'dense', 'explicit'],
)
def test_a_recipe_goes_through_json_and_builds_the_same(net):
    again = Wiring.from_dict(json.loads(json.dumps(net.to_dict())))
    assert np.array_equal(again.polarity, net.polarity)
    assert np.array_equal(again.sensory_polarity, net.sensory_polarity)
    assert again.to_dict() == net.to_dict()
    assert _roles(again).tolist() == _roles(net).tolist()


def test_an_explicit_wiring_holds_any_synapses():
    ncp = wiring.ncp(10, 6, 5, 3, 2, 2, 4, 3, seed=12)
    same = wiring.explicit(ncp.sensory_polarity, ncp.polarity, 3, 5)
    assert wiring.format_wiring(same).splitlines()[1:] == wiring.format_wiring(ncp).splitlines()[1:]
    assert same.to_dict()['sensory_polarity'][0] == '...........+-+'
    with pytest.raises(LiquidPilotError, match='-1, 0 and 1 only'):
        wiring.explicit([[2, 0]], [[0, 0], [0, 0]], 1)


def test_a_wiring_cannot_be_changed():
    with pytest.raises(ValueError, match='read-only'):
        wiring.dense(4, 5, 2, seed=9).polarity[0, 0] = 0


NCP = wiring.ncp(10, 6, 5, 3, 2, 2, 4, 3, seed=12).to_dict()
DENSE = wiring.dense(4, 5, 2, seed=9).to_dict()
EXPLICIT = wiring.explicit([[1, -1]], [[0, 1], [0, 0]], 1).to_dict()


@pytest.mark.parametrize(
    ('recipe', 'field'),
    [
        ([], 'wiring must be an object'),
        ({}, 'wiring.kind'),
        ({**NCP, 'kind': 'random'}, 'wiring.kind must be one of dense, explicit, ncp'),
        ({**NCP, 'kind': ['ncp']}, 'wiring.kind'),
        ({key: value for key, value in NCP.items() if key != 'seed'}, 'wiring.seed is missing'),
        ({**NCP, 'neurons': 5}, 'wiring.neurons is not part'),
        ({**NCP, '\x1b[2J': 5}, r'wiring.\\x1b\[2J is not part'),
        ({**NCP, 5: 5}, 'wiring.5 is not part'),
        ({**NCP, 'inputs': '10'}, 'wiring.inputs must be an integer'),
        ({**NCP, 'command': None}, 'wiring.command must be an integer'),
        ({**NCP, 'inter': 0}, 'wiring.inter must be an integer from 1'),
        ({**NCP, 'inter': 10**9}, 'wiring.inter must be an integer from 1'),
        ({**NCP, 'motor': True}, 'wiring.motor'),
        ({**NCP, 'sensory_fanout': 7}, 'wiring.sensory_fanout must be an integer from 1 to 6'),
        ({**NCP, 'inter_fanout': 0}, 'wiring.inter_fanout'),
        ({**NCP, 'recurrent_command_synapses': 26}, 'wiring.recurrent_command_synapses'),
        ({**NCP, 'motor_fanin': 2.0}, 'wiring.motor_fanin'),
        ({**NCP, 'seed': -1}, 'wiring.seed'),
        ({**DENSE, 'motors': 6}, 'wiring.motors must be at most 5'),
        ({**DENSE, 'seed': 1.5}, 'wiring.seed'),
        ({**EXPLICIT, 'motors': 0}, 'wiring.motors must be an integer from 1'),
        ({**EXPLICIT, 'motors': 2, 'command': 1}, 'wiring.motors and wiring.command'),
        ({**EXPLICIT, 'command': -1}, 'wiring.command'),
        ({**EXPLICIT, 'seed': 1}, 'wiring.seed is not part'),
        ({**EXPLICIT, 'polarity': ['+.', '.']}, 'wiring.polarity must be a list of strings'),
        ({**EXPLICIT, 'polarity': ['+0', '..']}, 'wiring.polarity must be a list of strings'),
        ({**EXPLICIT, 'polarity': 'ab'}, 'wiring.polarity must be a list of strings'),
        ({**EXPLICIT, 'polarity': []}, 'wiring.polarity must be a list of strings'),
        ({**EXPLICIT, 'polarity': ['', '']}, 'wiring.polarity must be a list of strings'),
        ({**EXPLICIT, 'polarity': [1, 2]}, 'wiring.polarity must be a list of strings'),
        ({**EXPLICIT, 'polarity': ['+..', '...', '...']}, 'must have the shapes'),
        ({**EXPLICIT, 'sensory_polarity': ['+' * 5000]}, 'wiring.sensory_polarity'),
    ],
)
def test_a_wrong_recipe_is_refused_by_field(recipe, field):
    with pytest.raises(LiquidPilotError, match=field):
        Wiring.from_dict(recipe)


def test_the_picture_shows_layers_and_counts():
    net = wiring.ncp(22, 12, 8, 4, 6, 4, 6, 4, seed=7)
    text = wiring.format_wiring(net)
    assert '[sensory 22]  ->  [inter 12]  ->  [command 8]  ->  [motor 4]' in text
    rows = [line.split() for line in text.splitlines()[4:]]
    assert [row[:2] for row in rows] == [
        ['sensory', 'inter'],
        ['inter', 'command'],
        ['command', 'command'],
        ['command', 'motor'],
    ]
    assert sum(int(row[2]) for row in rows) == net.synapses + net.sensory_synapses
    for row in rows:
        assert int(row[2]) == int(row[3]) + int(row[4])
    assert '[sensory 5]  ->  [inter 4]  ->  [motor 2]' in wiring.format_wiring(
        wiring.dense(5, 6, 2, 1)
    )


def test_roles_beyond_the_neurons_are_refused():
    with pytest.raises(IndexError, match='no neuron 5'):
        wiring.dense(4, 5, 2, seed=9).role(5)
