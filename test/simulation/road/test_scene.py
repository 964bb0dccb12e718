"""The view of a road from the bonnet camera."""

import cv2
import numpy as np
import pytest

from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.mujoco import mjcf
from liquid_pilot.simulation.mujoco.rendering import mujoco
from liquid_pilot.simulation.road import scene as road_scene
from liquid_pilot.simulation.road.layout import generate_road
from liquid_pilot.simulation.simulator import Simulation


def seed_with(markings):
    return next(seed for seed in range(100) if generate_road(seed).markings == markings)


@pytest.fixture(scope='module')
def simulation():
    with Simulation(SimulationSettings(vehicle='rover')) as made:
        yield made


def picture(simulation, seed):
    image = simulation.reset(seed).observation.image
    return np.frombuffer(bytes(image.data), np.uint8).reshape(image.height, image.width, 3)


def painted(markings):
    """Return the columns of the road's texture with paint, as shares of the width."""
    seed = seed_with(markings)
    data = road_scene.build_road_scene(generate_road(seed)).textures['road.png']
    rgb = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(float)
    bright = rgb.max(axis=2) > 0.75 * 255
    return np.flatnonzero(bright.mean(axis=0) > 0.3) / rgb.shape[1]


def test_lines_are_painted_where_the_seed_has_them():
    assert not len(painted('none'))
    edges, dashes, both = painted('edges'), painted('dashes'), painted('both')
    assert len(edges) and ((edges < 0.2) | (edges > 0.8)).all()
    assert len(dashes) and (np.abs(dashes - 0.5) < 0.05).all()
    assert len(both) > len(dashes)


@pytest.mark.parametrize('markings', ['edges', 'none'])
def test_the_camera_sees_road_ahead_grass_beside_and_sky_above(simulation, markings):
    rgb = picture(simulation, seed_with(markings)).astype(int)
    height, width, _ = rgb.shape
    below = rgb[int(0.85 * height) :, int(0.4 * width) : int(0.6 * width)].mean(axis=(0, 1))
    assert below.max() - below.min() < 40  # grey
    beside = rgb[int(0.62 * height), [2, -3]].mean(axis=0)
    sky = rgb[3, width // 2 - 20 : width // 2 + 20]
    assert np.median(sky[:, 2]) > np.median(sky[:, 0]) - 5
    assert abs(below - beside).max() > 15


def test_there_is_road_before_the_wheels_all_along(simulation):
    """The surface has no holes: the bonnet camera sees grey ahead at every tenth metre."""
    seed = seed_with('none')
    simulation.reset(seed)
    line = simulation.layout.centerline
    for along in range(0, 300, 10):
        x, y, heading, _ = line[simulation.layout.index(along)]
        simulation.vehicle.reset_pose(
            simulation.data, (x, y, float(simulation.layout.height(x, y))), heading
        )
        state = simulation.vehicle.state(simulation.data, 0)
        image = simulation.render_from(state)
        rgb = np.frombuffer(bytes(image.data), np.uint8).reshape(image.height, image.width, 3)
        patch = rgb[-25:, 108:148].astype(int)
        assert (patch.max(axis=2) - patch.min(axis=2)).mean() < 45, along


def test_what_stands_there_can_be_hit_and_the_road_cannot(simulation):
    simulation.reset(2)
    model = simulation.model
    solid = {model.geom(k).name for k in range(model.ngeom) if model.geom_contype[k]}
    assert any(name.startswith('tree_') for name in solid)
    assert not any(name.startswith(('tile', 'road')) for name in solid)
    meshes = [
        k
        for k in range(model.ngeom)
        if model.geom_type[k] == mujoco.mjtGeom.mjGEOM_MESH and not model.geom_contype[k]
    ]
    assert len(meshes) > 50


def test_a_road_without_a_vehicle_compiles_and_is_the_same_every_time():
    first, again = (
        mjcf.build_mjcf(road_scene.build_road_scene(generate_road(9)), '', '', '', 0.005, (64, 36))
        for _ in range(2)
    )
    assert first == again
    mujoco.MjModel.from_xml_string(*first)
