"""ROS domains that no other test, benchmark, worker or session on this machine uses.

A domain is reserved by a lock on a file, which the system releases when the process ends, in
whatever way. One that is in use is passed over as well: another user, a container or a flight that
somebody started by hand takes no such lock. Domains below 20 are left to people. The ports of
those above 101 are ephemeral ones of Linux.
"""

import fcntl
import itertools
import os
import socket
import tempfile
from pathlib import Path

DOMAINS = range(20, 101)
FOLDER = Path(tempfile.gettempdir()) / f'liquid_pilot_ros_domains.{os.getuid()}'
PARTICIPANTS = 16
"""Processes of a domain whose ports are looked at; a graph and those that watch it are fewer."""
_reserved = {}
_own = itertools.count()


def reserve():
    """Reserve a domain until this process ends or `release` is called, and return its number."""
    FOLDER.mkdir(exist_ok=True)
    # The search starts at another place in every process, so that a domain that a run has just
    # left, and in which DDS may still name its dead nodes, is not the next one to be taken.
    first = os.getpid() * 7 + next(_own)
    for offset in range(len(DOMAINS)):
        domain = DOMAINS[(first + offset) % len(DOMAINS)]
        if domain in _reserved:
            continue
        file = open(FOLDER / str(domain), 'w')  # noqa: SIM115
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            continue
        if is_in_use(domain):
            file.close()
            continue
        _reserved[domain] = file
        return domain
    raise RuntimeError(
        f'all {len(DOMAINS)} ROS domains of the tests are in use: end other test runs first'
    )


def is_in_use(domain):
    """Return whether a process has a port of the domain, by which DDS finds it."""
    for participant in range(PARTICIPANTS):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(('', discovery_port(domain, participant)))
            except OSError:
                return True
    return False


def discovery_port(domain, participant):
    """Return the port at which a participant is found, by the rule of the DDS standard."""
    return 7400 + 250 * domain + 10 + 2 * participant


def reserved():
    """Return the domains that this process has reserved."""
    return set(_reserved)


def release(domain):
    """Give a domain back, after every process that used it has ended."""
    file = _reserved.pop(domain, None)
    if file is not None:
        file.close()
