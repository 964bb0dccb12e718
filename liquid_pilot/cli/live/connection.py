"""A connection to the graph that runs: who reports, which guards there are, calls of services.

DDS needs a moment to make two processes known to each other, and may lose an answer to a client
that the server has not discovered yet. So nothing here waits for one message only.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from liquid_pilot.cli.common import number, require_ros
from liquid_pilot.cli.live.robots import RobotReports
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common import topics
from liquid_pilot.nodes.common.process import log_folder
from liquid_pilot.nodes.common.process.dds_profile import PROFILE_VARIABLES, profile_variable
from liquid_pilot.nodes.common.process.ros_domain import domain_of
from liquid_pilot.nodes.common.security import COMMANDS, with_enclave
from liquid_pilot.utils.foreign_text import plain_lines, plain_text
from liquid_pilot.utils.resources import share_path

NOT_FOUND = 3
"""Exit code when nothing answers: there is no such node, or it hangs."""
_SPIN_PERIOD_S = 0.05
"""Longest wait within which Ctrl-C goes unnoticed, s."""
_ADD_NODE_PERIOD_S = 0.4
"""Time after which another node is added while nothing is found, s."""
_MAX_NODES = 5
GUARD = 'guard'
DEFAULT_TIMEOUT_S = 4.0
"""How long nodes are looked for, s. DDS takes up to 3 s if it loses its first messages."""
_ENGAGE_TYPE = topics.SERVICES[topics.GUARD_ENGAGE].type
_STOP_TYPE = topics.SERVICES[topics.GUARD_STOP].type


def add_arguments(
    parser: argparse.ArgumentParser, default: str, timeout_s: float = DEFAULT_TIMEOUT_S
) -> None:
    """Add the options that every command to running nodes has.

    Args:
        parser: the parser of the command.
        default: what the command does without a namespace, in words.
        timeout_s: how long the command looks for the nodes, s.
    """
    parser.add_argument(
        '--namespace',
        metavar='NAME',
        help=f'namespace of the robot, such as drone1; / is the root (default: {default})',
    )
    parser.add_argument(
        '--timeout',
        type=number('--timeout', 0.5, 3600.0),
        default=timeout_s,
        metavar='SECONDS',
        help=f'how long to look for the nodes (default: {timeout_s:g} s)',
    )


def check(arguments: argparse.Namespace) -> None:
    """Refuse a ROS domain that there is not, before ROS is loaded."""
    domain_of(os.environ)


def chosen_namespace(arguments: argparse.Namespace) -> str | None:
    """Return the namespace that was given, without slashes at its ends; None: none was given.

    Raises:
        LiquidPilotError: it cannot be the name of a namespace.
    """
    if arguments.namespace is None:
        return None
    require_ros()
    from rclpy.exceptions import InvalidNamespaceException
    from rclpy.validate_namespace import validate_namespace

    name: str = arguments.namespace.strip('/')
    try:
        validate_namespace(f'/{name}')
    except InvalidNamespaceException as error:
        reason = str(error).splitlines()[0]
        raise LiquidPilotError(f'--namespace {arguments.namespace!r}: {reason}') from None
    return name


class Connection:
    """A short-lived part of the graph that hears /diagnostics and calls the services of guards.

    It is a context manager. It has one node at first. Whether DDS makes two processes known to each
    other in a tenth of a second or in three is a matter of chance, so that another node is added
    from time to time until something is found. The nodes are hidden from lists of nodes.
    """

    def __init__(self) -> None:
        """Join the graph.

        Raises:
            LiquidPilotError: ROS 2 is not there.
        """
        require_ros()
        if sys.stderr.isatty():
            print(f'... looking in ROS domain {domain_of(os.environ)}', file=sys.stderr, flush=True)
        _announce_often()
        self.reports = RobotReports()
        """The reports that have arrived."""
        self._listening = False
        self._clients: dict[str, ServiceClient] = {}
        self._nodes: list[_HiddenNode] = []
        self._add_node()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the graph."""
        for node in self._nodes:
            node.close()

    def listen(self) -> None:
        """Begin to collect the reports of all nodes in `reports`."""
        self._listening = True
        for node in self._nodes:
            node.listen()

    def spin(self, condition: Callable[[], bool], until_s: float, eager: bool = False) -> bool:
        """Run callbacks until a condition holds or a time has come, and return the condition.

        Args:
            condition: the condition; it is asked after every callback.
            until_s: the time, of `time.monotonic`, s.
            eager: whether nodes are added even when a guard has been found.
        """
        while not condition():
            now_s = time.monotonic()
            if now_s >= until_s:
                return False
            due = now_s - self._last_added_s >= _ADD_NODE_PERIOD_S
            if due and len(self._nodes) < _MAX_NODES and (eager or not self.guards()):
                self._add_node()
            for node in self._nodes:
                node.spin(min(until_s - now_s, _SPIN_PERIOD_S) / len(self._nodes))
        return True

    def _add_node(self) -> None:
        node = _HiddenNode(len(self._nodes), self.reports)
        self._last_added_s = time.monotonic()
        for name, client in self._clients.items():
            client.add(node, name)
        # After the clients: see `ServiceClient.call_async`.
        if self._listening:
            node.listen()
        self._nodes.append(node)

    def guards(self) -> list[str]:
        """Return the namespaces in which there is a guard, without slashes at their ends."""
        return sorted({name for node in self._nodes for name in node.guards()})

    def reporters(self) -> set[str]:
        """Return the fully qualified names of the nodes that publish on /diagnostics."""
        return {name for node in self._nodes for name in node.reporters()}

    def client(self, namespace: str, service: str, owner: str = GUARD) -> ServiceClient:
        """Return the client of a service.

        Args:
            namespace: namespace of the node that serves, without slashes at its ends.
            service: the service, one of `nodes.common.topics.SERVICES`.
            owner: name of the node that serves.
        """
        from std_srvs.srv import SetBool, Trigger

        name = '/' + '/'.join(filter(None, (namespace, service)))
        if name not in self._clients:
            kind = SetBool if topics.SERVICES[service].type == _ENGAGE_TYPE else Trigger
            client = self._clients[name] = ServiceClient(kind, label(namespace, owner))
            for node in self._nodes:
                client.add(node, name)
        return self._clients[name]


