"""SROS2: the enclave of each process, and the policy against what real nodes use."""

import importlib.util
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import rclpy

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common import topics
from liquid_pilot.nodes.common.security import with_enclave

ROOT = Path(__file__).resolve().parents[3]


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / 'scripts' / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPT = load('sros2_policy')


def allowed(policy=None):
    """Return what the policy allows: {enclave: {(kind, verb): fully qualified names}}."""
    root = ElementTree.fromstring((policy or SCRIPT.FILE.read_text()).encode())
    found = {}
    for enclave in root.iter('enclave'):
        rules = found[enclave.get('path').rpartition('/')[2]] = {}
        profile = enclave.find('profiles/profile')
        space = profile.get('ns').rstrip('/')
        for rule in profile:
            ((verb, value),) = rule.attrib.items()
            assert value == 'ALLOW'
            rules[rule.tag, verb] = {
                name
                if name.startswith('/')
                else f'{space}/{profile.get("node")}{name[1:]}'
                if name.startswith('~')
                else f'{space}/{name}'
                for name in (entry.text for entry in rule)
            }
    return found


def test_the_file_is_what_the_table_of_topics_gives():
    text = SCRIPT.FILE.read_text()
    assert text == SCRIPT.policy(), 'run `python scripts/sros2_policy.py`'


def test_only_the_guard_moves_the_vehicle_and_only_three_enclaves_stop_it():
    rules = allowed()
    publishers = {topic: set() for topic in ('/cmd_vel', '/attitude_thrust', '/drive', '/fmu/in/*')}
    for name, rule in rules.items():
        for topic, found in publishers.items():
            if topic in rule['topics', 'publish']:
                found.add(name)
    assert set(map(frozenset, publishers.values())) == {frozenset({'guard'})}
    callers = {
        name
        for name, rule in rules.items()
        if '/guard/stop' in rule.get(('services', 'request'), ())
    }
    # The scene stops the guard at the end of a mission, so that the vehicle holds; the dashboard
    # does where it has a token, and engages never.
    assert callers == {'commands', 'scene', 'dashboard'}
    assert '/guard/engage' not in rules['dashboard'].get(('services', 'request'), ())
    servers = {
        name
        for name, rule in rules.items()
        if '/guard/engage' in rule.get(('services', 'reply'), ())
    }
    assert servers == {'guard'}


def test_a_namespace_moves_all_but_what_is_absolute():
    rule = allowed(SCRIPT.policy('drone1'))['guard']
    assert '/drone1/cmd_vel' in rule['topics', 'publish']
    assert topics.DIAGNOSTICS in rule['topics', 'publish']
    assert '/drone1/guard/get_parameters' in rule['services', 'reply']


def test_the_enclave_is_named_where_security_is_enabled(monkeypatch):
    assert with_enclave('guard', ['a']) == ['a']
    monkeypatch.setenv('ROS_SECURITY_ENABLE', 'true')
    enclave = ['--ros-args', '--enclave']
    assert with_enclave('guard', ['a']) == ['a', *enclave, '/liquid_pilot/guard']
    assert with_enclave('record', []) == [*enclave, '/liquid_pilot/recorder']
    mine = ['a', '--ros-args', '-e', '/mine']
    assert with_enclave('guard', mine) == mine


@pytest.mark.parametrize(
    ('keystore', 'said'),
    [('', 'ROS_SECURITY_KEYSTORE is not set'), ('no-such-folder', 'make the keys')],
)
def test_without_keys_a_node_does_not_start_and_says_why(monkeypatch, tmp_path, keystore, said):
    monkeypatch.setenv('ROS_SECURITY_ENABLE', 'true')
    monkeypatch.setenv('ROS_SECURITY_STRATEGY', 'Enforce')
    monkeypatch.setenv('ROS_SECURITY_KEYSTORE', keystore and str(tmp_path / keystore))
    ended = subprocess.run(
        [sys.executable, '-m', 'liquid_pilot.nodes.guard'], capture_output=True, text=True
    )
    (line,) = ended.stderr.splitlines()
    assert ended.returncode == 1
    assert line.startswith('[guard] error: ') and said in line
    if not keystore:
        with pytest.raises(LiquidPilotError):
            with_enclave('guard', [])


@pytest.mark.slow
def test_the_policy_covers_what_real_nodes_use(ros, start_node, tmp_path, eventually):
    """Without rights that are missing, a node would end at its start where security is enforced."""
    node = rclpy.create_node('observer', namespace='watched')
    nodes = ('guard', 'pilot', 'adaptation', 'recorder')
    options = {'pilot': {'adaptation': True}, 'recorder': {'path': str(tmp_path / 'bag')}}
    for name in nodes:
        start_node(name, tmp_path / f'{name}.log', 'watched', **options.get(name, {}))
    rules = allowed(SCRIPT.policy('watched'))
    space = '/watched'
    eventually(lambda: set(nodes) <= set(node.get_node_names()), 120.0)

    def serves(name, service):
        found = node.get_service_names_and_types_by_node(name, space)
        return f'{space}/{service}' in dict(found)

    # Each node offers them at the end of its start.
    for name, service in (
        ('pilot', topics.PILOT_RESET),
        ('guard', topics.GUARD_STOP),
        ('adaptation', topics.ADAPTATION_RESTORE),
    ):
        eventually(lambda name=name, service=service: serves(name, service), 120.0)
    queries = {
        ('topics', 'publish'): node.get_publisher_names_and_types_by_node,
        ('topics', 'subscribe'): node.get_subscriber_names_and_types_by_node,
        ('services', 'reply'): node.get_service_names_and_types_by_node,
        ('services', 'request'): node.get_client_names_and_types_by_node,
    }
    missing = {
        (name, verb, used)
        for name in nodes
        for (kind, verb), query in queries.items()
        for used, _ in query(name, space)
        if not any(fnmatchcase(used, each) for each in rules[name].get((kind, verb), ()))
    }
    node.destroy_node()
    assert not missing
