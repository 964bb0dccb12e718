"""Adapters: what the registry names, and what each makes of a command."""

import math

import pytest

from liquid_pilot.interfaces import (
    AttitudeThrust,
    Command,
    LiquidPilotError,
    ObservationError,
    VehicleState,
)
from liquid_pilot.onboard.setpoints.registry import ADAPTERS, make_adapter
from liquid_pilot.onboard.setpoints.velocity_controller import VelocityController
from liquid_pilot.onboard.vehicles.registry import VEHICLES, get_vehicle_limits

COMMAND = Command(9, 1.0, -0.5, 0.2, 0.3)
STATE = VehicleState(9, (0, 0, 2), (1.0, 0.0, 0.0, 0.0), (0.5, 0.0, 0.0), (0.0, 0.0, 0.0))


def test_every_entry_makes_an_adapter_of_its_name():
    assert {'cmd_vel', 'attitude_thrust'} <= set(ADAPTERS)
    for name, entry in ADAPTERS.items():
        adapter = make_adapter(name)
        assert adapter.name == name
        assert isinstance(adapter.needs_odometry, bool)
        assert entry.description
        assert adapter.convert(COMMAND, STATE).stamp_ns == COMMAND.stamp_ns


def test_cmd_vel_passes_the_command_on_without_odometry():
    adapter = make_adapter('cmd_vel')
    assert not adapter.needs_odometry
    assert adapter.convert(COMMAND, None) == COMMAND


def test_attitude_thrust_is_the_velocity_controller():
    adapter = make_adapter('attitude_thrust')
    assert adapter.needs_odometry
    answer = adapter.convert(COMMAND, STATE)
    assert isinstance(answer, AttitudeThrust)
    assert answer == VelocityController().attitude_thrust(COMMAND, STATE)


def test_attitude_thrust_says_what_it_lacks():
    with pytest.raises(ObservationError, match='odom'):
        make_adapter('attitude_thrust').convert(COMMAND, None)


@pytest.mark.parametrize('name', ['mavros', 'ardupilot', 'px4', 'mavlink'])
def test_standstill_needs_no_odometry(name):
    """Nor does a climb or a turn, which are the same in any heading."""
    adapter = make_adapter(name)
    unusable = VehicleState(0, (0.0,) * 3, (0.0,) * 4, (0.0,) * 3, (0.0,) * 3)
    turned = VehicleState(0, (0.0,) * 3, (0.6, 0.0, 0.0, 0.8), (0.0,) * 3, (0.0,) * 3)
    for values in ((0.0,) * 4, (0.0, 0.0, -0.2, 0.5)):
        command = Command(7, *values)
        answers = [adapter.convert(command, state) for state in (None, unusable, turned)]
        assert answers[0] == answers[1] == answers[2]
    for moving in ((1e-9, 0.0, 0.0, 0.0), (0.0, 1e-9, 0.0, 0.0)):
        with pytest.raises(ObservationError, match=f'{name} needs the attitude'):
            adapter.convert(Command(7, *moving), None)


def test_unknown_names_are_answered_with_the_known_ones():
    with pytest.raises(LiquidPilotError, match='attitude_thrust, cmd_vel'):
        make_adapter('px5')
    with pytest.raises(LiquidPilotError, match='quadrotor'):
        get_vehicle_limits('submarine')


def test_the_safe_command_of_each_class_stops_it():
    for limits in (vehicle.limits for vehicle in VEHICLES.values()):
        assert math.hypot(*limits.safe_command) == 0.0
    assert get_vehicle_limits('quadrotor').maximum == (2.5, 1.5, 1.0, 1.5)
