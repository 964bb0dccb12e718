"""The option of a lesson: which nodes get which parameters, and when it is refused."""

import pytest

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.launch import flight_graph
from liquid_pilot.nodes.launch.flight_options import FlyOptions


def specs(**options):
    return {spec.name: spec for spec in flight_graph.nodes(FlyOptions(out='/run', **options), {})}


def test_a_lesson_reaches_the_nodes_that_it_concerns():
    found = specs(lesson='aim', realtime=True)
    assert found['guard'].parameters['forward_hand'] and found['pilot'].parameters['teach']
    taught = found['adaptation'].parameters
    assert (taught['lesson'], taught['taught_pilot']) == ('aim', '/run/taught')
    # A vehicle elsewhere has a remote control of its own.
    elsewhere = specs(lesson='aim', simulator='none')
    assert 'forward_hand' not in elsewhere['guard'].parameters
    without = specs(realtime=True)
    names = {'forward_hand', 'teach', 'lesson', 'taught_pilot'}
    assert not names & {name for spec in without.values() for name in spec.parameters}
    with pytest.raises(LiquidPilotError, match='nobody can take over in lock-step; set realtime'):
        FlyOptions(lesson='aim')
    with pytest.raises(LiquidPilotError, match='leave adapt:=false out'):
        FlyOptions(lesson='aim', realtime=True, adapt=False)
