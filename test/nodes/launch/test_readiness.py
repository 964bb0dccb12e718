"""A person is told when pilot and guard are up, and how to let the pilot fly."""

import signal
import threading

import pytest
import rclpy
from std_srvs.srv import SetBool, Trigger

from liquid_pilot.nodes.common import topics
from liquid_pilot.nodes.launch import flight_graph, readiness
from liquid_pilot.nodes.launch.flight_options import FlyOptions


def test_it_is_said_once_both_offer_their_services_and_not_before(ros):
    node = rclpy.create_node('stands_for_both', namespace='ready_one')
    said = threading.Event()
    try:
        with readiness.call_when_up('/ready_one/', said.set):
            node.create_service(SetBool, topics.GUARD_ENGAGE, lambda request, response: response)
            assert not said.wait(1.0)
            node.create_service(Trigger, topics.PILOT_RESET, lambda request, response: response)
            assert said.wait(30.0)
    finally:
        node.destroy_node()


def test_a_graph_that_ends_before_it_is_up_is_not_waited_for(ros):
    said = threading.Event()
    with readiness.call_when_up('nobody_here', said.set):
        pass
    assert not said.is_set()
    assert not [each for each in threading.enumerate() if each.name == readiness.THREAD]


@pytest.mark.parametrize(
    ('namespace', 'service', 'command'),
    [
        ('', '/guard/engage', 'liquid-pilot engage`'),
        ('/uav/one/', '/uav/one/guard/engage', 'liquid-pilot engage --namespace uav/one`'),
    ],
)
def test_the_notice_names_command_and_service(namespace, service, command):
    options = FlyOptions(simulator='none', namespace=namespace)
    said = flight_graph.launch_notice(options)
    assert 'disengaged' in said and command in said
    assert f'ros2 service call {service} std_srvs/srv/SetBool' in said
    assert flight_graph.launch_notice(FlyOptions()) == ''


@pytest.mark.slow
def test_a_flight_without_a_simulator_says_that_it_is_up_and_how_to_engage(run_cli):
    started = run_cli('fly', '--simulator', 'none', '--headless', '--namespace', 'ready_two')
    lines = []
    for line in started.stderr:
        lines.append(line)
        if 'are up' in line:
            break
    started.send_signal(signal.SIGINT)
    started.communicate(timeout=60)
    assert started.returncode == 130
    assert lines[0].startswith('starting pilot and guard')
    assert lines[-1].startswith('pilot and guard are up. The guard is disengaged: ')
    assert 'liquid-pilot engage --namespace ready_two' in lines[-1]
