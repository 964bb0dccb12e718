"""PX4's topics over uXRCE-DDS: their names, and the publishers of those that it reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from liquid_pilot.nodes.common import node_base, qos
from liquid_pilot.nodes.common.message_types import import_message_type


def versioned(topic: str, kind: Any) -> str:
    """Return the name of a topic, to which PX4 1.16 and later append the version of its type.

    Args:
        topic: name without a version.
        kind: class of the message. Version 0 is not appended.
    """
    version = getattr(kind, 'MESSAGE_VERSION', 0)
    return f'{topic}_v{version}' if version else topic


class Px4Publisher:
    """A publisher of a topic that PX4 reads."""

    def __init__(self, node: node_base.LiquidNode, name: str, topic: str) -> None:
        """Create the publisher.

        Args:
            node: the guard node.
            name: name of the message type in px4_msgs.
            topic: name of the topic after `fmu/in/`, without a version.

        Raises:
            LiquidPilotError: px4_msgs is not installed, or has no such type.
        """
        self.kind = import_message_type(f'px4_msgs/msg/{name}')
        """Class of the message."""
        self._publisher = node.create_publisher(
            self.kind, versioned(f'fmu/in/{topic}', self.kind), qos.COMMAND
        )

    @property
    def has_reader(self) -> bool:
        """Whether PX4's agent reads the topic."""
        return bool(self._publisher.get_subscription_count())

    def publish(self, message: Any) -> None:
        """Publish one message."""
        self._publisher.publish(message)


def subscribe(
    node: node_base.LiquidNode, name: str, topic: str, callback: Callable[[Any], None]
) -> None:
    """Subscribe to a topic that PX4 publishes.

    Args:
        node: the guard node.
        name: name of the message type in px4_msgs.
        topic: name of the topic after `fmu/out/`, without a version.
        callback: callback, called with each message.

    Raises:
        LiquidPilotError: px4_msgs is not installed, or has no such type.
    """
    kind = import_message_type(f'px4_msgs/msg/{name}')
    node.create_subscription(kind, versioned(f'fmu/out/{topic}', kind), callback, qos.SENSOR)
