"""Forest, quadrotor and camera in Gazebo are the same as in MuJoCo."""

import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from sdf_reader import SEED, made, numbers

from liquid_pilot.interfaces import CameraGeometry
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.forest.layout import generate_forest
from liquid_pilot.simulation.forest.memory_courses import DECOY_BODY, TARGET_BODY
from liquid_pilot.simulation.forest.scene import build_forest_scene
from liquid_pilot.simulation.forest.shapes import make_chair
from liquid_pilot.simulation.gazebo import quadrotor
from liquid_pilot.simulation.gazebo import world as gazebo_world
from liquid_pilot.simulation.gazebo.models import OBSTACLE_PREFIX
from liquid_pilot.simulation.mujoco import mjcf
from liquid_pilot.simulation.mujoco.rendering import mujoco
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.simulation.tasks.registry import gazebo_task_of
from liquid_pilot.simulation.vehicles.quadrotor import ROTORS, QuadrotorSettings

V = QuadrotorSettings()


@pytest.fixture(scope='module')
def world():
    """Return the root of the SDF and the files of the forest."""
    return made('quadrotor')


def read_meshes(files):
    """Return the (n, 3) vertices and the colour of each mesh of the forest, by name."""
    colours, name = {}, ''
    for line in files['forest.mtl'].decode().splitlines():
        key, *rest = line.split()
        name = rest[0] if key == 'newmtl' else name
        if key == 'Kd':
            colours[name] = [float(word) for word in rest]
    rows, faces = [], {}
    for line in files['forest.obj'].decode().splitlines():
        key, *rest = line.split()
        if key == 'v':
            rows.append([float(word) for word in rest])
        elif key == 'o':
            faces[rest[0]] = corners = []
        elif key == 'f':
            corners += [rows[int(word.split('/')[0]) - 1] for word in rest]
    return {name: (np.array(corners), colours[name]) for name, corners in faces.items()}


def extent(model, geom):
    """Return the lowest and the highest point of a geom that is an upright mesh."""
    first = model.mesh_vertadr[geom.dataid[0]]
    rows = model.mesh_vert[first : first + model.mesh_vertnum[geom.dataid[0]]]
    rotation = np.zeros(9)
    mujoco.mju_quat2Mat(rotation, geom.quat)
    heights = (rows @ rotation.reshape(3, 3).T)[:, 2] + geom.pos[2]
    return heights.min(), heights.max()


def dimensions(geometry):
    """Return the half extents along x, y and z of a collision's primitive."""
    if geometry.find('box') is not None:
        return [0.5 * value for value in numbers(geometry, 'box/size')]
    if geometry.find('ellipsoid') is not None:
        return numbers(geometry, 'ellipsoid/radii')
    radius = float(geometry.findtext('cylinder/radius'))
    return [radius, radius, 0.5 * float(geometry.findtext('cylinder/length'))]


@pytest.mark.parametrize('condition', ['clear', 'two_legs:3', 'hidden:3', 'target:4'])
def test_it_is_the_forest_of_mujoco(condition):
    """Each solid of one scene has a counterpart of the same position and size in the other."""
    with Simulation() as simulation:
        simulation.reset(SEED, conditions=parse(condition))
        layout, appearance = simulation.layout, simulation._conditions.appearance()
    scene = build_forest_scene(layout, appearance)
    xml, textures = mjcf.build_mjcf(scene, '', '', '', 0.005, (64, 36))
    model = mujoco.MjModel.from_xml_string(xml, textures)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    text, files = gazebo_world.build_sdf(gazebo_task_of('quadrotor'), layout, appearance=appearance)
    root, meshes = ElementTree.fromstring(text), read_meshes(files)
    parts = {
        visual.get('name').removesuffix('_visual'): visual
        for visual in root.findall(".//model[@name='solid_forest']/link/visual")
    }
    named = [model.geom(k).name for k in range(model.ngeom) if model.geom(k).name]
    assert set(parts) | {'ground'} == set(named)
    for name, part in parts.items():
        geom = model.geom(name)
        pose = numbers(part, 'pose')
        mesh = meshes.get(part.findtext('geometry/mesh/submesh/name'))
        colour = numbers(part, 'material/diffuse')[:3] if mesh is None else mesh[1]
        assert colour == pytest.approx(geom.rgba[:3], abs=1e-6)
        if geom.type == mujoco.mjtGeom.mjGEOM_MESH:
            low, high = extent(model, geom)
            assert mesh[0].min(axis=0)[2] + pose[2] == pytest.approx(low, abs=1e-4)
            assert mesh[0].max(axis=0)[2] + pose[2] == pytest.approx(high, abs=1e-4)
            scale = root.find(f".//collision[@name='{name}']/geometry/mesh/scale")
            if scale is not None:
                assert [float(word) for word in scale.text.split()] == pytest.approx(
                    mesh[0].max(axis=0), abs=1e-4
                )
            continue  # Its place is its middle.
        assert pose[:3] == pytest.approx(geom.pos, abs=1e-6)
        radii = geom.size
        if geom.type == mujoco.mjtGeom.mjGEOM_CYLINDER:
            radii = geom.size[[0, 0, 1]]
        if mesh is not None:
            assert mesh[0].max(axis=0) == pytest.approx(radii, abs=1e-4)
            assert mesh[0].min(axis=0) == pytest.approx(-radii, abs=1e-4)
        solid = root.find(f".//collision[@name='{name}']/geometry")
        if solid is not None:
            assert solid.find('mesh') is None
            assert dimensions(solid) == pytest.approx(radii, abs=1e-6)
    chairs = {'solid_target': TARGET_BODY, 'solid_decoy': DECOY_BODY}
    there = [m.get('name') for m in root.iter('model')]
    assert ('solid_decoy' in there) == (layout.course is not None)
    for name, body in chairs.items():
        if name in there:
            pose = numbers(root.find(f".//model[@name='{name}']"), 'pose')
            assert pose[:3] == pytest.approx(model.body(body).pos, abs=1e-6)
            yaw = 2.0 * math.atan2(model.body(body).quat[3], model.body(body).quat[0])
            assert math.cos(pose[5] - yaw) == pytest.approx(1.0, abs=1e-9)


