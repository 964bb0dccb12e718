"""Fixtures: the output to PX4 with a peer of it, over stand-ins and over genuine types."""

import pytest

from liquid_pilot.nodes.outputs.px4 import Px4Output
from px4_peer import types
from px4_peer.bus import Flight

NAME = 'Liquid pilot'
"""Name of the mode that is registered by default."""


@pytest.fixture(params=['stand-ins', 'genuine'])
def px4_msgs(request, monkeypatch):
    """PX4's types; the genuine ones where they are installed."""
    if request.param == 'stand-ins':
        types.use_stand_ins(monkeypatch)
    elif not types.GENUINE:
        pytest.skip('px4_msgs is not installed')


@pytest.fixture
def fly(px4_msgs):
    """Function (attitude, name of the mode) -> Flight with a PX4 that hovers."""
    return lambda attitude=False, name=NAME: Flight(lambda node: Px4Output(node, attitude, name))
