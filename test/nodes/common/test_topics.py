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


def test_types_are_those_of_the_list():
    kinds = {**topics.TOPICS, **topics.GAZEBO_TOPICS, **topics.SERVICES}
    checked = set()
    for where, kind, name in calls():
        topic = constant(name)
        if topic is not None and isinstance(kind, ast.Name):
            assert kind.id == kinds[topic].rpartition('/')[2], where
            checked.add(topic)
    others = {topics.COMPRESSED_IMAGE, topics.CMD_VEL, topics.IMAGE}
    services = set(topics.SERVICES) - {topics.GUARD_ENGAGE, topics.GUARD_STOP, topics.PILOT_RESET}
    assert set(kinds) - checked <= others | services


def table(heading):
    """Rows of the table below a heading of ros_interface.md, each a list of cells."""
    page = ROOT / 'docs' / 'reference' / 'ros_interface.md'
    text = page.read_text().partition(f'## {heading}\n')[2]
    lines = [line for line in text.partition('\n## ')[0].splitlines() if line.startswith('| `')]
    return [[cell.strip() for cell in line.strip('|').split('|')] for line in lines]


def test_the_page_lists_every_topic_with_its_type():
    written = {row[0].strip('`'): row[1].split()[0].rstrip(':,') for row in table('Topics')}
    assert list(written.items()) == [
        (name, kind.replace('/msg/', '/')) for name, kind in topics.TOPICS.items()
    ]


def test_the_page_lists_every_service_with_its_type():
    written = {}
    for names, kind, _ in table('Services'):
        written.update(dict.fromkeys(re.findall(r'`([\w/]+)`', names), kind))
    assert list(written.items()) == [
        (name, kind.replace('/srv/', '/')) for name, kind in topics.SERVICES.items()
    ]


def test_the_bridge_carries_the_topics_under_these_names():
    entries = yaml.safe_load((ROOT / 'config' / 'gazebo_bridge.yaml').read_text())
    kinds = {**topics.TOPICS, **topics.GAZEBO_TOPICS}
    for entry in entries:
        assert kinds[entry['ros_topic_name']] == entry['ros_type_name']
    assert set(topics.GAZEBO_TOPICS) <= {entry['ros_topic_name'] for entry in entries}
    page = (ROOT / 'docs' / 'how_to' / 'gazebo.md').read_text()
    assert all(f'`{name}`' in page for name in topics.GAZEBO_TOPICS)


@pytest.mark.parametrize('name', topics.RECORDED_TOPICS)
def test_what_is_recorded_is_a_topic(name):
    assert name in topics.TOPICS
