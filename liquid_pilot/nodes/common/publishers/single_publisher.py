"""Subscriptions that use the messages of one publisher only, and stop when there are two.

Two cameras on one topic, or two IMUs, look like one that jumps from place to place. The messages of
each are good, so that nothing else notices it. Each publisher numbers its messages, and the numbers
of two go up and down (`onboard.safety.duplicate_publisher`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.qos import QoSProfile

from liquid_pilot.nodes.common.node_base import LiquidNode
from liquid_pilot.nodes.common.publishers.endpoints import publishers_of, several_publishers_text
from liquid_pilot.onboard.safety.duplicate_publisher import InterleavedMessages

_PARAMETERS = [
    inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY) for name in ('message', 'info')
]


class NumberedCallback:
    """Passes messages on with the number that their publisher has given them.

    Args:
        callback: function of a message and its number; None where the middleware does not number.
    """

    __signature__ = inspect.Signature(_PARAMETERS)
    """rclpy gives the information about a message only to a callback with two parameters."""

    def __init__(self, callback: Callable[[Any, int | None], None]) -> None:
        self._callback = callback

    def __call__(self, *arguments: Any) -> None:
        """Take a message of rclpy; its events executor gives both in one tuple (Jazzy)."""
        if len(arguments) == 1:
            arguments = arguments[0] if isinstance(arguments[0], tuple) else (arguments[0], None)
        message, info = arguments
        self._callback(message, info.get('publication_sequence_number') if info else None)


class SinglePublisherSubscription:
    """A subscription whose messages are dropped while two live publishers send them."""

    def __init__(
        self,
        node: LiquidNode,
        message_type: type[Any],
        topic: str,
        callback: Callable[[Any], None],
        profile: QoSProfile,
        report: Callable[[str], None],
        source: str,
        events: SubscriptionEventCallbacks | None = None,
    ) -> None:
        """Subscribe.

        Args:
            node: the node.
            message_type: class of the messages.
            topic: name of the topic.
            callback: callback, called with each message that may be used.
            profile: quality of service.
            report: callback, called with what is wrong, for each message that is dropped, and with
                an empty text once it is right again.
            source: what publishes, in a word, such as 'camera'.
            events: callbacks of the middleware's events.
        """
        self._node, self._callback, self._report = node, callback, report
        self._topic, self._source = node.resolve_topic_name(topic), source
        self._order = InterleavedMessages()
        self.problem = ''
        """What is wrong with the publishers; empty while there is one."""
        node.create_subscription(
            message_type,
            topic,
            NumberedCallback(self._on_message),
            profile,
            event_callbacks=events,
        )

    def _on_message(self, message: Any, number: int | None) -> None:
        now_s = self._node.steady_s()
        if number is None:
            several = self._node.count_publishers(self._topic) > 1
        else:
            self._order.record(number, now_s)
            several = self._order.detected(now_s)
        if several:
            if not self.problem:
                publishers = publishers_of(self._node, self._topic)
                text = several_publishers_text(self._topic, publishers)
                self.problem = f'{self._source}: {text}'
            self._report(self.problem)
            return
        if self.problem:
            self.problem = ''
            self._report('')
        self._callback(message)


def create_subscription(
    message_type: type[Any],
    topic: str,
    callback: Callable[[Any], None],
    profile: QoSProfile,
    *,
    node: LiquidNode,
    report: Callable[[str], None],
    source: str,
    lockstep: bool,
    events: SubscriptionEventCallbacks | None = None,
) -> SinglePublisherSubscription | None:
    """Subscribe; in lock-step, where the simulator is the only publisher, to every message.

    Args:
        message_type: class of the messages.
        topic: name of the topic.
        callback: callback, called with each message that may be used.
        profile: quality of service.
        node: the node.
        report: callback, called with what is wrong, and with an empty text once it is right again.
        source: what publishes, in a word.
        lockstep: whether this is lock-step simulation.
        events: callbacks of the middleware's events.
    """
    if lockstep:
        node.create_subscription(message_type, topic, callback, profile, event_callbacks=events)
        return None
    return SinglePublisherSubscription(
        node, message_type, topic, callback, profile, report, source, events
    )