def test_a_capsule_lies_between_its_ends():
    legs = [part for part in make_chair(generate_forest(SEED)).parts if part.kind == 'capsule']
    assert len(legs) == 4
    for leg in legs:
        _, pitch, yaw = leg.rpy_rad
        axis = np.array(
            [math.sin(pitch) * math.cos(yaw), math.sin(pitch) * math.sin(yaw), math.cos(pitch)]
        )
        ends = [np.array(leg.position_m) + sign * leg.size[1] * axis for sign in (-1, 1)]
        assert np.concatenate(ends) == pytest.approx(leg.ends_m, abs=1e-9)


def test_the_camera_is_the_one_that_pilots_are_trained_with(world):
    camera = world[0].find('.//sensor/camera')
    s = SimulationSettings()
    width, height = (int(camera.findtext(f'image/{name}')) for name in ('width', 'height'))
    fx = 0.5 * width / math.tan(0.5 * float(camera.findtext('horizontal_fov')))
    expected = CameraGeometry.from_vertical_fov(
        s.camera_width, s.camera_height, s.camera_vertical_fov_rad
    )
    assert (width, height, fx) == pytest.approx(
        (expected.width, expected.height, expected.fx), abs=1e-5
    )
    sensor = world[0].find(".//sensor[@type='camera']")
    assert float(sensor.findtext('update_rate')) == s.camera_rate_hz
    assert numbers(sensor, 'pose')[:3] == pytest.approx(V.camera_position_m)


def test_the_vehicle_weighs_and_pushes_as_in_mujoco(world):
    model = world[0].find(f".//model[@name='{quadrotor.MODEL}']")
    assert sum(float(mass.text) for mass in model.iter('mass')) == pytest.approx(V.mass_kg)
    motors = [
        plugin for plugin in model.iter('plugin') if plugin.get('name').endswith('MotorModel')
    ]
    assert len(motors) == len(ROTORS)
    for motor in motors:
        fastest = float(motor.findtext('maxRotVelocity'))
        thrust = float(motor.findtext('motorConstant')) * fastest**2
        assert thrust == pytest.approx(V.max_thrust_n, rel=1e-3)
    # A rotor that turns counter-clockwise turns the body clockwise; the two pairs cancel.
    senses = [motor.findtext('turningDirection') for motor in motors]
    directions = [int(e.text) for e in model.iter('direction')]
    assert directions == [1 if sense == 'ccw' else -1 for sense in senses]
    assert sum(directions) == 0
    assert [-direction for direction in directions] == [sense for *_, sense in ROTORS]
    hover = math.sqrt(V.mass_kg * 9.81 / 4 / quadrotor.MOTOR_CONSTANT)
    drag = float(motors[0].findtext('rotorDragCoefficient')) * hover * 4
    assert drag == pytest.approx(V.linear_drag_n_s_m, rel=1e-3)


def test_it_starts_where_the_forest_says(world):
    layout = generate_forest(SEED)
    pose = numbers(world[0].find(f".//model[@name='{quadrotor.MODEL}']"), 'pose')
    assert pose == pytest.approx([*layout.start_enu_m, 0.0, 0.0, layout.start_yaw_rad], abs=1e-6)


def test_obstacles_are_recognised_by_their_names(world):
    root, _ = world
    for model in root.iter('model'):
        solid = model.get('name').startswith(OBSTACLE_PREFIX)
        touchable = model.find('link/collision') is not None
        assert solid == (touchable and model.get('name') != quadrotor.MODEL)
    assert root.findtext('.//plugin/target') == OBSTACLE_PREFIX
