"""The Gazebo worlds are MuJoCo's forest and road, in valid SDF, with plugins that gz-sim has."""

import math
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from liquid_pilot.interfaces import CameraGeometry
from liquid_pilot.simulation import gazebo_rover, gazebo_vehicle, gazebo_world, scene, shapes
from liquid_pilot.simulation.conditions import parse
from liquid_pilot.simulation.courses import DECOY_BODY, TARGET_BODY
from liquid_pilot.simulation.gazebo_parts import SOLID
from liquid_pilot.simulation.layout import generate
from liquid_pilot.simulation.rendering import mujoco
from liquid_pilot.simulation.rover import WHEEL_M, RoverSettings
from liquid_pilot.simulation.tasks import layout_of
from liquid_pilot.simulation.vehicles import ROTORS, QuadrotorSettings
from liquid_pilot.simulation.world import Simulation, SimulationSettings

SEED = 7
V = QuadrotorSettings()

# By sdformat's descriptions of SDF 1.9: what may stand in what, of all that is used here.
ALLOWED = {
    'sdf': {'world'},
    'world': {'physics', 'gravity', 'plugin', 'scene', 'light', 'model'},
    'physics': {'max_step_size', 'real_time_factor'},
    'scene': {'ambient', 'background', 'grid', 'origin_visual', 'shadows'},
    'light': {'pose', 'cast_shadows', 'diffuse', 'specular', 'direction'},
    'model': {'static', 'pose', 'link', 'joint', 'plugin'},
    'link': {'pose', 'inertial', 'collision', 'visual', 'sensor'},
    'inertial': {'mass', 'inertia'},
    'inertia': {'ixx', 'iyy', 'izz', 'ixy', 'ixz', 'iyz'},
    'collision': {'pose', 'geometry', 'surface'}, 'surface': {'friction'},
    'friction': {'ode'}, 'ode': {'mu', 'mu2'},
    'visual': {'pose', 'geometry', 'material', 'cast_shadows'},
    'geometry': {'box', 'cylinder', 'capsule', 'ellipsoid', 'plane', 'mesh'},
    'box': {'size'}, 'cylinder': {'radius', 'length'}, 'capsule': {'radius', 'length'},
    'ellipsoid': {'radii'}, 'plane': {'normal', 'size'}, 'mesh': {'uri', 'submesh', 'scale'},
    'submesh': {'name'},
    'material': {'ambient', 'diffuse', 'specular', 'emissive', 'double_sided', 'pbr'},
    'pbr': {'metal'}, 'metal': {'albedo_map', 'roughness', 'metalness', 'emissive_map'},
    'sensor': {'pose', 'update_rate', 'topic', 'camera', 'imu', 'contact'},
    'contact': {'collision'},
    'camera': {'camera_info_topic', 'horizontal_fov', 'image', 'clip', 'optical_frame_id'},
    'image': {'width', 'height', 'format'}, 'clip': {'near', 'far'},
    'imu': {'angular_velocity', 'linear_acceleration'},
    'angular_velocity': {'x', 'y', 'z'}, 'linear_acceleration': {'x', 'y', 'z'},
    'x': {'noise'}, 'y': {'noise'}, 'z': {'noise'},
    'noise': {'mean', 'stddev', 'bias_mean', 'bias_stddev'},
    'joint': {'parent', 'child', 'axis'}, 'axis': {'xyz', 'limit'},
    'limit': {'lower', 'upper', 'velocity', 'effort'},
}
# By gz-sim's sources (branch gz-sim8, src/systems): library, class, what it reads; * is needed.
SYSTEMS = {
    ('gz-sim-physics-system', 'Physics'): '',
    ('gz-sim-user-commands-system', 'UserCommands'): '',
    ('gz-sim-scene-broadcaster-system', 'SceneBroadcaster'): '',
    ('gz-sim-imu-system', 'Imu'): '',
    ('gz-sim-contact-system', 'Contact'): '',
    ('gz-sim-sensors-system', 'Sensors'): 'render_engine',
    ('gz-sim-multicopter-motor-model-system', 'MulticopterMotorModel'): (
        'robotNamespace* jointName* linkName* actuator_number* turningDirection* motorType '
        'commandSubTopic rotorDragCoefficient rollingMomentCoefficient maxRotVelocity '
        'motorConstant momentConstant timeConstantUp timeConstantDown rotorVelocitySlowdownSim'),
    ('gz-sim-multicopter-control-system', 'MulticopterVelocityControl'): (
        'robotNamespace* comLinkName* rotorConfiguration* velocityGain* attitudeGain* '
        'angularRateGain* maximumLinearAcceleration* maximumLinearVelocity '
        'maximumAngularVelocity commandSubTopic enableSubTopic'),
    ('gz-sim-ackermann-steering-system', 'AckermannSteering'): (
        'left_joint* right_joint* left_steering_joint* right_steering_joint* kingpin_width '
        'wheel_separation wheel_base wheel_radius steering_limit steer_p_gain min_velocity '
        'max_velocity min_acceleration max_acceleration min_jerk max_jerk '
        'odom_publish_frequency topic sub_topic odom_topic tf_topic frame_id child_frame_id'),
    ('gz-sim-odometry-publisher-system', 'OdometryPublisher'): (
        'odom_frame robot_base_frame dimensions odom_publish_frequency odom_topic tf_topic'),
    ('gz-sim-touchplugin-system', 'TouchPlugin'): 'target* time* namespace collision enabled',
}


