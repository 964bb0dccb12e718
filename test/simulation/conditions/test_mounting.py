"""A vehicle that was put together askew: its camera is turned or raised, its steering is off."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from liquid_pilot.interfaces import Command, LiquidPilotError
from liquid_pilot.onboard.perception.camera_mount import CameraMount
from liquid_pilot.onboard.perception.rectification import Rectification
from liquid_pilot.simulation.base.condition import MOUNT_FAMILIES, TRIM_FAMILIES, parse
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.simulator import Simulation

TURNS = {
    'camera_left=12': CameraMount.from_degrees(12.0, 0.0, 0.0),
    'camera_right=12': CameraMount.from_degrees(-12.0, 0.0, 0.0),
    'camera_up=12': CameraMount.from_degrees(0.0, -12.0, 0.0),
    'camera_down=12': CameraMount.from_degrees(0.0, 12.0, 0.0),
    'camera_roll=20': CameraMount.from_degrees(0.0, 0.0, 20.0),
    'camera_left=8+camera_down=6+camera_roll=9': CameraMount.from_degrees(8.0, 6.0, 9.0),
}


@pytest.fixture(scope='module', params=['quadrotor', 'rover'])
def simulation(request):
    with Simulation(SimulationSettings(vehicle=request.param)) as simulation:
        yield simulation


def picture(simulation, text):
    image = simulation.reset(7, conditions=parse(text)).observation.image
    return np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, 3)


@pytest.mark.parametrize(('text', 'mount'), TURNS.items(), ids=str)
def test_a_pilot_that_is_told_the_turn_sees_straight_ahead(simulation, text, mount):
    camera = simulation.camera
    clear, turned = picture(simulation, 'clear'), picture(simulation, text)
    size = camera.width, camera.height
    straighten = Rectification(camera, camera, *size, mount, max_missing=1.0)
    x, y, width, height = straighten.source_crop
    fine = straighten(turned[y : y + height, x : x + width])
    straightened = cv2.resize(fine, size, interpolation=cv2.INTER_AREA)
    # What the turned camera does not see is left out; so are edges that resampling softens.
    margin = 0.28 if 'left=' in text or 'right=' in text else 0.42
    rows, columns = (slice(int(margin * n), int((1.0 - margin) * n)) for n in clear.shape[:2])

    def difference(seen):
        return np.abs(seen[rows, columns].astype(int) - clear[rows, columns]).mean()

    assert difference(straightened) < 0.4 * difference(turned)


def test_a_raised_camera_is_where_it_is_said_to_be(simulation):
    simulation.reset(7)
    before = simulation.data.camera('forward').xpos.copy()
    simulation.reset(7, conditions=parse('camera_high=0.5'))
    raised = simulation.data.camera('forward').xpos - before
    assert raised == pytest.approx((0.0, 0.0, 0.5), abs=0.02)


@pytest.mark.parametrize(('text', 'side'), [('trim_left', 1.0), ('trim_right', -1.0)])
def test_a_trim_turns_the_vehicle_from_its_onset_on(simulation, text, side):
    def heading(text, ticks):
        packet = simulation.reset(7, conditions=parse(text))
        for _ in range(ticks):
            packet = simulation.advance(Command(packet.stamp_ns, 2.0, 0.0, 0.0, 0.0))
        w, x, y, z = packet.state.orientation_wxyz
        return math.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))

    straight = heading('clear', 40)
    assert heading(f'{text}=0.2@3s', 40) == straight
    turned = (heading(f'{text}=0.2', 40) - straight + math.pi) % (2.0 * math.pi) - math.pi
    assert side * turned > 0.15
    assert heading('clear', 40) == straight


@pytest.mark.parametrize('family', MOUNT_FAMILIES)
def test_a_camera_is_not_mounted_in_mid_flight(family):
    with pytest.raises(LiquidPilotError, match=r'part of the mounting and cannot begin.*@3s'):
        parse(f'{family}:3@3s')


def test_all_of_them_are_for_both_vehicles(simulation):
    for family in (*MOUNT_FAMILIES, *TRIM_FAMILIES):
        assert family in simulation.task.families
