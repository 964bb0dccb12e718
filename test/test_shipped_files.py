"""Every file that is installed beside the code is opened by what reads it on a robot."""

import ast
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml

from liquid_pilot.learning.config import TrainingSettings
from liquid_pilot.learning.rosbag import topic_mapping
from liquid_pilot.nodes.common import topics as ros_topics
from liquid_pilot.nodes.launch import flight_graph
from liquid_pilot.nodes.launch.camera_drivers import DRIVERS
from liquid_pilot.nodes.launch.flight_options import FlyOptions
from liquid_pilot.nodes.launch.hardware_options import HardwareOptions
from liquid_pilot.simulation.gazebo.quadrotor import GAZEBO_TOPICS
from liquid_pilot.utils.resources import PACKAGE
from liquid_pilot.utils.settings import from_strings

ROOT = Path(__file__).resolve().parent.parent
ONBOARD = ROOT / 'config' / 'onboard'
UNIT, ENVIRONMENT = ONBOARD / 'liquid-pilot.service', ONBOARD / 'liquid-pilot.env'


def training(path):
    TrainingSettings(**yaml.safe_load(path.read_text()))


def fast_dds(path):
    assert ElementTree.parse(path).getroot().tag.endswith('dds')


def nodes(path):
    """test/nodes/common/test_parameters.py compares it with what the nodes declare."""
    assert all('ros__parameters' in node for node in yaml.safe_load(path.read_text()).values())


# By ros_gz_bridge's table of types (branch jazzy, README.md).
BRIDGED = {
    'rosgraph_msgs/msg/Clock': 'gz.msgs.Clock',
    'sensor_msgs/msg/Image': 'gz.msgs.Image',
    'sensor_msgs/msg/CameraInfo': 'gz.msgs.CameraInfo',
    'sensor_msgs/msg/Imu': 'gz.msgs.IMU',
    'nav_msgs/msg/Odometry': 'gz.msgs.Odometry',
    'std_msgs/msg/Bool': 'gz.msgs.Boolean',
    'geometry_msgs/msg/Twist': 'gz.msgs.Twist',
}


def announcements(path):
    """The profile of `engage`, `stop` and `status` changes how often they announce themselves."""
    profile = ElementTree.parse(path).getroot().find('.//{*}participant')
    assert profile.get('is_default_profile') == 'true'
    assert [child.tag.rpartition('}')[2] for child in profile.find('{*}rtps')] == ['builtin']


def large_frames(path):
    """It gives shared memory, and leaves interfaces and discovery as they are."""
    root = ElementTree.parse(path).getroot()
    transports = {
        node.findtext('{*}transport_id'): {child.tag.rpartition('}')[2] for child in node}
        for node in root.iterfind('.//{*}transport_descriptor')
    }
    assert sorted(transports.values(), key=len) == [
        {'transport_id', 'type'},
        {'transport_id', 'type', 'segment_size'},
    ]
    # A frame of 1920 x 1080 as rgb8, and six nodes in the 64 MB of a container.
    assert 1920 * 1080 * 3 < int(root.findtext('.//{*}segment_size')) <= 64_000_000 // 6
    (profile,) = root.iterfind('.//{*}participant')
    assert profile.get('is_default_profile') == 'true'
    assert {node.text for node in profile.iterfind('.//{*}transport_id')} == set(transports)
    settings = {child.tag.rpartition('}')[2] for child in profile.find('{*}rtps')}
    assert settings == {'userTransports', 'useBuiltinTransports'}


def bridge(path):
    """Topics of Gazebo are the world's; test_gazebo_missions.py flies by those of ROS."""
    entries = yaml.safe_load(path.read_text())
    for entry in entries:
        assert set(entry) == {
            'ros_topic_name',
            'gz_topic_name',
            'ros_type_name',
            'gz_type_name',
            'direction',
        }
        assert BRIDGED[entry['ros_type_name']] == entry['gz_type_name']
        assert entry['direction'] in ('GZ_TO_ROS', 'ROS_TO_GZ')
    topics = [entry['gz_topic_name'] for entry in entries]
    assert sorted(topics) == sorted(['/clock', *(f'/{name}' for name in GAZEBO_TOPICS.values())])
    out = {entry['ros_topic_name'] for entry in entries if entry['direction'] == 'ROS_TO_GZ'}
    assert out == {ros_topics.GAZEBO_TWIST, ros_topics.GAZEBO_ENABLE_MOTORS}


