"""The rover's body, tyres and control loops, on dry and on slippery ground."""

import math

import numpy as np
import pytest

from liquid_pilot.interfaces import AttitudeThrust, Command, LiquidPilotError
from liquid_pilot.simulation.mujoco.rendering import mujoco
from liquid_pilot.simulation.road.layout import generate_road
from liquid_pilot.simulation.vehicles.rover import Rover, RoverSettings

S = RoverSettings()
WORLD = (
    '<mujoco><compiler angle="radian"/><option timestep="0.005" integrator="implicitfast"/>'
    '<default><default class="visual"><geom contype="0" conaffinity="0" mass="0"/></default>'
    '</default><worldbody>{0}</worldbody><sensor>{2}</sensor></mujoco>'
)


def drive(command, seconds, friction=1.0, speed=0.0, layout=None, start=(0.0, 0.0, 0.0), yaw=0.0):
    """Return (n, 8) every 50 ms: x, y, z, forward, left, up, yaw rate, x of the quaternion."""
    rover = Rover()
    model = mujoco.MjModel.from_xml_string(WORLD.format(*rover.mjcf(0.9)))
    data = mujoco.MjData(model)
    if layout is not None:
        rover.set_layout(layout)
    rover.friction_factor = friction if callable(friction) else lambda x, y: friction
    rover.reset_pose(data, start, yaw)
    data.qvel[:2] = speed * math.cos(yaw), speed * math.sin(yaw)
    rows = []
    for step in range(round(seconds / 0.005)):
        state = rover.state(data, 0)
        rover.actuate(data, command(step * 0.005), state)
        rover.apply_wind(data, 1, (0.0, 0.0, 0.0))
        mujoco.mj_step(model, data)
        if step % 10 == 0:
            rows.append(
                (
                    *state.position_enu_m,
                    *state.velocity_flu_m_s,
                    state.angular_velocity_flu_rad_s[2],
                    state.orientation_wxyz[1],
                )
            )
    return np.array(rows)


def bend(speed, radius):
    return lambda time_s: Command(0, speed, 0.0, 0.0, speed / radius)


def test_it_stands_where_it_is_put():
    path = drive(lambda t: Command(0, 0.0, 0.0, 0.0, 0.0), 3.0)
    assert path[-1, :2] == pytest.approx(0.0, abs=1e-6)
    assert path[-1, 2] == pytest.approx(S.ride_height_m, abs=1e-3)


def test_it_stands_on_a_slope_too():
    """It creeps a few centimetres per second sideways: tyres hold by slip only."""
    road = generate_road(5)
    rng = np.random.default_rng(0)
    for x, y in rng.uniform(-100, 100, (3, 2)):
        start = (x, y, float(road.height(x, y)))
        path = drive(lambda t: Command(0, 0.0, 0.0, 0.0, 0.0), 4.0, layout=road, start=start)
        assert np.hypot(*(path[-1, :2] - (x, y))) < 0.2
        assert abs(path[-1, 3]) < 0.05


@pytest.mark.parametrize('speed', [2.0, 8.0, -1.5])
def test_it_drives_at_the_commanded_speed(speed):
    path = drive(lambda t: Command(0, speed, 0.0, 0.0, 0.0), 6.0)
    assert path[-1, 3] == pytest.approx(speed, rel=0.06)
    assert path[-1, 1] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(('speed', 'radius'), [(2.0, 6.0), (2.0, -10.0), (4.0, 15.0)])
def test_at_low_speed_it_follows_the_commanded_circle(speed, radius):
    path = drive(bend(speed, radius), 8.0, speed=speed)
    assert path[-1, 3] / path[-1, 6] == pytest.approx(radius, rel=0.04)


def radius_of(friction, speed=7.5, radius=12.0):
    path = drive(bend(speed, radius), 6.0, friction, speed)
    return np.hypot(*path[-20:, 3:5].T).mean() / path[-20:, 6].mean()


def test_a_bend_that_dry_tyres_hold_is_missed_at_half_the_friction():
    """7.5 m/s on 12 m are 4.7 m/s^2: dry tyres give 8.8, at half the friction 4.4."""
    assert radius_of(1.0) == pytest.approx(12.0, rel=0.08)
    assert radius_of(0.5) > 12.0 * 1.12
    # At a lower speed, half the friction is enough.
    assert radius_of(0.5, speed=5.0) == pytest.approx(12.0, rel=0.08)


def test_bends_widen_gradually_as_friction_falls():
    radii = [radius_of(friction) for friction in (1.0, 0.7, 0.55, 0.4)]
    assert radii == sorted(radii)


def test_friction_limits_the_acceleration_in_a_bend():
    for friction in (1.0, 0.5, 0.3):
        path = drive(bend(8.0, 6.0), 4.0, friction, 8.0)
        felt = np.hypot(*np.diff(path[:, :2], n=2, axis=0).T) / 0.05**2
        assert np.quantile(felt, 0.95) < 1.1 * friction * S.car_model.friction_coefficient * 9.81


def test_brakes_stop_it_within_a_distance_set_by_friction():
    def metres(friction):
        path = drive(lambda t: Command(0, 0.0, 0.0, 0.0, 0.0), 8.0, friction, 8.0)
        assert abs(path[-1, 3]) < 0.01
        return path[-1, 0]

    dry, wet, ice = metres(1.0), metres(0.5), metres(0.15)
    # The max deceleration of 6 m/s^2 exceeds what half the friction allows.
    assert 8.0**2 / 2 / 6.5 < dry < wet < ice
    assert ice > 0.85 * 8.0**2 / 2 / (0.15 * S.car_model.friction_coefficient * 9.81)


def test_one_side_on_ice_pulls_it_round():
    path = drive(
        lambda t: Command(0, 0.0, 0.0, 0.0, 0.0), 1.0, lambda x, y: 1.0 if y > 0.0 else 0.05, 8.0
    )
    assert path[-1, 6] > 0.05 or np.abs(path[:, 6]).max() > 0.1


def test_the_inner_wheel_turns_more():
    rover = Rover()
    rover.steering_rad = 0.3
    front = [rover._angle(x, y) for x, y in rover._corners if x > 0.0]
    base = 2.0 * S.car_model.half_wheelbase_m
    for (_, y), angle in zip(rover._corners, front, strict=False):
        assert base / math.tan(angle) + y == pytest.approx(base / math.tan(0.3))
    assert front[0] > 0.3 > front[1] > 0.0


def test_it_takes_no_attitude():
    with pytest.raises(LiquidPilotError, match='takes no AttitudeThrust'):
        drive(lambda t: AttitudeThrust(0, (1.0, 0.0, 0.0, 0.0), 0.0, 9.81), 0.01)
