"""The rendered picture: culling changes no pixel, and flights do not affect each other."""

import math

import numpy as np
import pytest

from liquid_pilot.simulation.mujoco.rendering import CameraRenderer, mujoco
from liquid_pilot.simulation.simulator import Simulation


def look_from(simulation, rng):
    """Put the vehicle at a random pose in the forest."""
    data = simulation.data
    data.qpos[:3] = rng.uniform((-8.0, -8.0, 0.3), (8.0, 8.0, 7.0))
    quaternion = rng.standard_normal(4)
    data.qpos[3:7] = quaternion / np.linalg.norm(quaternion)
    mujoco.mj_kinematics(simulation.model, data)
    mujoco.mj_camlight(simulation.model, data)


@pytest.mark.parametrize('seed', [3, 4])
def test_leaving_out_what_is_not_in_view_changes_no_pixel(seed):
    rng = np.random.default_rng(seed)
    with Simulation() as simulation:
        simulation.reset(seed)
        s = simulation.settings
        size = (s.camera_width, s.camera_height)
        with (
            CameraRenderer(simulation.model, 'forward', *size) as culled,
            CameraRenderer(simulation.model, 'forward', *size, cull=False) as every,
        ):
            drawn, pictures = [0, 0], set()
            for _ in range(40):
                look_from(simulation, rng)
                picture = every.render(simulation.data)
                assert culled.render(simulation.data) == picture
                drawn[0] += culled.drawn_geoms
                drawn[1] += every.drawn_geoms
                pictures.add(picture)
    assert len(pictures) == 40
    assert drawn[0] < 0.6 * drawn[1]


def test_two_simulations_side_by_side_draw_what_each_draws_alone():
    with Simulation() as first, Simulation() as second:
        a, b = first.reset(5).observation.image.data, second.reset(6).observation.image.data
        assert a != b
        ahead = first.advance(None).observation.image.data
        assert second.reset(6).observation.image.data == b
        assert first.reset(5).observation.image.data == a
        assert first.advance(None).observation.image.data == ahead


def test_the_field_of_view_may_change_in_flight():
    with Simulation() as simulation:
        packet = simulation.reset(7)
        simulation.model.cam_fovy[:] = math.degrees(1.4)
        wide = simulation._scene.renderer.render(simulation.data)
        with CameraRenderer(simulation.model, 'forward', 256, 144, cull=False) as every:
            assert every.render(simulation.data) == wide != packet.observation.image.data