FLIES = {key for key in SYSTEMS if 'ulticopter' in key[1]}
DRIVES = {key for key in SYSTEMS if 'Ackermann' in key[1]}


def made(vehicle):
    text, files = gazebo_world.build(
        layout_of(vehicle, SEED, ()), SimulationSettings(vehicle=vehicle))
    return ElementTree.fromstring(text), files


@pytest.fixture(scope='module')
def world():
    """(root of the SDF, its files) of the forest."""
    return made('quadrotor')


@pytest.fixture(scope='module')
def road():
    """Likewise."""
    return made('rover')


@pytest.fixture(scope='module', params=['quadrotor', 'rover'])
def each(request):
    """Likewise, of each."""
    return made(request.param)


def numbers(element, path):
    return [float(word) for word in element.findtext(path).split()]


def test_every_element_stands_where_sdf_has_it(each):
    root, _ = each
    left = [root]
    while left:
        parent = left.pop()
        inside = [child for child in parent if parent.tag != 'plugin']
        assert {child.tag for child in inside} <= ALLOWED.get(parent.tag, set()), parent.tag
        left += inside
    for link in root.iter('link'):
        names = [child.get('name') for child in link if child.get('name')]
        assert len(names) == len(set(names))


def test_every_plugin_is_one_of_gz_sim_and_reads_what_it_is_given(each):
    root, _ = each
    seen = set()
    for plugin in root.iter('plugin'):
        key = (plugin.get('filename'), plugin.get('name').removeprefix('gz::sim::systems::'))
        known = SYSTEMS[key].split()
        given = {child.tag for child in plugin}
        assert given <= {word.rstrip('*') for word in known}, key
        assert {word[:-1] for word in known if word.endswith('*')} <= given, key
        seen.add(key)
    assert seen in (set(SYSTEMS) - FLIES, set(SYSTEMS) - DRIVES)


def test_every_file_that_is_named_is_there(each):
    root, files = each
    named = {element.text for tag in ('uri', 'albedo_map', 'emissive_map')
             for element in root.iter(tag)}
    for name in [name for name in named if name.endswith('.obj')]:
        named |= words(files, name, 'mtllib')
        named |= words(files, name.replace('.obj', '.mtl'), 'map_Kd')
    assert named == set(files)


def words(files, name, key):
    """What stands behind a key in an OBJ or MTL file."""
    lines = [line.split() for line in files[name].decode().splitlines()]
    return {line[1] for line in lines if line[0] == key}


