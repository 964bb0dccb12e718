"""The option of a lesson: which nodes get which parameters, and when it is refused."""

import pytest

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.launch import flight_graph
from liquid_pilot.nodes.launch.flight_options import FlyOptions


def specs(**options):
    return {spec.name: spec for spec in flight_graph.nodes(FlyOptions(out='/run', **options), {})}


def test_a_lesson_reaches_the_nodes_that_it_concerns():
    found = specs(lesson='aim', realtime=True)
    assert found['guard'].parameters['forward_hand']
    assert found['pilot'].parameters['lesson'] == 'aim'
    taught = found['adaptation'].parameters
    assert (taught['lesson'], taught['taught_pilot']) == ('aim', '/run/taught')
    assert 'lesson_live' not in taught
    # What no teacher has taught, nobody is there to accept.
    alone = specs(lesson='calibration', realtime=True)['adaptation'].parameters
    assert (alone['lesson'], alone['lesson_live']) == ('calibration', True)
    # A vehicle elsewhere has a remote control of its own.
    elsewhere = specs(lesson='aim', simulator='none')
    assert 'forward_hand' not in elsewhere['guard'].parameters
    without = specs(realtime=True)
    names = {'forward_hand', 'lesson', 'lesson_live', 'taught_pilot'}
    assert not names & {name for spec in without.values() for name in spec.parameters}
    with pytest.raises(LiquidPilotError, match='taught or learned in lock-step; set realtime'):
        FlyOptions(lesson='aim')
    with pytest.raises(LiquidPilotError, match='leave adapt:=false out'):
        FlyOptions(lesson='aim', realtime=True, adapt=False)
