"""The publishers of a topic as the middleware lists them: one by one, whatever they are called."""

from __future__ import annotations

from typing import Any, NamedTuple

from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile

from liquid_pilot.nodes.common.node_base import LiquidNode


class Endpoint(NamedTuple):
    """One publisher of a topic."""

    identifier: str
    """Identifier that the middleware gives it (gid), in hexadecimal digits."""
    node: str
    """Fully qualified name of its node; several nodes may have the same."""


def publishers_of(node: LiquidNode, topic: str) -> list[Endpoint]:
    """Return the publishers of a topic, sorted; one that was killed is listed for up to 20 s.

    Args:
        node: a node.
        topic: fully qualified name of the topic.
    """
    return sorted(
        Endpoint(
            bytes(info.endpoint_gid).hex(),
            f'{info.node_namespace.rstrip("/")}/{info.node_name}',
        )
        for info in node.get_publishers_info_by_topic(topic)
    )


def several_publishers_text(topic: str, publishers: list[Endpoint]) -> str:
    """Return what to say about several publishers of a topic, and what to do."""
    number = {2: 'two'}.get(len(publishers), f'{len(publishers)}')
    if len(publishers) < 2:
        number = 'several'
    names = ', '.join(sorted(each.node for each in publishers))
    return f'{number} publishers of {topic} ({names}); end all but one'


def create_publisher(
    message_type: type[Any], topic: str, profile: QoSProfile, *, node: LiquidNode
) -> tuple[Publisher, str]:
    """Create a publisher and return it with its identifier.

    rclpy does not tell the identifier of a publisher, so the one that appears under the name of the
    node is taken.

    Args:
        message_type: class of the messages.
        topic: name of the topic.
        profile: quality of service.
        node: the node.

    Returns:
        The publisher, and its identifier as in `Endpoint`; empty when it is not known.
    """
    resolved = node.resolve_topic_name(topic)
    before = set(publishers_of(node, resolved))
    publisher = node.create_publisher(message_type, topic, profile)
    own = [
        endpoint.identifier
        for endpoint in publishers_of(node, resolved)
        if endpoint not in before and endpoint.node == node.get_fully_qualified_name()
    ]
    return publisher, own[0] if len(own) == 1 else ''
