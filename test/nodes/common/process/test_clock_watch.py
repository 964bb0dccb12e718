"""A node with use_sim_time and without a clock says so."""

import pytest
import rclpy
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common.diagnostics import DiagnosticsReporter
from liquid_pilot.nodes.common.node_base import LiquidNode
from liquid_pilot.nodes.common.parameters import declare
from liquid_pilot.nodes.common.process.clock_watch import ClockWatch
from liquid_pilot.nodes.recorder import RecorderParameters


def made(name, **overrides):
    """A node without parameters of its own, with these overrides."""
    return rclpy.create_node(
        name,
        parameter_overrides=[Parameter(key, value=value) for key, value in overrides.items()],
        automatically_declare_parameters_from_overrides=True,
    )


@pytest.mark.parametrize('sim_time', [True, False])
def test_only_a_node_that_needs_a_clock_misses_it(ros, sim_time):
    node = made('misses', use_sim_time=sim_time)
    try:
        assert ClockWatch(node).problem() == ''
        text = ClockWatch(node, patience_s=0.0).problem()
        assert ('nobody publishes /clock' in text) is sim_time
        # A simulator that waits for this node has a publisher already.
        node.create_publisher(Clock, '/clock', 1)
        assert ClockWatch(node, patience_s=0.0).problem() == ''
    finally:
        node.destroy_node()


def test_it_is_named_on_diagnostics(ros, monkeypatch):
    node = type('Named', (LiquidNode,), {'parameters': RecorderParameters})('named')
    try:
        reporter = DiagnosticsReporter(node, lambda: ('waiting', {}))
        texts = iter(['nobody publishes /clock', ''])
        monkeypatch.setattr(reporter._clock, 'problem', lambda: next(texts))
        reporter._on_timer()
        assert reporter.health.problems[0][1] == 'nobody publishes /clock'
        reporter._on_timer()
        assert not reporter.health.problems
    finally:
        node.destroy_node()


@pytest.mark.parametrize(
    ('overrides', 'words'),
    [
        ({'use_sim_time': 'maybe'}, "use_sim_time must be true or false, not 'maybe'"),
        (
            {'qos_overrides./odom.subscription.depth': 3},
            'qos_overrides./odom.subscription.depth would have no effect',
        ),
    ],
)
def test_what_rclpy_would_accept_and_ignore_is_refused(ros, overrides, words):
    node = made('ignores', **overrides)
    try:
        with pytest.raises(LiquidPilotError, match=words):
            declare(node, RecorderParameters)
    finally:
        node.destroy_node()


def test_what_rclpy_itself_heeds_is_taken(ros):
    node = made('heeds', **{'qos_overrides./clock.subscription.depth': 2})
    try:
        declare(node, RecorderParameters)
    finally:
        node.destroy_node()
