"""The Gazebo worlds are valid SDF, with plugins of gz-sim and with files that exist."""

import shutil
import subprocess

import pytest
from sdf_reader import SEED, made

from liquid_pilot.cli.main import main
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.forest.layout import generate_forest
from liquid_pilot.simulation.gazebo import world
from liquid_pilot.simulation.tasks.registry import gazebo_task_of, layout_of

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
    'collision': {'pose', 'geometry', 'surface'},
    'surface': {'friction'},
    'friction': {'ode'},
    'ode': {'mu', 'mu2'},
    'visual': {'pose', 'geometry', 'material', 'cast_shadows'},
    'geometry': {'box', 'cylinder', 'capsule', 'ellipsoid', 'plane', 'mesh'},
    'box': {'size'},
    'cylinder': {'radius', 'length'},
    'capsule': {'radius', 'length'},
    'ellipsoid': {'radii'},
    'plane': {'normal', 'size'},
    'mesh': {'uri', 'submesh', 'scale'},
    'submesh': {'name'},
    'material': {'ambient', 'diffuse', 'specular', 'emissive', 'double_sided', 'pbr'},
    'pbr': {'metal'},
    'metal': {'albedo_map', 'roughness', 'metalness', 'emissive_map'},
    'sensor': {'pose', 'update_rate', 'topic', 'camera', 'imu', 'contact'},
    'contact': {'collision'},
    'camera': {'camera_info_topic', 'horizontal_fov', 'image', 'clip', 'optical_frame_id'},
    'image': {'width', 'height', 'format'},
    'clip': {'near', 'far'},
    'imu': {'angular_velocity', 'linear_acceleration'},
    'angular_velocity': {'x', 'y', 'z'},
    'linear_acceleration': {'x', 'y', 'z'},
    'x': {'noise'},
    'y': {'noise'},
    'z': {'noise'},
    'noise': {'mean', 'stddev', 'bias_mean', 'bias_stddev'},
    'joint': {'parent', 'child', 'axis'},
    'axis': {'xyz', 'limit'},
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
        'motorConstant momentConstant timeConstantUp timeConstantDown rotorVelocitySlowdownSim'
    ),
    ('gz-sim-multicopter-control-system', 'MulticopterVelocityControl'): (
        'robotNamespace* comLinkName* rotorConfiguration* velocityGain* attitudeGain* '
        'angularRateGain* maximumLinearAcceleration* maximumLinearVelocity '
        'maximumAngularVelocity commandSubTopic enableSubTopic'
    ),
    ('gz-sim-ackermann-steering-system', 'AckermannSteering'): (
        'left_joint* right_joint* left_steering_joint* right_steering_joint* kingpin_width '
        'wheel_separation wheel_base wheel_radius steering_limit steer_p_gain min_velocity '
        'max_velocity min_acceleration max_acceleration min_jerk max_jerk '
        'odom_publish_frequency topic sub_topic odom_topic tf_topic frame_id child_frame_id'
    ),
    ('gz-sim-odometry-publisher-system', 'OdometryPublisher'): (
        'odom_frame robot_base_frame dimensions odom_publish_frequency odom_topic tf_topic'
    ),
    ('gz-sim-touchplugin-system', 'TouchPlugin'): 'target* time* namespace collision enabled',
}


FLIES = {key for key in SYSTEMS if 'ulticopter' in key[1]}
DRIVES = {key for key in SYSTEMS if 'Ackermann' in key[1]}


@pytest.fixture(scope='module', params=['quadrotor', 'rover'])
def each(request):
    """Return the root of the SDF and the files of each vehicle's world."""
    return made(request.param)


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
    named = {
        element.text for tag in ('uri', 'albedo_map', 'emissive_map') for element in root.iter(tag)
    }
    for name in [name for name in named if name.endswith('.obj')]:
        named |= words(files, name, 'mtllib')
        named |= words(files, name.replace('.obj', '.mtl'), 'map_Kd')
    assert named == set(files)


@pytest.mark.parametrize('vehicle', ['quadrotor', 'rover'])
def test_the_command_writes_the_world_of_a_seed_with_all_its_files(vehicle, tmp_path, capsys):
    out = tmp_path / 'world'
    assert main(['export-world', '--vehicle', vehicle, '--seed', str(SEED), '--out', str(out)]) == 0
    assert f'gz sim -r {out}/world.sdf' in capsys.readouterr().out
    text, files = world.build_sdf(
        gazebo_task_of(vehicle),
        layout_of(vehicle, SEED, ()),
        SimulationSettings(vehicle=vehicle),
    )
    expected = {**files, world.WORLD_FILE: text.encode()}
    assert {path.name: path.read_bytes() for path in out.iterdir()} == expected


def words(files, name, key):
    """Return the values of a keyword in an OBJ or MTL file."""
    lines = [line.split() for line in files[name].decode().splitlines()]
    return {line[1] for line in lines if line[0] == key}


def test_every_mesh_that_is_named_is_a_part_of_its_file_with_a_material(each):
    root, files = each
    for file in {name.partition('.')[0] for name in files if name.endswith('.obj')}:
        parts = words(files, f'{file}.obj', 'o')
        named = {
            mesh.findtext('submesh/name')
            for mesh in root.iter('mesh')
            if mesh.findtext('uri') == f'{file}.obj'
        }
        assert named == parts and len(parts) == files[f'{file}.obj'].decode().count('\no ')
        assert (
            words(files, f'{file}.obj', 'usemtl') == parts == words(files, f'{file}.mtl', 'newmtl')
        )


def test_a_mesh_that_is_touched_has_a_file_of_its_own(each):
    """Gazebo's physics uses all meshes of a file, whichever submesh is named."""
    root, files = each
    for mesh in root.findall('.//collision/geometry/mesh'):
        assert files[mesh.findtext('uri')].decode().count('\no ') == 1


def test_nothing_but_the_sky_has_an_albedo_map(each):
    """The older renderer draws an albedo map as if it were transparent; the sky needs one."""
    maps = [
        visual.get('name')
        for visual in each[0].iter('visual')
        if visual.find('material/pbr') is not None
    ]
    assert maps == ['dome']


def test_it_is_written_with_its_files_and_the_same_every_time(tmp_path):
    def write(name):
        return world.write_world(
            tmp_path / name,
            gazebo_task_of('quadrotor'),
            generate_forest(SEED),
            render_engine='ogre',
        )

    first = write('a')
    again = write('b')
    for path in first.parent.iterdir():
        assert path.read_bytes() == (again.parent / path.name).read_bytes()
    assert '<render_engine>ogre</render_engine>' in first.read_text()


CHECKERS = [tool for tool in ('gz', 'ign') if shutil.which(tool)]


@pytest.mark.skipif(not CHECKERS, reason='neither `gz sdf` nor `ign sdf` is installed')
@pytest.mark.parametrize('vehicle', ['quadrotor', 'rover'])
def test_sdformat_takes_it(vehicle, tmp_path):
    path = world.write_world(
        tmp_path,
        gazebo_task_of(vehicle),
        layout_of(vehicle, SEED, ()),
        SimulationSettings(vehicle=vehicle),
    )
    done = subprocess.run([CHECKERS[0], 'sdf', '-k', path], capture_output=True, text=True)
    assert 'Valid.' in done.stdout, done.stderr[:2000]
    assert 'Error' not in done.stderr.replace('Library error', ''), done.stderr[:2000]
