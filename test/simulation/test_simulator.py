"""The simulator: determinism, flight of the rigid body, sensors, contact and time-out."""

import math

import numpy as np
import pytest

from liquid_pilot.interfaces import AttitudeThrust, Command, LiquidPilotError
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.simulator import Simulation


@pytest.fixture(scope='module')
def simulation():
    with Simulation() as world:
        yield world


def fly(simulation, seed, values, periods):
    packet = simulation.reset(seed)
    for _ in range(periods):
        packet = simulation.advance(Command(packet.stamp_ns, *values))
    return packet


def mean_imu(packet):
    return np.mean(
        [(*s.angular_velocity_flu_rad_s, *s.specific_force_flu_m_s2) for s in packet.imu], axis=0
    )


def test_a_seed_and_its_commands_decide_everything(simulation):
    first = fly(simulation, 7, (1.0, 0.2, 0.1, 0.3), 15)
    with Simulation() as other:
        again = fly(other, 7, (1.0, 0.2, 0.1, 0.3), 15)
    assert first == again


def test_a_flight_does_not_depend_on_the_one_before(simulation):
    first = fly(simulation, 3, (0.5, 0.0, 0.0, 0.0), 5)
    fly(simulation, 4, (1.5, -1.0, 0.0, 0.5), 12)
    assert fly(simulation, 3, (0.5, 0.0, 0.0, 0.0), 5) == first


def test_stamps_go_on_from_the_clock_given(simulation):
    packet = simulation.reset(1, stamp_ns=1_234_000_000_000)
    assert packet.stamp_ns == packet.imu[-1].stamp_ns == 1_234_000_000_000
    after = simulation.advance(None)
    assert after.stamp_ns == packet.stamp_ns + simulation.control_period_ns
    stamps = [sample.stamp_ns for sample in after.imu]
    assert np.diff([packet.stamp_ns, *stamps]).tolist() == [10_000_000] * 5
    assert stamps[-1] == after.stamp_ns


@pytest.mark.parametrize('axis', range(3))
@pytest.mark.parametrize('speed', [-0.8, 0.8])
def test_a_velocity_command_is_obeyed_in_the_heading_frame(simulation, axis, speed):
    values = [0.0, 0.0, 0.0, 0.0]
    values[axis] = speed
    packet = fly(simulation, 11, values, 30)
    measured = packet.state.velocity_flu_m_s[axis]
    assert measured == pytest.approx(speed, abs=0.3)  # gusts are part of the world


def test_a_yaw_rate_command_turns_left_when_positive(simulation):
    start = simulation.reset(5)
    packet = fly(simulation, 5, (0.0, 0.0, 0.0, 0.8), 30)

    def yaw(state):
        w, x, y, z = state.orientation_wxyz
        return math.atan2(2 * (x * y + w * z), 1 - 2 * (y * y + z * z))

    turned = (yaw(packet.state) - yaw(start.state) + math.pi) % (2 * math.pi) - math.pi
    assert turned == pytest.approx(0.8 * 1.5, abs=0.2)
    assert mean_imu(packet)[2] == pytest.approx(0.8, abs=0.1)


def test_the_airframe_tilts_forward_to_accelerate_and_the_camera_with_it(simulation):
    level = simulation.reset(9)
    packet = fly(simulation, 9, (2.0, 0.0, 0.0, 0.0), 4)
    w, x, y, z = packet.state.orientation_wxyz
    pitch = math.asin(2 * (w * y - z * x))
    assert pitch > 0.1  # FLU: nose down is a positive turn about y, which points left
    assert packet.observation.image.data != level.observation.image.data


def test_a_hovering_accelerometer_reads_gravity(simulation):
    packet = fly(simulation, 2, (0.0, 0.0, 0.0, 0.0), 20)
    assert np.linalg.norm(mean_imu(packet)[3:]) == pytest.approx(9.81, abs=0.4)


def test_attitude_and_thrust_hover_and_sink(simulation):
    packet = simulation.reset(6)
    start = packet.state
    for thrust, low, high in ((9.81, -0.35, 0.35), (8.0, -5.0, -0.3)):
        for _ in range(20):
            packet = simulation.advance(
                AttitudeThrust(packet.stamp_ns, start.orientation_wxyz, 0.0, thrust)
            )
            if packet.contact_body:
                break
        assert low < packet.state.velocity_flu_m_s[2] < high


def test_without_commands_it_holds_the_last_one_and_then_hovers_by_itself(simulation):
    packet = fly(simulation, 8, (1.2, 0.0, 0.0, 0.0), 20)
    for _ in range(5):
        packet = simulation.advance(None)
    assert packet.state.velocity_flu_m_s[0] > 0.7
    for _ in range(40):
        packet = simulation.advance(None)
        if packet.contact_body:
            break
    assert abs(packet.state.velocity_flu_m_s[0]) < 0.6


def test_the_ground_is_felt_and_named(simulation):
    packet = simulation.reset(10)
    for _ in range(60):
        packet = simulation.advance(Command(packet.stamp_ns, 0.0, 0.0, -1.0, 0.0))
        if packet.contact_body:
            break
    assert packet.contact_body == 'ground'
    assert packet.state.position_enu_m[2] < 0.3


def test_a_trunk_is_felt_and_named(simulation):
    packet = simulation.reset(10)
    x, y, radius = simulation.layout.obstacle_discs()[0]
    state = packet.state.position_enu_m
    away = math.hypot(x - state[0], y - state[1])
    share = 1 - (radius + 0.3) / away
    simulation.data.qpos[:2] = (share * (x - state[0]), share * (y - state[1]))
    w, *_, z = simulation.data.qpos[3:7].tolist()
    heading = math.atan2(y, x) - 2 * math.atan2(z, w)
    for _ in range(20):
        packet = simulation.advance(Command(0, math.cos(heading), math.sin(heading), 0.0, 0.0))
        if packet.contact_body:
            break
    assert packet.contact_body == 'tree_0'


def test_the_red_chair_is_in_the_first_picture(simulation):
    for seed in range(20, 26):
        packet = simulation.reset(seed)
        rgb = (
            np.frombuffer(packet.observation.image.data, np.uint8)
            .reshape(packet.observation.image.height, packet.observation.image.width, 3)
            .astype(int)
        )
        red = (
            (rgb[..., 0] > 90)
            & (rgb[..., 0] > 2.2 * rgb[..., 1])
            & (rgb[..., 0] > 2.2 * rgb[..., 2])
        )
        assert red.sum() >= 6, f'seed {seed}'
        column = np.nonzero(red)[1].mean()
        to_target = math.atan2(simulation.layout.target_enu_m[1], simulation.layout.target_enu_m[0])
        off = (to_target - simulation.layout.start_yaw_rad + math.pi) % (2 * math.pi) - math.pi
        camera = simulation.camera
        assert column == pytest.approx(camera.cx - camera.fx * math.tan(off), abs=8)


def test_setpoints_that_are_not_finite_are_refused(simulation):
    simulation.reset(0)
    with pytest.raises(LiquidPilotError, match='finite'):
        simulation.advance(Command(0, math.nan, 0.0, 0.0, 0.0))


def test_advance_before_reset_says_so():
    with pytest.raises(LiquidPilotError, match='reset'):
        Simulation().advance(None)


def test_rates_must_divide_and_vehicles_must_exist():
    with pytest.raises(LiquidPilotError, match='multiple'):
        SimulationSettings(camera_rate_hz=30)
    with pytest.raises(LiquidPilotError, match='submarine'):
        SimulationSettings(vehicle='submarine')
