"""Whether the loopback interface is there, by which nodes of one machine find each other."""

from __future__ import annotations

import socket

from liquid_pilot.interfaces import LiquidPilotError

ADVICE = 'start it: sudo ip link set lo up'
"""What to do without a loopback interface."""


def is_up() -> bool:
    """Return whether 127.0.0.1 can be reached; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(('127.0.0.1', 9))
        except OSError:
            return False
    return True


def check() -> None:
    """Check that nodes can find each other.

    Raises:
        LiquidPilotError: the interface is down, as in a container without a network.
    """
    if not is_up():
        raise LiquidPilotError(
            f'the loopback interface is down, by which the nodes find each other; {ADVICE}'
        )
