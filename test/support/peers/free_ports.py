"""Ports of the loopback that no other test is given, and that the system gives nobody by itself.

A port that the system chose and that was closed again may be given to any socket of the machine
before the test opens it: of all that ask for port 0 the system gives each the next one. The ports
here are below those. Between them are those of DDS, which are left out.
"""

import itertools
import os
import random
import socket

_DDS_FIRST, _DDS_PER_DOMAIN, _DDS_USED = 7400, 250, 100
PORTS = [
    port for port in range(10_000, 32_000) if (port - _DDS_FIRST) % _DDS_PER_DOMAIN >= _DDS_USED
]
"""Ports that are given: below the ephemeral ones of Linux (32768), beside those of DDS."""
_own = itertools.count(random.Random(os.getpid()).randrange(len(PORTS)))


def free_port():
    """Return a port of 127.0.0.1 that is free for UDP and for TCP; this process gets each once."""
    for _ in PORTS:
        port = PORTS[next(_own) % len(PORTS)]
        if _is_free(port, socket.SOCK_DGRAM) and _is_free(port, socket.SOCK_STREAM):
            return port
    raise RuntimeError('no port is free')


def _is_free(port, kind):
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind(('127.0.0.1', port))
        except OSError:
            return False
    return True
