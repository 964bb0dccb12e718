"""The checks of a pilot's sensors, and the report that the guard reads before it engages."""

import math
import subprocess
import sys

import pytest

from liquid_pilot.interfaces import CameraGeometry, ObservationError
from liquid_pilot.nodes.common.sensor_monitor import FrameStampCheck, SensorMonitor
from liquid_pilot.onboard.safety.preflight import (
    GEOMETRY_DIFFERS,
    GEOMETRY_MATCHES,
    GEOMETRY_UNCHECKED,
    GEOMETRY_UNKNOWN,
)

S = 1_000_000_000


def test_geometry_is_unknown_until_camera_info_arrives_and_then_fits_or_not():
    sensors = SensorMonitor()
    assert sensors.geometry(use_camera_info=False) == GEOMETRY_UNCHECKED
    assert sensors.geometry(use_camera_info=True) == GEOMETRY_UNKNOWN
    sensors.camera = CameraGeometry.from_vertical_fov(64, 36, 1.0)
    assert sensors.geometry(use_camera_info=True) == GEOMETRY_DIFFERS
    sensors.camera_fits = True
    assert sensors.geometry(use_camera_info=True) == GEOMETRY_MATCHES
    assert sensors.geometry(use_camera_info=False) == GEOMETRY_UNCHECKED


def test_readiness_has_rates_and_the_median_age_of_the_newest_frames():
    sensors = SensorMonitor()
    before = sensors.readiness('waiting', 20.0, True, 0.0)
    assert (before.camera_rate_hz, before.imu_rate_hz) == (0.0, 0.0)
    assert math.isnan(before.frame_age_s) and math.isnan(before.imu_age_s)
    # Sixty old frames, then forty newer ones, which alone count.
    for index in range(100):
        sensors.frames.tick(0.05 * index, 9.0 if index < 60 else 0.03)
        sensors.imu.tick(0.05 * index, 0.002)
    ready = sensors.readiness('flying', 20.0, False, 0.05 * 99)
    assert (ready.state, ready.problem, ready.trained_rate_hz) == ('flying', '', 20.0)
    assert ready.camera_rate_hz == pytest.approx(20.0)
    assert ready.imu_rate_hz == pytest.approx(20.0)
    assert ready.frame_age_s == pytest.approx(0.03)
    assert ready.imu_age_s == pytest.approx(0.002)
    assert ready.geometry == GEOMETRY_UNCHECKED


def test_between_two_missions_and_after_the_last_no_frame_is_due():
    sensors = SensorMonitor()
    # On a vehicle there are no missions, so that a silent camera is always a fault.
    assert sensors.frame_is_due(0.0)
    sensors.on_mission('seed 7', 1.0)
    assert sensors.frame_is_due(1.0)
    sensors.on_mission('end success', 9.0)
    assert not sensors.frame_is_due(9.0) and not sensors.frame_is_due(38.9)
    # A simulator that takes longer for a report or a world has a fault.
    assert sensors.frame_is_due(39.0)
    sensors.on_mission('seed 8', 10.0)
    assert sensors.frame_is_due(10.0)


def test_what_decides_without_ros_loads_no_ros():
    modules = ('health', 'sensor_monitor', 'sensor_sync', 'topics')
    imports = ', '.join(f'liquid_pilot.nodes.common.{name}' for name in modules)
    program = f'import sys, {imports}\nassert "rclpy" not in sys.modules'
    subprocess.run([sys.executable, '-c', program], check=True)


@pytest.mark.parametrize('node', ['pilot', 'guard', 'adaptation', 'recorder'])
def test_nodes_that_fly_load_neither_simulation_nor_evaluation(node):
    program = (
        f'import sys, liquid_pilot.nodes.{node}\n'
        'print([name for name in sys.modules if name.startswith('
        '("liquid_pilot.simulation", "liquid_pilot.evaluation", "liquid_pilot.learning", "torch",'
        ' "mujoco"))])'
    )
    found = subprocess.run([sys.executable, '-c', program], check=True, stdout=subprocess.PIPE)
    assert found.stdout.decode().strip() == '[]'


def test_newer_frames_pass():
    stamps = FrameStampCheck()
    assert stamps.check(5 * S, None, 0.0, 0.5) == 0.0
    assert stamps.check(5 * S + 1, 5 * S, 0.1, 0.5) == 0.0


@pytest.mark.parametrize(
    ('stamp_ns', 'text'),
    [(0, 'no time stamp'), (-1, 'no time stamp'), (5 * S, 'the same stamp as the one before')],
)
def test_frames_without_a_stamp_of_their_own_are_rejected(stamp_ns, text):
    with pytest.raises(ObservationError, match=text):
        FrameStampCheck().check(stamp_ns, 5 * S, 0.0, 0.5)


def test_time_has_jumped_back_when_old_stamps_last():
    stamps = FrameStampCheck()
    for now_s in (10.0, 10.2, 10.49):
        with pytest.raises(ObservationError, match=r'jumped back by 2\.000 s; if this lasts'):
            stamps.check(3 * S, 5 * S, now_s, 0.5)
    assert stamps.check(3 * S, 5 * S, 10.51, 0.5) == 2.0


def test_a_newer_frame_ends_the_suspicion():
    stamps = FrameStampCheck()
    with pytest.raises(ObservationError):
        stamps.check(3 * S, 5 * S, 10.0, 0.5)
    assert stamps.check(6 * S, 5 * S, 10.3, 0.5) == 0.0
    with pytest.raises(ObservationError):
        stamps.check(3 * S, 6 * S, 10.6, 0.5)


def test_without_patience_the_first_old_frame_is_a_jump():
    assert FrameStampCheck().check(4 * S, 5 * S, 0.0, 0.0) == 1.0
