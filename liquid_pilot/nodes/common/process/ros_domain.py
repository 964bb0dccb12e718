"""The number of the ROS domain, as rcl and DDS take it from the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping

from liquid_pilot.interfaces import LiquidPilotError

_NUMBER = re.compile(r'(0[xX][0-9a-fA-F]+)|(0[0-7]+)|0|[1-9][0-9]*', re.ASCII)
_LAST_DOMAIN = 232
"""The last ROS domain whose ports exist."""


def domain_of(environment: Mapping[str, str]) -> int:
    """Return the ROS domain of an environment, in which 5, 05 and 0x5 are the same one.

    Args:
        environment: the environment of the nodes.

    Raises:
        LiquidPilotError: ROS_DOMAIN_ID is not a number, or DDS has no ports for it.
    """
    text = environment.get('ROS_DOMAIN_ID') or '0'
    # As rcl reads it, with strtoul: a leading zero means octal.
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        raise LiquidPilotError(
            f'ROS_DOMAIN_ID is {text!r}, which is not a number; set it to one from 0 to 101'
        )
    digits, hexadecimal, octal = found.group(0), found.group(1), found.group(2)
    domain = int(digits, 16 if hexadecimal else 8 if octal else 10)
    if domain > _LAST_DOMAIN:
        raise LiquidPilotError(
            f'ROS_DOMAIN_ID is {domain}, for which DDS has no ports; set it to one from 0 to 101'
        )
    return domain
