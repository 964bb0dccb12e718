#!/usr/bin/env python3
"""Write config/security_policy.xml, what SROS2 allows each node, from the table of the topics.

    python scripts/sros2_policy.py                  writes the file
    python scripts/sros2_policy.py --check          fails where it is old
    python scripts/sros2_policy.py --namespace drone1 > policy.xml

Each node may publish and subscribe to what `liquid_pilot.nodes.common.topics` says and to nothing
else: the guard alone sends to the vehicle, and the commands of `liquid-pilot` alone may engage it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from xml.sax.saxutils import quoteattr

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from liquid_pilot.nodes.common import topics  # noqa: E402
from liquid_pilot.nodes.common.security import COMMANDS, ENCLAVES  # noqa: E402

FILE = ROOT / 'config' / 'security_policy.xml'
NODES = (
    'pilot',
    'adaptation',
    'guard',
    'simulator',
    'gazebo',
    'scene',
    'recorder',
    'hand',
    'dashboard',
    'visualization',
)
_SETPOINTS = ('ap/cmd_vel', 'mavros/setpoint_*', 'drive', 'cmd_hover', 'fmu/in/*')
VEHICLE_TOPICS = {
    'guard': (_SETPOINTS, ('ap/*', 'mavros/state', 'fmu/out/*')),
    'dashboard': ((), _SETPOINTS),
}
"""Topics that the autopilots prescribe: those that a node publishes, and subscribes to."""
_PARAMETERS = (
    'describe_parameters',
    'get_parameter_types',
    'get_parameters',
    'list_parameters',
    'set_parameters',
    'set_parameters_atomically',
)
_TYPES = 'get_type_description'
"""A service that every node of Jazzy and later offers."""
_SERVERS = {'lesson': 'adaptation'}
"""First parts of names of services to the nodes that offer them, where these differ."""
_CALLERS = {
    'simulator': (topics.PILOT_RESET, topics.GUARD_ENGAGE),
    'gazebo': (topics.PILOT_RESET, topics.GUARD_ENGAGE),
    'scene': (topics.PILOT_RESET, topics.GUARD_ENGAGE, topics.GUARD_STOP),
    'hand': (topics.GUARD_ENGAGE, topics.LESSON_ACCEPT, topics.LESSON_UNDO),
    'visualization': ('guard/get_parameters',),
    'dashboard': (topics.GUARD_STOP,),
    COMMANDS: tuple(topics.SERVICES),
}


def node_topics(name: str) -> tuple[list[str], list[str]]:
    """Return the topics that a node publishes, and those to which it subscribes."""
    published = [topic for topic, row in topics.TOPICS.items() if name in row.publishers]
    heard = [topic for topic, row in topics.TOPICS.items() if name in row.subscribers]
    if name == 'recorder':
        heard += [topics.IMAGE, *topics.RECORDED_TOPICS]
    if name == 'gazebo':
        published += [topics.GAZEBO_TWIST, topics.GAZEBO_ENABLE_MOTORS]
        heard += [topics.GAZEBO_CONTACT]
    published += ['/parameter_events']
    if name == COMMANDS:
        heard += [topics.DIAGNOSTICS]
    else:
        published += [topics.DIAGNOSTICS, '/rosout']
    prescribed = VEHICLE_TOPICS.get(name, ((), ()))
    heard += [topics.CLOCK, '/parameter_events', *prescribed[1]]
    return sorted({*published, *prescribed[0]}), sorted(set(heard))


def policy(namespace: str = '') -> str:
    """Return the policy of all nodes in a namespace.

    Args:
        namespace: such as 'drone1'; empty: none.
    """
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<!-- What SROS2 allows each node (docs/explanation/security.md); made by',
        '     scripts/sros2_policy.py, which also makes that of another namespace. -->',
        '<policy version="0.2.0">',
        '  <enclaves>',
    ]
    for name in (*NODES, COMMANDS):
        lines += _enclave(name, '/' + namespace.strip('/'))
    return '\n'.join([*lines, '  </enclaves>', '</policy>', ''])


def _server(service: str) -> str:
    """Return the node that offers a service: that of its name, unless it says another."""
    first = service.partition('/')[0]
    return _SERVERS.get(first, first)


def _enclave(name: str, namespace: str) -> list[str]:
    published, heard = node_topics(name)
    served = [service for service in topics.SERVICES if _server(service) == name]
    # The nodes of commands are many, and have numbers in their names.
    own = [f'{node}/{_TYPES}' for node in ('/_liquid_pilot_*', 'liquid_pilot_fly')]
    if name != COMMANDS:
        own = [f'~/{service}' for service in (*_PARAMETERS, _TYPES)]
    return [
        f'    <enclave path="{ENCLAVES}/{name}">',
        '      <profiles>',
        f'        <profile ns={quoteattr(namespace)} node="{name}">',
        *_rule('topics', 'publish', 'topic', published),
        *_rule('topics', 'subscribe', 'topic', heard),
        *_rule('services', 'reply', 'service', [*served, *own]),
        *_rule('services', 'request', 'service', _CALLERS.get(name, ())),
        '        </profile>',
        '      </profiles>',
        '    </enclave>',
    ]


def _rule(kind: str, verb: str, tag: str, names: Iterable[str]) -> list[str]:
    rows = [f'            <{tag}>{name}</{tag}>' for name in names]
    if not rows:
        return []
    return [f'          <{kind} {verb}="ALLOW">', *rows, f'          </{kind}>']


def main() -> int:
    """Write or check the file, or print the policy of a namespace."""
    parser = argparse.ArgumentParser(
        description='Write config/security_policy.xml.', allow_abbrev=False
    )
    parser.add_argument('--check', action='store_true', help='fail where the file is old')
    parser.add_argument('--namespace', default='', help='print the policy of this namespace')
    options = parser.parse_args()
    text = policy(options.namespace)
    if options.namespace:
        print(text, end='')
    elif options.check:
        if not FILE.is_file() or FILE.read_text() != text:
            print(f'{FILE} is old; run python scripts/sros2_policy.py', file=sys.stderr)
            return 1
    else:
        FILE.write_text(text)
    return 0


if __name__ == '__main__':
    sys.exit(main())
