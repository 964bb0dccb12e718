"""The SROS2 enclave of each process: its keys, and what these allow it to do.

With ROS_SECURITY_ENABLE=true a node is in the enclave `/` unless its command line names another
one, so that every node would have the rights of all. Here each has an enclave of its own:
`/liquid_pilot/guard`, `/liquid_pilot/pilot` and so on. `config/security_policy.xml` has their
rights (docs/explanation/security.md).
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from liquid_pilot.interfaces import LiquidPilotError

ENCLAVES = '/liquid_pilot'
"""The path of the enclaves of this package."""
COMMANDS = 'commands'
"""The enclave of `liquid-pilot` itself: engage, stop, status and what waits for a run to begin."""
_OPTIONS = ('--enclave', '-e')
_SHARED = {'record': 'recorder', 'watch': 'dashboard'}
"""Enclaves of nodes that run under another name: `liquid-pilot record` is the recorder, and
`liquid-pilot watch` the dashboard."""


def with_enclave(name: str, arguments: Sequence[str]) -> list[str]:
    """Return a command line that names the enclave of a node, where security is enabled.

    One that is named already stays, and so does that of ROS_SECURITY_ENCLAVE_OVERRIDE.

    Args:
        name: last part of the enclave, such as 'guard'.
        arguments: the command line.

    Raises:
        LiquidPilotError: security is enforced, and there are no keys; rcl says nothing of it.
    """
    enabled = os.environ.get('ROS_SECURITY_ENABLE') == 'true'
    enforced = enabled and os.environ.get('ROS_SECURITY_STRATEGY') == 'Enforce'
    if enforced and not os.environ.get('ROS_SECURITY_KEYSTORE'):
        raise LiquidPilotError(
            'ROS_SECURITY_STRATEGY is Enforce and ROS_SECURITY_KEYSTORE is not set; let it name '
            'the folder with the keys (docs/explanation/security.md)'
        )
    if not enabled or set(_OPTIONS) & set(arguments):
        return list(arguments)
    return [*arguments, '--ros-args', '--enclave', f'{ENCLAVES}/{_SHARED.get(name, name)}']