def test_every_mesh_that_is_named_is_a_part_of_its_file_with_a_material(each):
    root, files = each
    for file in {name.partition('.')[0] for name in files if name.endswith('.obj')}:
        parts = words(files, f'{file}.obj', 'o')
        named = {mesh.findtext('submesh/name') for mesh in root.iter('mesh')
                 if mesh.findtext('uri') == f'{file}.obj'}
        assert named == parts and len(parts) == files[f'{file}.obj'].decode().count('\no ')
        assert words(files, f'{file}.obj', 'usemtl') == parts == words(
            files, f'{file}.mtl', 'newmtl')


def test_a_mesh_that_is_touched_has_a_file_of_its_own(each):
    """Physics takes all parts of a file, whichever is asked for."""
    root, files = each
    for mesh in root.findall('.//collision/geometry/mesh'):
        assert files[mesh.findtext('uri')].decode().count('\no ') == 1


def test_nothing_but_the_sky_has_an_albedo_map(each):
    """The older renderer draws it as if it were glass: what lies behind the sky cannot be seen."""
    maps = [visual.get('name') for visual in each[0].iter('visual')
            if visual.find('material/pbr') is not None]
    assert maps == ['dome']


def read_meshes(files):
    """Name -> (vertices (n, 3), colour) of the forest's meshes."""
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
    """The lowest and the highest point of a geom that is an upright mesh."""
    first = model.mesh_vertadr[geom.dataid[0]]
    rows = model.mesh_vert[first:first + model.mesh_vertnum[geom.dataid[0]]]
    rotation = np.zeros(9)
    mujoco.mju_quat2Mat(rotation, geom.quat)
    heights = (rows @ rotation.reshape(3, 3).T)[:, 2] + geom.pos[2]
    return heights.min(), heights.max()


def dimensions(geometry):
    """Half extents along x, y and z of a collision's primitive."""
    if geometry.find('box') is not None:
        return [0.5 * value for value in numbers(geometry, 'box/size')]
    if geometry.find('ellipsoid') is not None:
        return numbers(geometry, 'ellipsoid/radii')
    radius = float(geometry.findtext('cylinder/radius'))
    return [radius, radius, 0.5 * float(geometry.findtext('cylinder/length'))]


@pytest.mark.parametrize('condition', ['clear', 'two_legs:3', 'hidden:3', 'target:4'])
def test_it_is_the_forest_of_mujoco(condition):
    """Every solid of the one is a solid of the other, at the same place and of the same size."""
    with Simulation() as simulation:
        simulation.reset(SEED, conditions=parse(condition))
        layout, look = simulation.layout, simulation._weather.look()
    xml, textures = scene.build(scene.forest(layout, look), '', '', '', 0.005, (64, 36))
    model = mujoco.MjModel.from_xml_string(xml, textures)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    text, files = gazebo_world.build(layout, look=look)
    root, meshes = ElementTree.fromstring(text), read_meshes(files)
    parts = {visual.get('name').removesuffix('_visual'): visual
             for visual in root.findall(".//model[@name='solid_forest']/link/visual")}
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
                    mesh[0].max(axis=0), abs=1e-4)
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
    legs = [part for part in shapes.chair(generate(SEED)).parts if part.kind == 'capsule']
    assert len(legs) == 4
    for leg in legs:
        _, pitch, yaw = leg.rpy_rad
        axis = np.array([math.sin(pitch) * math.cos(yaw), math.sin(pitch) * math.sin(yaw),
                         math.cos(pitch)])
        ends = [np.array(leg.position_m) + sign * leg.size[1] * axis for sign in (-1, 1)]
        assert np.concatenate(ends) == pytest.approx(leg.ends_m, abs=1e-9)


