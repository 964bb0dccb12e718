"""What the guard says of itself on /diagnostics, for a node that wants to know whether it flies."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from diagnostic_msgs.msg import DiagnosticArray

from liquid_pilot.nodes.common import messages, qos, topics
from liquid_pilot.nodes.common.node_base import LiquidNode


def follow_guard(node: LiquidNode, on_status: Callable[[Mapping[str, str], float], None]) -> None:
    """Subscribe a node to the status of the guard of its namespace.

    Args:
        node: the node.
        on_status: callback, called with the values of each status, and the steady time in seconds.
    """
    guard = f'{node.get_namespace().rstrip("/")}/guard'

    def on_diagnostics(message: DiagnosticArray) -> None:
        for status in messages.unpack_diagnostics(message):
            if status.hardware_id == guard:
                on_status(status.values, node.steady_s())

    node.create_subscription(DiagnosticArray, topics.DIAGNOSTICS, on_diagnostics, qos.DIAGNOSTICS)
