"""What a pilot says of an input from which nothing comes, with the advice that fits that input."""

from __future__ import annotations

from typing import NamedTuple

from rclpy.node import Node


class _Advice(NamedTuple):
    """What to do about a silent input."""

    without_publisher: str
    """Advice where its topic has no publisher."""
    with_publisher: str
    """Advice where it has one, which sends nothing."""


_ADVICE = {
    'camera': _Advice(
        'start the driver or remap the topic',
        'its publisher sends nothing that arrives: look at the log of the driver and at the cable '
        'of the camera',
    ),
    'imu': _Advice(
        'start the driver of the IMU (of an autopilot: its bridge), or remap the topic',
        'its publisher sends nothing that arrives: look at the log of the driver of the IMU (of an '
        'autopilot: at the rate of its stream)',
    ),
    'adaptation': _Advice(
        'the pilot flies on as trained; start the adaptation node, or set adaptation to false',
        'the pilot flies on as trained until it answers; where this machine is busy, end other '
        'programs or raise adaptation_timeout_s',
    ),
}


def silence_text(node: Node, source: str, topic: str, reason: str, cause: str = '') -> str:
    """Return what is said of a silent input: what happened, where, and what to do.

    Args:
        node: the node that subscribes.
        source: the input: camera, imu or adaptation.
        topic: its topic, relative or not.
        reason: what happened, such as 'no frame for 1.2 s'.
        cause: why, and what to do, where that is known; empty: the advice for this input.
    """
    name = node.resolve_topic_name(topic)
    count = node.count_publishers(name)
    advice = _ADVICE[source].with_publisher if count else _ADVICE[source].without_publisher
    publishers = f'{count} publisher{"" if count == 1 else "s"}'
    return f'{source}: {reason} on {name} ({publishers}); {cause or advice}'