class ServiceClient:
    """The clients that the nodes of a connection have for one service.

    Args:
        kind: type of the service.
        owner: fully qualified name of the node that serves.
    """

    def __init__(self, kind: Any, owner: str) -> None:
        self.srv_type = kind
        self._owner = owner
        self._clients: list[tuple[_HiddenNode, Any]] = []

    def add(self, node: _HiddenNode, name: str) -> None:
        """Make a client of one more node.

        Args:
            node: the node.
            name: name of the service.
        """
        self._clients.append((node, node.node.create_client(self.srv_type, name)))

    def service_is_ready(self) -> bool:
        """Return whether a node knows the service."""
        return any(client.service_is_ready() for _, client in self._clients)

    def call_by_all(self, request: Any) -> list[Any]:
        """Send a request from every node that knows the service, and return the futures.

        Args:
            request: the request, which does no harm when it is repeated.
        """
        ready = (client for _, client in self._clients if client.service_is_ready())
        return [client.call_async(request) for client in ready]

    def is_known(self) -> bool:
        """Return whether the node that serves surely knows a client, so that its answer arrives.

        A node that has heard it is known to it with its subscription, and so with its
        clients, which were made before that.
        """
        return bool(self._known())

    def _known(self) -> list[Any]:
        return [
            client
            for node, client in self._clients
            if self._owner in node.heard and client.service_is_ready()
        ]

    def call_async(self, request: Any) -> Any:
        """Send a request once and return the future of its answer.

        Args:
            request: the request.
        """
        ready = [client for _, client in self._clients if client.service_is_ready()]
        return [*self._known(), *ready, self._clients[0][1]][0].call_async(request)


