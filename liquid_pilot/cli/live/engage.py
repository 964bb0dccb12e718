"""`liquid-pilot engage`: lets the pilot fly, once the guard's checks pass."""

from __future__ import annotations

import argparse
import time

from liquid_pilot.cli.live import connection
from liquid_pilot.cli.live.robots import NodeReport
from liquid_pilot.nodes.common import topics
from liquid_pilot.onboard.safety.guard import ENGAGED, REASON_SEPARATOR, SAFE
from liquid_pilot.utils.foreign_text import plain_text

DESCRIPTION = (
    'Engages the guard, so that the commands of the pilot reach the vehicle. The guard refuses '
    'until its checks pass (docs/explanation/guard.md) and names each one that fails. The exit '
    'code is 0 when the guard is engaged, 1 when it refuses, and 3 when it is not found or does '
    'not answer.'
)
_ANSWER_TIMEOUT_S = 3.0
"""Time to wait for an answer, and for reports that show what became of the request, s."""
_REFUSAL = 'not engaged: '


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    connection.add_arguments(parser, 'the root, or the only namespace that has a guard')


check = connection.check


def run(arguments: argparse.Namespace) -> int:
    """Engage and return the exit code."""
    wanted = connection.chosen_namespace(arguments)
    with connection.Connection() as graph:
        until_s = time.monotonic() + arguments.timeout
        namespace = _find(graph, wanted, until_s)
        if namespace is None:
            connection.print_error(
                'engage', connection.no_guard_text(wanted or '', graph.guards(), arguments.timeout)
            )
            return connection.NOT_FOUND
        return _engage(graph, namespace)


def _find(graph: connection.Connection, wanted: str | None, until_s: float) -> str | None:
    """Return the namespace of the guard to engage; None: there is none, or several may be meant.

    Args:
        graph: the connection.
        wanted: the namespace that was named; None: none was.
        until_s: time until which to look, of `time.monotonic`, s.
    """
    if wanted is not None:
        found = graph.spin(lambda: wanted in graph.guards(), until_s)
        return wanted if found else None
    # A moment longer than for the first one, so that a second robot is not overlooked.
    if graph.spin(lambda: bool(graph.guards()), until_s):
        graph.spin(lambda: False, min(until_s, time.monotonic() + 0.5))
    guards = graph.guards()
    if '' in guards:
        return ''
    return guards[0] if len(guards) == 1 else None


def _engage(graph: connection.Connection, namespace: str) -> int:
    """Ask the guard to engage, tell the user what it says, and return the exit code.

    The request is sent once. Repeating it blindly could undo a stop that came in between.
    """
    client = graph.client(namespace, topics.GUARD_ENGAGE)
    graph.listen()
    name = connection.label(namespace)

    def report() -> NodeReport | None:
        robots = graph.reports.robots(time.monotonic(), namespace)
        return robots[0].nodes.get('guard') if robots else None

    graph.spin(client.is_known, time.monotonic() + _ANSWER_TIMEOUT_S)
    asked_s = time.monotonic()
    future = client.call_async(client.srv_type.Request(data=True))
    if graph.spin(future.done, asked_s + _ANSWER_TIMEOUT_S):
        answer = future.result()
        if answer.success:
            print(f'{name}: {plain_text(answer.message)}', flush=True)
            return 0
        connection.print_error('engage', refusal(name, plain_text(answer.message)))
        return 1
    newest = report()
    if newest is not None and newest.age_s < time.monotonic() - asked_s:
        if newest.state in (ENGAGED, SAFE):
            print(f'{name}: engaged (its answer was lost; it reports {newest.state})', flush=True)
            return 0
        connection.print_error(
            'engage',
            f'{name} did not answer and reports {newest.state}; it is not engaged, try again',
        )
    else:
        connection.print_error('engage', f'{name} does not answer: it hangs, or has just ended')
    return connection.NOT_FOUND


def refusal(name: str, message: str) -> str:
    """Return the reasons of a guard that refuses to engage, one a line.

    Args:
        name: name of the guard.
        message: its answer.
    """
    reasons = message.removeprefix(_REFUSAL).split(REASON_SEPARATOR)
    return '\n'.join([f'{name} is not engaged:', *(f'  - {reason}' for reason in reasons)])
