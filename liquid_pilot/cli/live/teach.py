"""`liquid-pilot teach`: accept what a hand has taught, take it back, forget it, or save it."""

from __future__ import annotations

import argparse
import time

from liquid_pilot.cli.live import connection
from liquid_pilot.nodes.common import topics
from liquid_pilot.utils.foreign_text import plain_text

DESCRIPTION = (
    'Decides what becomes of a lesson in flight (docs/how_to/pilots/teach.md): accept lets the '
    'pilot fly with what a hand has taught so far; undo takes back what was accepted last, and '
    'what was taught since; reset forgets everything; save writes what was accepted as a pilot, '
    'into the run folder of `fly`. The exit code is 0 when it is done, 1 when it is refused, and '
    '3 when nobody answers.'
)
VERBS = {
    'accept': topics.LESSON_ACCEPT,
    'undo': topics.LESSON_UNDO,
    'reset': topics.LESSON_RESET,
    'save': topics.LESSON_SAVE,
}
"""The verbs, each with the service that it calls."""
_ANSWER_TIMEOUT_S = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument('verb', choices=tuple(VERBS), help='what to do with the lesson')
    connection.add_arguments(parser, 'the root')


check = connection.check


def run(arguments: argparse.Namespace) -> int:
    """Call the service and return the exit code."""
    namespace = connection.chosen_namespace(arguments) or ''
    with connection.Connection() as graph:
        client = graph.client(namespace, VERBS[arguments.verb], 'adaptation')
        graph.listen()
        name = connection.label(namespace, 'adaptation')
        until_s = time.monotonic() + arguments.timeout
        if not graph.spin(client.service_is_ready, until_s, eager=True):
            connection.print_error(
                'teach',
                f'nobody offers {VERBS[arguments.verb]} in {arguments.timeout:g} s: is it flown '
                f'with --lesson, and does it adapt?{connection.what_to_check()}',
            )
            return connection.NOT_FOUND
        graph.spin(client.is_known, time.monotonic() + _ANSWER_TIMEOUT_S)
        # Sent once: to accept or to undo twice is not the same as once.
        future = client.call_async(client.srv_type.Request())
        if not graph.spin(future.done, time.monotonic() + _ANSWER_TIMEOUT_S):
            connection.print_error('teach', f'{name} does not answer: it hangs, or has just ended')
            return connection.NOT_FOUND
        answer = future.result()
        text = f'{name}: {plain_text(answer.message)}'
        if not answer.success:
            connection.print_error('teach', text)
            return 1
        print(text, flush=True)
        return 0
