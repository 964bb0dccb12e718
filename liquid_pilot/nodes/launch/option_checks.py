"""Checks of the arguments of a flight that other commands need too."""

from __future__ import annotations

import re

from liquid_pilot.interfaces import LiquidPilotError

_TOPIC = re.compile(r'(~?/)?[A-Za-z_]\w*(/[A-Za-z_]\w*)*', re.ASCII)


def check_topic(label: str, topic: str) -> None:
    """Check that a text can be the name of a topic.

    Args:
        label: what a message calls it, such as 'camera_topic'.
        topic: the text.

    Raises:
        LiquidPilotError: it cannot.
    """
    if not _TOPIC.fullmatch(topic):
        raise LiquidPilotError(
            f'{label} {topic!r} is not the name of a topic; use letters, digits and _, parts '
            'joined by /, none beginning with a digit'
        )


def has_statistics(pilot: str) -> bool | None:
    """Return whether a pilot file has the statistics of its training that adaptation needs.

    Args:
        pilot: name of a shipped pilot, or its folder.

    Returns:
        None when there is no such pilot; the pilot node then says so.
    """
    from liquid_pilot import pilot_file

    try:
        return (pilot_file.resolve(pilot) / pilot_file.STATISTICS_FILE).is_file()
    except LiquidPilotError:
        return None
