"""`liquid-pilot stop`: the safe command, whatever else is busy."""

from __future__ import annotations

import argparse
import time
from typing import Any

from liquid_pilot.cli.live import connection
from liquid_pilot.nodes.common import topics
from liquid_pilot.utils.foreign_text import plain_text

DESCRIPTION = (
    'Stops: the guard sends the safe command (hover, for a multicopter) until it is engaged again. '
    'Without --namespace every guard that is found is stopped. The request is repeated until the '
    'guard answers. The exit code is 0 when all of them have stopped, 1 when a guard refuses, as '
    'it does while a human has the vehicle, and 3 when there is none, or one does not answer.'
)
_TIMEOUT_S = 6.0
"""Time to look for guards, and to wait for their answers, s."""
_ASK_AGAIN_S = 0.25
"""Period at which an unanswered request is repeated, s."""
_LOOK_FOR_OTHERS_S = 2.0
"""Time after the last guard was found in which further ones are looked for, s. Each is asked as
soon as it is found; a busy machine finds them late."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    connection.add_arguments(parser, 'every guard that is found', _TIMEOUT_S)
    parser.add_argument(
        '--disengage',
        action='store_true',
        help='send the safe command once and then nothing, so that another source may fly; after '
        'a stop this changes nothing',
    )


check = connection.check


def run(arguments: argparse.Namespace) -> int:
    """Stop and return the exit code."""
    namespace = connection.chosen_namespace(arguments)
    with connection.Connection() as graph:
        return _Stop(graph, namespace, arguments.disengage, arguments.timeout).run()


class _Stop:
    """One stop of one guard, or of all.

    Args:
        graph: the connection.
        namespace: namespace of the guard; None: all guards.
        disengage: whether to disengage instead of to stop.
        timeout_s: how long to look for guards, and to wait for an answer, s.
    """

    def __init__(
        self,
        graph: connection.Connection,
        namespace: str | None,
        disengage: bool,
        timeout_s: float,
    ) -> None:
        self._graph, self._namespace = graph, namespace
        self._disengage, self._timeout_s = disengage, timeout_s
        self._answers: dict[str, Any] = {}
        self._pending: dict[str, list[Any]] = {}
        self._asked_s: dict[str, float] = {}
        self._began_s = self._found_s = time.monotonic()
        if namespace is not None:
            self._pending[namespace] = []

    def run(self) -> int:
        """Ask every guard until all have answered, and return the exit code."""
        self._graph.spin(self._done, self._began_s + self._timeout_s, eager=True)
        silent = sorted(set(self._pending) - set(self._answers))
        for namespace, answer in sorted(self._answers.items()):
            text = f'{connection.label(namespace)}: {plain_text(answer.message)}'
            print(text, flush=True) if answer.success else connection.print_error('stop', text)
        for namespace in silent:
            if self._asked_s.get(namespace):
                connection.print_error(
                    'stop',
                    f'{connection.label(namespace)} does not answer: it hangs, or has just ended. '
                    'Take over by remote control',
                )
            else:
                others = self._graph.guards()
                connection.print_error(
                    'stop', connection.no_guard_text(namespace, others, self._timeout_s)
                )
        if not self._pending:
            connection.print_error(
                'stop',
                f'nothing to stop: no guard was found in {self._timeout_s:g} s'
                f'{connection.what_to_check()}',
            )
        if silent or not self._pending:
            return connection.NOT_FOUND
        return 0 if all(answer.success for answer in self._answers.values()) else 1

    def _done(self) -> bool:
        """Ask those that are due, and return whether nothing is left to wait for."""
        now_s = time.monotonic()
        if self._namespace is None:
            for namespace in self._graph.guards():
                if namespace not in self._pending:
                    self._pending[namespace], self._found_s = [], now_s
        for namespace in self._pending:
            self._ask(namespace, now_s)
        complete = bool(self._pending) and set(self._pending) == set(self._answers)
        return complete and (
            self._namespace is not None or now_s - self._found_s >= _LOOK_FOR_OTHERS_S
        )

    def _ask(self, namespace: str, now_s: float) -> None:
        """Take the answer of a guard if it is there; else ask it, or ask it again."""
        if namespace in self._answers:
            return
        for future in self._pending[namespace]:
            if future.done():
                self._answers[namespace] = future.result()
                return
        service = topics.GUARD_ENGAGE if self._disengage else topics.GUARD_STOP
        client = self._graph.client(namespace, service)
        due = now_s - self._asked_s.get(namespace, 0.0) >= _ASK_AGAIN_S
        if due and client.service_is_ready():
            self._asked_s[namespace] = now_s
            # A request to disengage is one with the value false, which is the default.
            self._pending[namespace] += client.call_by_all(client.srv_type.Request())