def test_the_camera_is_the_one_that_pilots_are_trained_with(world):
    camera = world[0].find('.//sensor/camera')
    s = SimulationSettings()
    width, height = (int(camera.findtext(f'image/{name}')) for name in ('width', 'height'))
    fx = 0.5 * width / math.tan(0.5 * float(camera.findtext('horizontal_fov')))
    expected = CameraGeometry.from_vertical_fov(
        s.camera_width, s.camera_height, s.camera_vertical_fov_rad)
    assert (width, height, fx) == pytest.approx(
        (expected.width, expected.height, expected.fx), abs=1e-5)
    sensor = world[0].find(".//sensor[@type='camera']")
    assert float(sensor.findtext('update_rate')) == s.camera_rate_hz
    assert numbers(sensor, 'pose')[:3] == pytest.approx(V.camera_position_m)


def test_the_vehicle_weighs_and_pushes_as_in_mujoco(world):
    model = world[0].find(f".//model[@name='{gazebo_vehicle.MODEL}']")
    assert sum(float(mass.text) for mass in model.iter('mass')) == pytest.approx(V.mass_kg)
    motors = [plugin for plugin in model.iter('plugin')
              if plugin.get('name').endswith('MotorModel')]
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
    hover = math.sqrt(V.mass_kg * 9.81 / 4 / gazebo_vehicle.MOTOR_CONSTANT)
    drag = float(motors[0].findtext('rotorDragCoefficient')) * hover * 4
    assert drag == pytest.approx(V.linear_drag_n_s_m, rel=1e-3)


def test_it_starts_where_the_forest_says(world):
    layout = generate(SEED)
    pose = numbers(world[0].find(f".//model[@name='{gazebo_vehicle.MODEL}']"), 'pose')
    assert pose == pytest.approx([*layout.start_enu_m, 0.0, 0.0, layout.start_yaw_rad], abs=1e-6)


def test_what_can_be_touched_is_told_by_its_name(world):
    root, _ = world
    for model in root.iter('model'):
        solid = model.get('name').startswith(SOLID)
        touchable = model.find('link/collision') is not None
        assert solid == (touchable and model.get('name') != gazebo_vehicle.MODEL)
    assert root.findtext('.//plugin/target') == SOLID


def test_the_ground_is_the_one_that_tyres_know_and_the_road_lies_on_it(road):
    _, files = road
    layout = layout_of('rover', SEED, ())
    for file, part, above_m, off_m in (('ground', 'ground', 0.0, 2e-3),
                                       ('road', 'surface', 0.03, 2e-3)):
        rows, used, here = [], set(), False
        for line in files[f'{file}.obj'].decode().splitlines():
            key, *rest = line.split()
            here = rest[0] == part if key == 'o' else here
            if key == 'v':
                rows.append([float(word) for word in rest])
            elif key == 'f' and here:
                corners = [rows[int(word.split('/')[0]) - 1] for word in rest]
                used |= {tuple(corner) for corner in corners}
                (ax, ay, _), (bx, by, _), (cx, cy, _) = corners
                assert (bx - ax) * (cy - ay) > (by - ay) * (cx - ax)  # It is seen from above.
        x, y, z = np.array(sorted(used)).T
        assert z - layout.height(x, y) == pytest.approx(np.full(len(z), above_m), abs=off_m)
    # Wheels roll where the road is, and beside it.
    x, y = layout.line[::40, :2].T
    east, north, _ = np.array(rows).T if file == 'ground' else np.array(sorted(used)).T
    assert all(np.hypot(east - a, north - b).min() < 3.0 for a, b in zip(x, y, strict=True))


def test_what_a_car_must_not_touch_are_the_plants(road):
    root, _ = road
    layout = layout_of('rover', SEED, ())
    solid = [m for m in root.iter('model') if m.get('name').startswith(SOLID)]
    assert [m.get('name') for m in solid] == [f'{SOLID}_plants']
    assert root.findtext('.//plugin/target') == SOLID
    trunks = [(tree.x_m, tree.y_m) for tree in layout.trees if not tree.backdrop]
    there = np.array([numbers(part, 'pose')[:2] for part in solid[0].iter('collision')
                      if part.find('geometry/cylinder') is not None])
    assert len(trunks) == len(there) > 40
    assert all(np.abs(there - place).max(1).min() < 1e-3 for place in trunks)


