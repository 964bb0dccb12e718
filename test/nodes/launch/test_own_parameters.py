"""A person's own parameter file and the options of a flight: which of them a node gets.

A rover once drove off at 3 m/s: its limits stood at zero in the file, and those of its vehicle
class took their place.
"""

import pytest
import rclpy
import yaml
from rclpy.node import Node

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.launch import flight_graph, hardware_graph, process_runner
from liquid_pilot.nodes.launch.flight_checks import check_before_start
from liquid_pilot.nodes.launch.flight_options import FlyOptions
from liquid_pilot.nodes.launch.hardware_options import HardwareOptions
from liquid_pilot.onboard.vehicles.registry import get_vehicle_limits
from liquid_pilot.utils.resources import share_path

STILL = {'maximum': [0.0, 0.0, 0.0, 0.0]}


@pytest.fixture
def write(tmp_path):
    def write(parameters, node='/**/guard'):
        path = tmp_path / 'my.yaml'
        path.write_text(yaml.safe_dump({node: {'ros__parameters': parameters}}))
        return str(path)

    return write


def guard_of(specs):
    (found,) = [spec for spec in specs if spec.name == 'guard']
    return found


def received(spec):
    """Return the parameters that ROS gives to the node that a process of this graph makes."""
    command = process_runner.command_line(spec)
    context = rclpy.Context()
    rclpy.init(args=command[command.index('--ros-args') :], context=context)
    try:
        node = Node('guard', context=context, automatically_declare_parameters_from_overrides=True)
        names = ('maximum', 'slew', 'command_timeout_s', 'safe_command')
        values = {name: node.get_parameter(name).value for name in names}
        node.destroy_node()
        return {name: list(v) if hasattr(v, '__len__') else v for name, v in values.items()}
    finally:
        rclpy.shutdown(context=context)


@pytest.mark.parametrize('namespace', ['', 'rover1'])
@pytest.mark.parametrize('node', ['/**/guard', '/**'])
def test_the_limits_of_the_file_count_for_every_vehicle(write, node, namespace):
    file = write(STILL, node)
    options = {'vehicle': 'rover', 'params_file': file, 'namespace': namespace, 'out': '/run'}
    flights = [
        flight_graph.nodes(FlyOptions(simulator='none', adapter='mavlink_rover', **options)),
        flight_graph.nodes(FlyOptions(**options)),
        hardware_graph.nodes(HardwareOptions(autopilot='mavlink', **options)),
    ]
    for specs in flights:
        found = received(guard_of(specs))
        assert found['maximum'] == STILL['maximum']
        # The others are those of the vehicle class.
        assert found['slew'] == pytest.approx(get_vehicle_limits('rover').slew)


def test_without_a_file_the_limits_are_those_of_the_vehicle():
    found = received(guard_of(flight_graph.nodes(FlyOptions(vehicle='rover', out='/run'))))
    limits = get_vehicle_limits('rover')
    assert found['maximum'] == pytest.approx(limits.maximum)
    assert found['command_timeout_s'] == pytest.approx(limits.command_timeout_s)


def test_a_section_of_another_namespace_takes_no_limit_away(write):
    options = FlyOptions(
        vehicle='rover', params_file=write(STILL, '/other/guard'), namespace='rover1', out='/run'
    )
    found = received(guard_of(flight_graph.nodes(options)))
    assert found['maximum'] == pytest.approx(get_vehicle_limits('rover').maximum)


@pytest.mark.parametrize(
    ('parameters', 'node', 'changes', 'words'),
    [
        (
            {'adapter': 'px4'},
            'guard',
            {'adapter': 'mavlink'},
            'adapter of guard to px4',
        ),
        ({'vehicle': 'rover'}, 'pilot', {}, 'vehicle of pilot to rover, but .* to quadrotor'),
        ({'lockstep': True}, 'guard', {}, 'lockstep of guard to True, but .* to False'),
    ],
)
def test_a_value_that_an_option_overrides_is_refused(write, parameters, node, changes, words):
    file = write(parameters, f'/**/{node}')
    options = {'simulator': 'none', 'params_file': file, **changes}
    with pytest.raises(LiquidPilotError, match=f'params_file: .* sets {words}.*leave it out'):
        check_before_start(FlyOptions(**options))


def test_a_copy_of_the_shipped_file_is_no_wish(tmp_path):
    (copy := tmp_path / 'my.yaml').write_text(share_path('config/fly.yaml').read_text())
    for options in ({}, {'simulator': 'none', 'adapter': 'mavlink'}):
        check_before_start(FlyOptions(params_file=str(copy), **options))
    # Its limits would be those of a quadrotor.
    with pytest.raises(LiquidPilotError, match='maximum, slew of the guard to the values of'):
        check_before_start(FlyOptions(params_file=str(copy), vehicle='rover'))
