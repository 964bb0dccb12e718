"""The configurations in config/view name topics, fields, frames and plugins that exist."""

import ast
import importlib
import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml

from liquid_pilot import pilot_file
from liquid_pilot.nodes.common import messages, topics
from liquid_pilot.nodes.views.network import CORE_TIME_SCALE, joint_names
from liquid_pilot.onboard.inference.trace import GATE_FIELDS

VIEW = Path(__file__).resolve().parents[3] / 'config' / 'view'
FRAMES = {messages.WORLD_FRAME, messages.BASE_FRAME, messages.CAMERA_FRAME, '<Fixed Frame>'}
RVIZ_PLUGINS = {
    *(f'rviz_common/{name}' for name in ('Displays', 'Views', 'Time')),
    *(
        f'rviz_default_plugins/{name}'
        for name in (
            'FocusCamera',
            'Grid',
            'Image',
            'MarkerArray',
            'Measure',
            'MoveCamera',
            'Orbit',
            'Path',
            'PointCloud2',
            'RobotModel',
            'Select',
            'TF',
        )
    ),
}
"""Plugins of RViz of Jazzy, by rviz_default_plugins/plugins_description.xml."""
SHOWS = {
    'MarkerArray': 'visualization_msgs/msg/MarkerArray',
    'RobotModel': 'std_msgs/msg/String',
    'Path': 'nav_msgs/msg/Path',
    'PointCloud2': 'sensor_msgs/msg/PointCloud2',
    'Image': 'sensor_msgs/msg/Image',
}
"""Types that displays of RViz show."""
PROFILES = {
    # profile: (reliability, durability) that it grants
    'LATCHED': ('Reliable', 'Transient Local'),
    'IMAGE': ('Best Effort', 'Volatile'),
}


def known(name):
    """The topic of the table that a layout names, with or without a leading slash."""
    return topics.TOPICS[name if name in topics.TOPICS else name.lstrip('/')]


def neuron_joints():
    pilot = pilot_file.load(pilot_file.resolve('forest-ltc'))
    return joint_names(pilot, pilot.wiring.neurons)


def filter_joints():
    statistics = pilot_file.load(pilot_file.resolve('forest-ltc')).training_statistics
    rows, columns = statistics.filter_tau_s.shape
    return [f'filter_{r}_{c}' for r in range(rows) for c in range(columns)]


JOINTS = {
    topics.NEURONS: neuron_joints,
    topics.TEMPORAL_FILTER: filter_joints,
    topics.SIGNALS: lambda: [*GATE_FIELDS, CORE_TIME_SCALE],
}


def has_field(kind, path):
    """Whether a message type has a field, such as 'twist.linear.x' or 'position[3]'."""
    package, _, name = kind.split('/')
    value = getattr(importlib.import_module(f'{package}.msg'), name)()
    for part in path.split('.'):
        field = re.fullmatch(r'(\w+)(\[\d+\])?', part)[1]
        if not hasattr(value, field):
            return False
        value = getattr(value, field)
    return True


