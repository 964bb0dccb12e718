"""Waits for pilot and guard of a graph that runs as processes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from liquid_pilot.nodes.common import topics
from liquid_pilot.nodes.common.security import COMMANDS, with_enclave

THREAD = 'liquid_pilot readiness'
"""Name of the thread that waits."""
_POLL_PERIOD_S = 0.2


@contextmanager
def call_when_up(namespace: str, announce: Callable[[], None]) -> Iterator[None]:
    """Call a function once pilot and guard offer their services, at most until the context ends.

    The pilot offers its service when its network is loaded and compiled.

    Args:
        namespace: namespace of the nodes; empty: the global one.
        announce: the function, called in another thread.
    """
    ended = threading.Event()
    thread = threading.Thread(target=_wait, args=(namespace, announce, ended), name=THREAD)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _wait(namespace: str, announce: Callable[[], None], ended: threading.Event) -> None:
    # Imported here, because these are the only lines of the launcher that need ROS.
    import rclpy
    from rclpy.context import Context
    from rclpy.signals import SignalHandlerOptions
    from std_srvs.srv import SetBool, Trigger

    context = Context()
    rclpy.init(
        args=with_enclave(COMMANDS, []),
        context=context,
        signal_handler_options=SignalHandlerOptions.NO,
    )
    node = rclpy.create_node(
        'liquid_pilot_fly',
        namespace=namespace.strip('/'),
        context=context,
        use_global_arguments=False,
        enable_rosout=False,
        start_parameter_services=False,
    )
    try:
        clients = [
            node.create_client(SetBool, topics.GUARD_ENGAGE),
            node.create_client(Trigger, topics.PILOT_RESET),
        ]
        while not ended.wait(_POLL_PERIOD_S):
            if all(client.service_is_ready() for client in clients):
                announce()
                return
    finally:
        node.destroy_node()
        context.try_shutdown()