class _HiddenNode:
    """A node with a participant of its own.

    Args:
        number: a number that makes its name unique in this process.
        reports: where what it hears is recorded.
    """

    def __init__(self, number: int, reports: RobotReports) -> None:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.signals import SignalHandlerOptions

        self._reports = reports
        self.heard: set[str] = set()
        """Fully qualified names of the nodes that it has heard on /diagnostics."""
        self._context = rclpy.Context()
        # Ctrl-C stays a KeyboardInterrupt.
        with log_folder.chosen():
            rclpy.init(
                args=with_enclave(COMMANDS, []),
                context=self._context,
                signal_handler_options=SignalHandlerOptions.NO,
            )
        self.node = rclpy.create_node(
            f'_liquid_pilot_{os.getpid()}_{number}',
            context=self._context,
            enable_rosout=False,
            start_parameter_services=False,
        )
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._listens = False

    def listen(self) -> None:
        """Subscribe to /diagnostics, once."""
        from diagnostic_msgs.msg import DiagnosticArray

        from liquid_pilot.nodes.common import messages, qos

        def on_message(message: DiagnosticArray) -> None:
            statuses = messages.unpack_diagnostics(message)
            self.heard.update(status.hardware_id for status in statuses)
            self._reports.record(statuses, time.monotonic())

        if not self._listens:
            self._listens = True
            self.node.create_subscription(
                DiagnosticArray, topics.DIAGNOSTICS, on_message, qos.DIAGNOSTICS
            )

    def spin(self, timeout_s: float) -> None:
        """Run at most one callback.

        Args:
            timeout_s: how long to wait for one, s.
        """
        self._executor.spin_once(timeout_sec=timeout_s)

    def guards(self) -> list[str]:
        """Return the namespaces in which it knows a guard."""
        suffix = f'/{topics.GUARD_STOP}'
        return [
            name.removesuffix(suffix).strip('/')
            for name, types in self.node.get_service_names_and_types()
            if name.endswith(suffix) and _STOP_TYPE in types and self._is_served(name)
        ]

    def _is_served(self, service: str) -> bool:
        """Return whether a service has a server; those that have only clients are listed too."""
        count = getattr(self.node, 'count_services', None)  # Humble has no such method.
        return count is None or count(service) > 0

    def reporters(self) -> list[str]:
        """Return the fully qualified names of the nodes that publish on /diagnostics."""
        return [
            f'{end.node_namespace.rstrip("/")}/{end.node_name}'
            for end in self.node.get_publishers_info_by_topic(topics.DIAGNOSTICS)
        ]

    def close(self) -> None:
        """Leave the graph."""
        self._executor.shutdown()
        self.node.destroy_node()
        self._context.try_shutdown()


def _announce_often() -> None:
    """Choose the profile of Fast DDS by which others find this process soon, unless one is set."""
    fast_dds = os.environ.get('RMW_IMPLEMENTATION', 'rmw_fastrtps_cpp') == 'rmw_fastrtps_cpp'
    if fast_dds and not any(name in os.environ for name in PROFILE_VARIABLES):
        os.environ[profile_variable()] = str(share_path('config/fastdds_commands.xml'))


def label(namespace: str, node: str = GUARD) -> str:
    """Return the name of a node of a namespace."""
    return plain_text('/' + '/'.join(filter(None, (namespace, node))))


def no_guard_text(namespace: str, others: list[str], timeout_s: float) -> str:
    """Return what to say when the guard of a namespace is not found, and what to check.

    Args:
        namespace: the namespace; empty: the root.
        others: namespaces in which there is a guard.
        timeout_s: how long it was looked for, s.
    """
    if others:
        return (
            f'no guard {label(namespace)} was found in {timeout_s:g} s: there is none, or it '
            f'hangs. There are others: {options(others)}'
        )
    return f'no guard {label(namespace)} was found in {timeout_s:g} s{what_to_check()}'


def options(namespaces: list[str]) -> str:
    """Return the options that choose these namespaces."""
    return ', '.join(f'--namespace {name or "/"}' for name in namespaces)


def what_to_check() -> str:
    """Return why a graph that runs may not be seen from here, one reason a line."""
    domain = os.environ.get('ROS_DOMAIN_ID') or '0'
    reach = os.environ.get('ROS_AUTOMATIC_DISCOVERY_RANGE')
    if reach in ('LOCALHOST', 'OFF'):
        seen = f'only this machine is seen (ROS_AUTOMATIC_DISCOVERY_RANGE={reach})'
    else:
        seen = 'another machine is seen if its ROS_AUTOMATIC_DISCOVERY_RANGE is SUBNET'
    checks = (
        'does it run? `liquid-pilot fly` or its launch file starts it',
        f'is it in ROS domain {domain}, as this terminal is (ROS_DOMAIN_ID)?',
        f'is it on this machine? {seen}',
    )
    return ':' + ''.join(f'\n  - {check}' for check in checks)


def print_error(command: str, text: str) -> None:
    """Print what is wrong for the user.

    Args:
        command: the command that says it.
        text: the text; its first line says what is wrong.
    """
    print(f'liquid-pilot {command}: error: {plain_lines(text)}', file=sys.stderr, flush=True)
