"""One run at a time in a ROS domain: a second one is refused before it can disturb the first.

Two guards or two pilots of one namespace answer each other's frames, and two simulators share
`/clock`. A run therefore claims its domain by the name of a local socket, which exists as long as
its process does and within one network namespace, as the loopback traffic of ROS does.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.launch.flight_graph import NodeSpec

_CREDENTIALS = struct.Struct('3i')
"""ucred of unix(7): process, user and group."""


@contextmanager
def claimed(specs: Iterable[NodeSpec], environment: Mapping[str, str]) -> Iterator[None]:
    """Claim the ROS domain for a graph until the context ends, or the process does.

    Args:
        specs: the nodes of the graph.
        environment: the environment of the nodes.

    Raises:
        LiquidPilotError: another run of this machine has the domain.
    """
    domain = environment.get('ROS_DOMAIN_ID') or '0'
    with ExitStack() as stack:
        for what in _shared(specs):
            stack.enter_context(_claim(f'liquid_pilot/domain_{domain}/{what}', domain))
        yield


def _shared(specs: Iterable[NodeSpec]) -> list[str]:
    """Return what only one graph of a domain can have."""
    shared = []
    for spec in specs:
        if spec.executable == 'guard':
            shared.append(f'/{spec.namespace}')
        if spec.ends_run and spec.parameters.get('publish_clock', True):
            shared.append('clock')
    return shared


@contextmanager
def _claim(name: str, domain: str) -> Iterator[None]:
    # The name of an abstract socket begins with a zero byte; other systems than Linux have none.
    if sys.platform != 'linux':
        yield
        return
    address = b'\0' + name.encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as own:
        try:
            own.bind(address)
            own.listen(8)
        except OSError:
            process = _owner(address)
            if process != os.getpid():
                raise LiquidPilotError(
                    f'another run is in progress in the ROS domain {domain}'
                    + (f' (process {process})' if process else '')
                    + ': end it, or set ROS_DOMAIN_ID to another number for one of them'
                ) from None
        yield


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
