"""One run at a time in a ROS domain: a second one is refused before it can disturb the first.

Two guards or two pilots of one namespace answer each other's frames, and two simulators share
`/clock`. A run therefore claims its domain by the name of a local socket, which exists as long as
its process does and within one network namespace, as the loopback traffic of ROS does.
"""

from __future__ import annotations

import errno
import hashlib
import socket
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common import topics
from liquid_pilot.nodes.common.process.ros_domain import domain_of
from liquid_pilot.nodes.launch.flight_graph import NodeSpec

_LONGEST_NAME = 100
"""Length of the longest name of a local socket, which ends at 107 bytes."""
_own: set[str] = set()
"""Names that this process has claimed."""
_CREDENTIALS = struct.Struct('3i')
"""ucred of unix(7): process, user and group."""


@contextmanager
def claimed(specs: Iterable[NodeSpec], environment: Mapping[str, str]) -> Iterator[None]:
    """Claim the ROS domain for a graph until the context ends, or the process does.

    Args:
        specs: the nodes of the graph.
        environment: the environment of the nodes.

    Raises:
        LiquidPilotError: another run of this machine has the domain, or it is not a number.
    """
    domain = domain_of(environment)
    with ExitStack() as stack:
        for what, advice in _shared(specs):
            name = f'liquid_pilot/domain_{domain}/{what}'
            stack.enter_context(_claim(name, domain, advice))
        yield


def _shared(specs: Iterable[NodeSpec]) -> list[tuple[str, str]]:
    """Return what only one graph of a domain can have, each with further advice."""
    shared = []
    for spec in specs:
        if spec.executable == 'guard':
            shared.append((f'/{spec.namespace}', ''))
        if spec.ends_run and spec.parameters.get('publish_clock', True):
            clock = dict(spec.remappings).get(topics.CLOCK, topics.CLOCK)
            advice = (
                '. Robots in namespaces fly beside each other where each has a clock of its own: '
                'set the option clock_topic of both to clock'
                if spec.namespace and clock == topics.CLOCK
                else ''
            )
            shared.append((f'clock {clock}', advice))
    return shared


@contextmanager
def _claim(name: str, domain: int, advice: str) -> Iterator[None]:
    # The name of an abstract socket begins with a zero byte; other systems than Linux have none.
    # One process may load its graph again.
    if sys.platform != 'linux' or name in _own:
        yield
        return
    short = name
    if len(name) > _LONGEST_NAME:
        short = f'liquid_pilot/{hashlib.sha256(name.encode()).hexdigest()}'
    address = b'\0' + short.encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as own:
        try:
            own.bind(address)
            own.listen(8)
        except OSError as error:
            # Where local sockets are forbidden, nothing can be claimed, and flying is not.
            if error.errno == errno.EADDRINUSE:
                process = _owner(address)
                raise LiquidPilotError(
                    f'another run is in progress in the ROS domain {domain}'
                    + (f' (process {process})' if process else '')
                    + f': end it, or set ROS_DOMAIN_ID to another number for one of them{advice}'
                ) from None
        _own.add(name)
        try:
            yield
        finally:
            _own.discard(name)


def _owner(address: bytes) -> int:
    """Return the id of the process that has a name; 0 if it cannot be seen from here."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asker:
        asker.settimeout(0.5)
        try:
            asker.connect(address)
            data = asker.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        except OSError:
            return 0
    return int(_CREDENTIALS.unpack(data)[0])
