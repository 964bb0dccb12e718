"""The output to PX4 with a peer of it: when setpoints go out, and what PX4 reports.

It runs with PX4's genuine message types where px4_msgs is installed, and with stand-ins everywhere.
"""

import math

import pytest
from px4_peer.fixtures import NAME
from px4_peer.modes import LOITER, OFFBOARD

from liquid_pilot.nodes.common import messages
from liquid_pilot.onboard.setpoints.attitude_target import AttitudeTarget
from liquid_pilot.onboard.setpoints.world_velocity import VelocityNed

FORWARD = VelocityNed(0, (1.0, 0.0, -0.25), 0.5)
LEVEL = AttitudeTarget(0, (1.0, 0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0), 0.25, 0.5)

# Setpoints, in Offboard and in the mode


@pytest.mark.parametrize('name', [None, NAME])
def test_setpoints_go_out_in_offboard_and_heartbeats_before(fly, name):
    flight = fly(name=name)
    flight.setpoint = FORWARD
    flight.run(2.0)
    # Another mode reads from the same topic: what we would send there would be flown.
    assert len(flight.peer.of('offboard_control_mode')) == pytest.approx(40, abs=2)
    assert flight.peer.of('trajectory_setpoint') == []
    assert flight.peer.select(OFFBOARD)
    flight.run(1.0)
    sent = flight.peer.of('trajectory_setpoint')
    assert len(sent) == pytest.approx(20, abs=2)
    assert list(sent[-1].velocity) == pytest.approx([1.0, 0.0, -0.25])
    assert math.isnan(sent[-1].yaw) and sent[-1].yawspeed == 0.5
    assert flight.output.status.mode == 'OFFBOARD'
    flight.peer.select(LOITER)
    flight.run(0.1)
    count = len(flight.peer.of('trajectory_setpoint'))
    flight.run(1.0)
    assert len(flight.peer.of('trajectory_setpoint')) == count


def test_attitudes_go_out_in_offboard_and_in_no_other_mode(fly):
    flight = fly(attitude=True, name=None)
    flight.setpoint = LEVEL
    flight.run(2.0)
    heartbeat = flight.peer.of('offboard_control_mode')[-1]
    assert (heartbeat.attitude, heartbeat.velocity) == (True, False)
    assert flight.peer.of('vehicle_attitude_setpoint') == []
    assert flight.peer.select(OFFBOARD)
    flight.run(0.5)
    assert flight.peer.of('vehicle_attitude_setpoint')


def test_a_link_that_only_brings_setpoints_still_gets_them(fly):
    flight = fly(name=None)
    flight.setpoint = FORWARD
    flight.run(1.0)
    flight.peer.select(OFFBOARD)
    flight.run(1.0)
    flight.peer.publish = lambda *arguments, **fields: None
    flight.run(4.0)
    assert flight.output.status.connected is False
    count = len(flight.peer.of('trajectory_setpoint'))
    flight.run(1.0)
    assert len(flight.peer.of('trajectory_setpoint')) > count + 15


# Whether it flies


def test_whether_it_flies_is_what_the_land_detector_says(fly):
    flight = fly(name=None)
    flight.run(0.1)
    assert flight.output.status.airborne is True
    flight.peer.landed = True
    flight.run(1.1)
    assert flight.output.status.airborne is False


@pytest.mark.parametrize('stage', ['landed', 'maybe_landed', 'ground_contact'])
def test_each_stage_of_a_landing_counts(fly, stage):
    flight = fly(name=None)
    flight.run(0.1)
    flight._publish('VehicleLandDetected', 'vehicle_land_detected', **{stage: True})
    assert flight.output.status.airborne is False


@pytest.mark.parametrize(('number', 'name'), [(17, 'TAKEOFF'), (18, 'LAND'), (12, 'DESCEND')])
def test_while_px4_takes_off_or_lands_by_itself_it_does_not_fly(fly, number, name):
    flight = fly(name=None)
    flight.peer.select(number)
    flight.run(0.1)
    status = flight.output.status
    assert (status.mode, status.airborne, status.accepts_setpoints) == (name, False, False)


def test_a_land_detector_that_has_fallen_silent_is_not_believed(fly):
    flight = fly(name=None)
    flight.run(0.1)
    flight.peer.landing_s = math.inf
    flight.run(4.0)
    assert flight.output.status.connected and flight.output.status.airborne is None


# Sensors


def test_imu_and_odometry_come_in_ros_frames(fly):
    flight = fly(name=None)
    flight._publish(
        'SensorCombined',
        'sensor_combined',
        gyro_rad=[0.5, 0.25, 0.125],
        accelerometer_m_s2=[1.0, 2.0, -9.75],
    )
    sample = messages.unpack_imu(flight.imu[-1])
    assert sample.angular_velocity_flu_rad_s == (0.5, -0.25, -0.125)
    assert sample.specific_force_flu_m_s2 == (1.0, -2.0, 9.75)
    flight._publish(
        'VehicleOdometry',
        'vehicle_odometry',
        pose_frame=1,
        velocity_frame=1,
        position=[1.0, 2.0, -3.0],
        q=[1.0, 0.0, 0.0, 0.0],
        velocity=[0.5, 0.25, 0.125],
        angular_velocity=[0.0, 0.0, 0.5],
    )
    state = messages.unpack_odometry(flight.odometry[-1])
    assert state.position_enu_m == (2.0, 1.0, 3.0)
    assert state.velocity_flu_m_s == pytest.approx((0.5, -0.25, -0.125))
    assert state.angular_velocity_flu_rad_s == (0.0, 0.0, -0.5)