def nested(value, key):
    """Every value of a key, at any depth."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == key:
                yield inner
            yield from nested(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from nested(inner, key)


def test_rviz_shows_topics_by_displays_that_exist():
    content = yaml.safe_load((VIEW / 'liquid_pilot.rviz').read_text())
    plugins = set(nested(content, 'Class')) - {''}
    assert plugins <= RVIZ_PLUGINS
    shown = set()
    for display in content['Visualization Manager']['Displays']:
        short = display['Class'].rpartition('/')[2]
        topic = display.get('Topic') or display.get('Description Topic')
        if topic is None:
            assert short in ('Grid', 'TF')
            continue
        name = topic['Value']
        # Relative, so that a namespace of RViz chooses the vehicle.
        assert not name.startswith('/')
        assert topics.TOPICS[name].type == SHOWS[short]
        granted = PROFILES[topics.TOPICS[name].qos]
        assert (topic['Reliability Policy'], topic['Durability Policy']) == granted
        shown.add(name)
    assert shown == {
        topics.MARKERS,
        topics.ROBOT_DESCRIPTION,
        topics.PATH,
        topics.OBSTACLES,
        topics.IMAGE,
    }
    named = {*nested(content, 'Fixed Frame'), *nested(content, 'Target Frame')}
    assert named == {messages.WORLD_FRAME, messages.BASE_FRAME}


def foxglove():
    return json.loads((VIEW / 'foxglove.json').read_text())


def panels(layout):
    """The panels of a Foxglove layout, which is a tree of pairs."""
    if isinstance(layout, str):
        return [layout]
    assert layout['direction'] in ('row', 'column')
    return panels(layout['first']) + panels(layout['second'])


def test_foxglove_has_a_place_and_settings_for_each_panel():
    content = foxglove()
    placed = panels(content['layout'])
    assert len(placed) == len(set(placed)) and set(placed) == set(content['configById'])
    kinds = {name.partition('!')[0] for name in placed}
    assert kinds == {'3D', 'Image', 'Plot', 'DiagnosticSummary'}
    assert {*nested(content, 'followTf'), *nested(content, 'frameId')} <= FRAMES


def test_foxglove_shows_topics_and_fields_that_exist():
    content = foxglove()['configById']
    named = {name for entry in nested(content, 'topics') for name in entry}
    for key in ('imageTopic', 'calibrationTopic', 'topicToRender'):
        named |= set(nested(content, key))
    assert {known(name).type for name in named} >= {'visualization_msgs/msg/MarkerArray'}
    assert all(name.startswith('/') for name in named)
    joints = {name: make() for name, make in JOINTS.items()}
    paths = [path for entry in nested(content, 'paths') for path in entry]
    assert len(paths) > 12
    for path in paths:
        topic, _, field = path['value'].partition('.')
        assert has_field(known(topic).type, field), path
        index = re.search(r'\[(\d+)\]', field)
        if index is not None:
            # The label names the joint that the number stands for.
            joint = joints[topic.lstrip('/')][int(index[1])].replace('_', ' ')
            words = path['label'].replace('_', ' ').replace(':', '')
            assert words == joint, path


def test_plotjuggler_plots_series_that_exist():
    root = ElementTree.parse(VIEW / 'plotjuggler.xml').getroot()
    joints = {name: make() for name, make in JOINTS.items()}
    tabs = root.findall('./tabbed_widget/Tab')
    assert root.tag == 'root' and len(tabs) > 3
    for tab in tabs:
        splitter = tab.find('./Container/DockSplitter')
        assert int(splitter.get('count')) == len(splitter.findall('./DockArea/plot'))
        assert sum(map(float, splitter.get('sizes').split(';'))) == pytest.approx(1.0, abs=1e-4)
    curves = [curve.get('name') for curve in root.iterfind('.//curve')]
    assert len(curves) > 30
    for curve in curves:
        assert curve.startswith('/')
        name = max((name for name in topics.TOPICS if curve[1:].startswith(f'{name}/')), key=len)
        field = curve[len(name) + 2 :]
        if name in joints:
            joint, _, part = field.partition('/')
            assert joint in joints[name] and part in ('position', 'velocity', 'effort'), curve
        else:
            assert has_field(known(name).type, field.replace('/', '.')), curve


def test_rerun_is_given_entities_that_are_recorded():
    tree = ast.parse((VIEW / 'rerun_view.py').read_text())
    texts = ' '.join(
        part.value
        for part in ast.walk(tree)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    )
    shown = (
        topics.OBSTACLES,
        topics.PATH_POINTS,
        topics.IMAGE,
        topics.NEURONS,
        topics.SIGNALS,
        topics.TF,
        topics.TF_STATIC,
    )
    for name in shown:
        assert name in texts
        assert name in (*topics.RECORDED_TOPICS, topics.IMAGE)