def test_the_rover_stands_on_its_wheels_and_weighs_what_it_does_in_mujoco(road):
    root, _ = road
    layout, v = layout_of('rover', SEED, ()), RoverSettings()
    model = root.find(f".//model[@name='{gazebo_rover.MODEL}']")
    assert sum(float(mass.text) for mass in model.iter('mass')) == pytest.approx(
        v.handling.mass_kg)
    x, y, z, *_, yaw = numbers(model, 'pose')
    assert (x, y, yaw) == pytest.approx((*layout.start_enu_m[:2], layout.start_yaw_rad), abs=1e-6)
    wheels = [link for link in model.iter('link') if link.get('name').endswith('_wheel')]
    assert len(wheels) == 4
    for wheel in wheels:
        along, across, up = numbers(wheel, 'pose')[:3]
        assert abs(along) == v.handling.half_wheelbase_m and abs(across) == v.half_track_m
        assert z + up - WHEEL_M[0] == pytest.approx(layout.start_enu_m[2], abs=1e-6)
    plugin = root.find(".//plugin[@filename='gz-sim-ackermann-steering-system']")
    joints = {joint.get('name'): joint for joint in model.iter('joint')}
    links = {link.get('name') for link in model.iter('link')}
    for side in ('left', 'right'):
        for wheel in plugin.findall(f'{side}_joint'):
            child = joints[wheel.text].findtext('child')
            assert side in child and child in links
        steered = joints[plugin.findtext(f'{side}_steering_joint')].findtext('child')
        carried = [j.findtext('child') for j in joints.values() if j.findtext('parent') == steered]
        assert carried == [f'front_{side}_wheel']
        across = next(w for w in wheels if w.get('name') == carried[0])
        assert (numbers(across, 'pose')[1] > 0.0) == (side == 'left')
    assert float(plugin.findtext('wheel_base')) == 2.0 * v.handling.half_wheelbase_m
    assert plugin.findtext('topic') == gazebo_vehicle.TOPICS['command']
    camera = root.find(".//sensor[@type='camera']")
    assert numbers(camera, 'pose') == pytest.approx(
        [*v.camera_position_m, 0.0, v.camera_pitch_rad, 0.0])
    farthest = np.hypot(*layout.line[:, :2].T).max()
    sky = max(float(word) for line in road[1]['sky.obj'].decode().splitlines()
              if line.startswith('v ') for word in line.split()[1:])
    assert farthest + 50.0 < sky < float(camera.findtext('camera/clip/far')) - farthest


def test_it_is_written_with_its_files_and_the_same_every_time(tmp_path):
    first = gazebo_world.write(tmp_path / 'a', generate(SEED), render_engine='ogre')
    again = gazebo_world.write(tmp_path / 'b', generate(SEED), render_engine='ogre')
    for path in first.parent.iterdir():
        assert path.read_bytes() == (again.parent / path.name).read_bytes()
    assert '<render_engine>ogre</render_engine>' in first.read_text()


CHECKERS = [tool for tool in ('gz', 'ign') if shutil.which(tool)]


@pytest.mark.skipif(not CHECKERS, reason='neither `gz sdf` nor `ign sdf` is installed')
@pytest.mark.parametrize('vehicle', ['quadrotor', 'rover'])
def test_sdformat_takes_it(vehicle, tmp_path):
    path = gazebo_world.write(
        tmp_path, layout_of(vehicle, SEED, ()), SimulationSettings(vehicle=vehicle))
    done = subprocess.run([CHECKERS[0], 'sdf', '-k', path], capture_output=True, text=True)
    assert 'Valid.' in done.stdout, done.stderr[:2000]
    assert 'Error' not in done.stderr.replace('Library error', ''), done.stderr[:2000]