def launch_file(path):
    """What it takes of liquid_pilot is there; where launch is installed, it is loaded."""
    tree = ast.parse(path.read_text())
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert functions == ['generate_launch_description']
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.value.id != 'launch_description':
            module = importlib.import_module(f'liquid_pilot.nodes.launch.{node.value.id}')
            assert hasattr(module, node.attr)


def bash(path):
    subprocess.run(['bash', '-n', path], check=True)


def environment_file(path):
    values = environment()
    options = dict(word.split(':=', 1) for word in values['LAUNCH_ARGUMENTS'].split())
    from_strings(HardwareOptions, options)
    assert values['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'


def unit(path):
    sections = re.findall(r'^\[(\w+)\]$', path.read_text(), re.MULTILINE)
    assert sections == ['Unit', 'Service', 'Install']


def security_policy(path):
    """`ros2 security generate_artifacts`; test/nodes/common/test_security.py has its content."""
    root = ElementTree.parse(path).getroot()
    assert (root.tag, root.get('version')) == ('policy', '0.2.0')


def analyzers(path):
    """By diagnostic_aggregator; test/nodes/common/test_diagnostics.py looks at the names."""
    given = yaml.safe_load(path.read_text())['/**']['ros__parameters']
    groups = [value for value in given.values() if isinstance(value, dict)]
    assert groups and all({'type', 'path', 'timeout'} <= set(group) for group in groups)


def layout(path):
    """test/nodes/views/test_layouts.py compares it with the topics that there are."""
    text = path.read_text()
    if path.suffix == '.xml':
        assert ElementTree.fromstring(text.partition('?>')[2]).tag == 'root'
    elif path.suffix == '.json':
        assert {'configById', 'layout'} <= set(json.loads(text))
    else:
        assert 'Visualization Manager' in yaml.safe_load(text)


def program(path):
    ast.parse(path.read_text())


READ_BY = {
    'config/dataset.yaml': topic_mapping.load,
    'config/diagnostic_analyzers.yaml': analyzers,
    'config/fly.yaml': nodes,
    'config/gazebo_bridge.yaml': bridge,
    'config/fastdds.xml': fast_dds,
    'config/fastdds_commands.xml': announcements,
    'config/fastdds_vehicle.xml': large_frames,
    'config/security_policy.xml': security_policy,
    'config/train_forest.yaml': training,
    'config/train_memory.yaml': training,
    'config/train_quick.yaml': training,
    'config/train_road.yaml': training,
    'config/view/foxglove.json': layout,
    'config/view/liquid_pilot.rviz': layout,
    'config/view/plotjuggler.xml': layout,
    'config/view/rerun_view.py': program,
    'config/onboard/entrypoint.bash': bash,
    'config/onboard/setup.bash': bash,
    'config/onboard/liquid-pilot.env': environment_file,
    'config/onboard/liquid-pilot.service': unit,
    'launch/fly.launch.py': launch_file,
    'launch/hardware.launch.py': launch_file,
}


def environment():
    """Of the unit, read as systemd does: NAME=VALUE, comments."""
    lines = [
        line for line in ENVIRONMENT.read_text().splitlines() if line and not line.startswith('#')
    ]
    values = dict(line.split('=', 1) for line in lines)
    assert not re.search(r'["\'$\\]', ''.join(values.values()))
    return values


def test_nothing_is_shipped_that_nobody_opens():
    there = {
        str(path.relative_to(ROOT))
        for folder in ('config', 'launch')
        for path in (ROOT / folder).rglob('*')
        if path.is_file() and '__pycache__' not in path.parts
    }
    assert there == set(READ_BY)


@pytest.mark.skipif(not (ROOT / '.git').exists(), reason='not a clone of the repository')
def test_a_clone_is_small():
    """What can be made by a command, or is in no page, is not tracked.

    Programs and pages may grow with what the package does; pictures, networks and figures may not.
    """
    listed = subprocess.run(['git', 'ls-files', '-z'], cwd=ROOT, capture_output=True, check=True)
    paths = [ROOT / os.fsdecode(name) for name in listed.stdout.split(b'\0') if name]
    sizes = {str(path.relative_to(ROOT)): path.stat().st_size for path in paths if path.is_file()}
    text = ('.py', '.md', '.rst', '.js', '.css', '.html')
    data = {name: size for name, size in sizes.items() if not name.endswith(text)}
    largest = sorted(data.items(), key=lambda item: -item[1])[:5]
    # Three pilots have 215 kB each. The seven studies that are planned or being flown bring figures
    # and pictures of 50 to 80 kB each.
    assert sum(data.values()) < 2_300_000, largest
    assert sum(sizes.values()) < 9_000_000


@pytest.mark.parametrize('name', READ_BY)
def test_it_can_be_read(name):
    READ_BY[name](ROOT / name)


def values_of(key):
    return re.findall(rf'^{key}=(.*)$', UNIT.read_text(), re.MULTILINE)


def test_the_unit_starts_what_is_there_and_ends_it_as_launch_wants():
    (line,) = values_of('ExecStart')
    assert line.startswith('/bin/bash -c ')
    assert set(re.findall(r'\$\{(\w+)\}', line)) <= set(environment())
    assert f'source "${{LIQUID_PILOT}}/{(ONBOARD / "setup.bash").relative_to(ROOT)}"' in line
    (launched,) = re.findall(r'ros2 launch liquid_pilot (\S+)', line)
    assert (ROOT / 'launch' / launched).is_file()
    # `ros2 launch` leaves its nodes behind on SIGTERM.
    assert values_of('KillSignal') == ['SIGINT']
    assert values_of('KillMode') == ['mixed']
    assert values_of('Restart') == ['on-failure']


@pytest.mark.skipif(not shutil.which('systemd-analyze'), reason='systemd is not installed')
def test_systemd_takes_the_unit():
    done = subprocess.run(
        ['systemd-analyze', 'verify', '--man=no', UNIT], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert UNIT.name not in done.stderr, done.stderr


@pytest.mark.skipif(not (ROOT / '.venv' / '.installed').is_file(), reason='not made by ./run')
def test_the_set_up_lets_another_python_find_the_package_and_ros_its_nodes():
    """As `ros2 launch` needs it, which runs on the system's Python."""
    python = Path(sys.base_prefix) / 'bin' / f'python3.{sys.version_info.minor}'
    script = (
        f'source {ONBOARD}/setup.bash && cd / && echo $AMENT_PREFIX_PATH && which python3 && '
        f'{python} -c "import liquid_pilot.nodes.launch.hardware_graph as h; print(h.__file__); '
        'import yaml, rich"'
    )
    done = subprocess.run(
        ['bash', '-ec', script],
        capture_output=True,
        text=True,
        env={'PATH': '/usr/bin:/bin', 'AMENT_PREFIX_PATH': '/opt/ros/jazzy'},
    )
    assert done.returncode == 0, done.stderr
    prefixes, found, module = done.stdout.split()
    assert prefixes == f'{ROOT}/.venv:/opt/ros/jazzy'
    assert found == f'{ROOT}/.venv/bin/python3'
    assert module == str(ROOT / 'liquid_pilot' / 'nodes' / 'launch' / 'hardware_graph.py')
    prefix = ROOT / '.venv'
    assert (prefix / 'share/ament_index/resource_index/packages/liquid_pilot').is_file()
    for name in ('guard', 'pilot'):
        assert (prefix / 'lib/liquid_pilot' / name).is_file()


def test_the_set_up_says_what_is_missing(tmp_path):
    place = tmp_path / 'config' / 'onboard'
    place.mkdir(parents=True)
    shutil.copy(ONBOARD / 'setup.bash', place)
    done = subprocess.run(
        ['bash', '-c', f'source {place}/setup.bash'], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert 'run onboard first' in done.stderr


# The containers


def stages():
    """Name of a stage -> (what it is built on, its (name, rest) of every instruction)."""
    text = re.sub(r'^\s*#.*\n', '', (ROOT / 'Dockerfile').read_text(), flags=re.MULTILINE)
    found, own = {}, []
    for line in text.replace('\\\n', ' ').splitlines():
        if line.strip():
            name, rest = line.split(None, 1)
            if name == 'FROM':
                below, _, stage = rest.partition(' AS ')
                own = []
                found[stage] = below, own
            else:
                own.append((name, rest))
    return found


def instructions(stage):
    """Of a stage, those of what it is built on first."""
    below, own = stages()[stage]
    return [*(instructions(below) if below in stages() else ()), *own]


IMAGES = {'onboard': 'hardware.launch.py', 'gazebo': 'fly.launch.py'}


def test_the_robots_image_is_what_docker_builds_by_default():
    assert list(stages())[-1] == 'onboard'
    assert stages()['base'][0] == 'ros:${ROS_DISTRO}-ros-base'


@pytest.mark.parametrize('stage', IMAGES)
def test_a_container_is_built_from_what_is_there(stage):
    found = instructions(stage)
    assert {name for name, _ in found} <= {
        'ARG',
        'RUN',
        'WORKDIR',
        'COPY',
        'ENV',
        'ENTRYPOINT',
        'STOPSIGNAL',
        'CMD',
    }
    ignored = (ROOT / '.dockerignore').read_text().split()
    for _, rest in [each for each in found if each[0] == 'COPY']:
        source = rest.split()[0]
        assert (ROOT / source).exists()
        assert not any(source.startswith(folder) for folder in ignored)
    for needed in (
        'run',
        'setup.py',
        'setup.cfg',
        'package.xml',
        'constraints-numpy1.txt',
        'liquid_pilot',
        'launch',
        'config',
        'resource',
        'pilots',
        'scripts',
    ):
        assert needed not in ignored and (ROOT / needed).exists()


def installed(stage):
    return ' '.join(rest for name, rest in instructions(stage) if name == 'RUN')


def test_the_robots_image_has_the_camera_drivers_and_whatever_else_launch_starts():
    text = installed('onboard')
    for driver in DRIVERS.values():
        # RealSense's own packages are large, and not for every board.
        if driver.package != 'realsense2_camera':
            assert f'ros-${{ROS_DISTRO}}-{driver.package.replace("_", "-")}' in text
    assert 'ros-${ROS_DISTRO}-tf2-ros' in text
    assert re.findall(r'\./run (\w+) (\w+)', text) == [('onboard', 'inspect')]
    assert re.search(r'^    onboard\)', (ROOT / 'run').read_text(), re.MULTILINE)


def test_the_image_of_gazebo_has_gazebo_and_its_bridge():
    text = installed('gazebo')
    # The metapackage brings ros_gz_bridge, ros_gz_sim and Gazebo itself.
    assert 'ros-${ROS_DISTRO}-ros-gz ' in text
    assert re.findall(r'\./run (\S+)', text) == ['export-world']
    specs = flight_graph.nodes(FlyOptions(simulator='gazebo', headless=True, out='/run'))
    assert {spec.package for spec in specs} == {PACKAGE, 'ros_gz_bridge'}


@pytest.mark.parametrize('stage', IMAGES)
def test_a_container_starts_its_commands_in_ros(stage):
    found = dict(instructions(stage))
    entry = ast.literal_eval(found['ENTRYPOINT'])
    (source,) = [
        rest.split()[0]
        for name, rest in instructions(stage)
        if name == 'COPY' and rest.split()[1] == entry[-1]
    ]
    assert (ROOT / source).read_text().rstrip().endswith('exec "$@"')
    command = ast.literal_eval(found['CMD'])
    assert command[:4] == ['ros2', 'launch', 'liquid_pilot', IMAGES[stage]]
    assert (ROOT / 'launch' / command[3]).is_file()
    options = dict(word.split(':=') for word in command[4:] if ':=' in word)
    from_strings(FlyOptions, options)
