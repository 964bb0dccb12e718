"""Topic and service names: one list that nodes, bridge and documentation agree with."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from liquid_pilot.nodes.common import topics

ROOT = Path(__file__).resolve().parents[3]
NODES = ROOT / 'liquid_pilot' / 'nodes'
PRESCRIBED = re.compile(r'mavros/|fmu/|drive$|cmd_hover$')
"""Topics that an autopilot prescribes."""
NAMED_BY = {
    # function: (position of the type, position of the name)
    'create_publisher': (0, 1),
    'create_subscription': (0, 1),
    'create_service': (0, 1),
    'create_client': (0, 1),
    'resolve_topic_name': (None, 0),
    'count_publishers': (None, 0),
    'get_publishers_info_by_topic': (None, 0),
    'get_subscriptions_info_by_topic': (None, 0),
}


def calls():
    """(file and line, type, name) of every call in the nodes that takes a topic or a service."""
    for path in sorted(NODES.rglob('*.py')):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                kind, name = NAMED_BY.get(node.func.attr, (None, None))
                if name is not None and len(node.args) > name:
                    where = f'{path.relative_to(ROOT)}:{node.lineno}'
                    yield where, None if kind is None else node.args[kind], node.args[name]


def constant(node):
    """The topic that an expression `topics.NAME` means; None for any other expression."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return getattr(topics, node.attr) if node.value.id == 'topics' else None
    return None


def literals(node):
    return [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]


def test_no_node_writes_a_name_itself():
    found = list(calls())
    assert len([name for _, _, name in found if constant(name)]) > 30
    own = [
        (where, text)
        for where, _, name in found
        for text in literals(name)
        if isinstance(text, str) and not PRESCRIBED.match(text)
    ]
    prefixed = [(where, text) for where, text in own if text not in ('/cmd_vel', '/', 'pilot')]
    assert prefixed == []


KINDS = {
    **{name: topic.type for name, topic in topics.TOPICS.items()},
    **topics.GAZEBO_TOPICS,
    **{name: service.type for name, service in topics.SERVICES.items()},
}


def test_types_are_those_of_the_list():
    checked = set()
    for where, kind, name in calls():
        topic = constant(name)
        if topic is not None and isinstance(kind, ast.Name):
            assert kind.id == KINDS[topic].rpartition('/')[2], where
            checked.add(topic)
    # The type of transforms is imported where it is installed.
    others = {topics.COMPRESSED_IMAGE, topics.CMD_VEL, topics.IMAGE, topics.TF, topics.TF_STATIC}
    services = set(topics.SERVICES) - {topics.GUARD_ENGAGE, topics.GUARD_STOP, topics.PILOT_RESET}
    assert set(KINDS) - checked <= others | services


NODES_OF = {
    'outputs/*.py': {'guard'},
    'missions/simulator_node.py': {'simulator'},
    'missions/gazebo_node.py': {'gazebo'},
    'missions/scene_node.py': {'scene'},
    'missions/obstacle_cloud.py': {'simulator', 'scene'},
    'missions/mission_node.py': {'simulator', 'gazebo', 'scene'},
    'common/diagnostics.py': {'every node'},
    'common/sensors/camera_input.py': {'pilot'},
    'common/sensors/guard_status.py': {'pilot'},
    'common/teaching/lesson_client.py': {'pilot'},
    'common/teaching/lesson_server.py': {'adaptation'},
    'views/*.py': {'visualization'},
    **{
        f'{node}.py': {node}
        for node in ('pilot', 'adaptation', 'guard', 'hand', 'dashboard', 'visualization')
    },
}
"""Files of nodes, and the nodes that they are part of."""
ALSO = {
    'COMMAND': {'COMMAND_BEST_EFFORT'},
    'SENSOR': {'SENSOR_RELIABLE', 'sensor', 'LATCHED'},
    'IMAGE': {'FRAMES_RELIABLE'},
    'CLOCK': {'CLOCK_BEST_EFFORT'},
    'TRACE': {'SENSOR'},
}
"""Profiles that a user of a topic may have in place of the declared one: others in lock-step, for a
recording, for what was published before, or that any publisher fits."""


def users(function):
    """(node, topic, names of profiles) of the calls that create a publisher or a subscription."""
    for pattern, nodes in NODES_OF.items():
        for path in NODES.glob(pattern):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, 'attr', '') == function:
                    topic = constant(node.args[1])
                    profiles = {
                        part.attr
                        for part in ast.walk(node.args[-1])
                        if isinstance(part, ast.Attribute)
                        and getattr(part.value, 'id', '') == 'qos'
                    } | {part.id for part in ast.walk(node.args[-1]) if isinstance(part, ast.Name)}
                    for name in nodes if topic else ():
                        yield name, topic, profiles - {'qos', 'settings', 'lockstep'}


@pytest.mark.parametrize(
    ('function', 'field'),
    [('create_publisher', 'publishers'), ('create_subscription', 'subscribers')],
)
def test_publishers_subscribers_and_profiles_are_those_of_the_list(function, field):
    found = {}
    for node, name, profiles in users(function):
        if name in topics.TOPICS:
            topic = topics.TOPICS[name]
            assert node in getattr(topic, field), (node, name)
            assert profiles and profiles <= {topic.qos, *ALSO.get(topic.qos, ())}, (node, name)
            found.setdefault(name, set()).add(node)
    assert len(found) > 7
    # What is listed is there, but for names that a parameter gives and nodes of others.
    ours = {node for nodes in NODES_OF.values() for node in nodes}
    by_parameter = {topics.IMAGE, topics.COMPRESSED_IMAGE, topics.CMD_VEL, topics.ATTITUDE_THRUST}
    for name, topic in topics.TOPICS.items():
        if name not in by_parameter:
            assert set(getattr(topic, field)) & ours == found.get(name, set()), name


def test_the_bridge_carries_the_topics_under_these_names():
    entries = yaml.safe_load((ROOT / 'config' / 'gazebo_bridge.yaml').read_text())
    for entry in entries:
        assert KINDS[entry['ros_topic_name']] == entry['ros_type_name']
    assert set(topics.GAZEBO_TOPICS) <= {entry['ros_topic_name'] for entry in entries}


@pytest.mark.parametrize('name', topics.RECORDED_TOPICS)
def test_what_is_recorded_is_a_topic(name):
    assert name in topics.TOPICS
