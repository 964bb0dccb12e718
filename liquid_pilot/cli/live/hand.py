"""`liquid-pilot hand`: takes the vehicle over from the keyboard."""

from __future__ import annotations

import argparse
import os
import select
import shutil
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from liquid_pilot.cli.common import add_setting, require_ros
from liquid_pilot.cli.live import connection
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common.flight_settings import FlightSettings
from liquid_pilot.onboard.teaching.hand_keys import HandSettings
from liquid_pilot.utils.foreign_text import plain_text
from liquid_pilot.utils.settings import declared_settings

if TYPE_CHECKING:
    from liquid_pilot.nodes.common.node_base import Spinner
    from liquid_pilot.nodes.hand import HandNode

DESCRIPTION = (
    'Takes the vehicle over from the keyboard of this terminal, and gives it back. Keys add to '
    'what the pilot wants, so that you correct it; with --base zero they alone command; with '
    '--base expert the expert of the simulation flies, as soon as you press e. A guard '
    'with forward_hand sends these commands to the vehicle, as in simulation with `fly --lesson`. '
    'When you quit, the guard is disengaged: nothing flies on by itself.'
)
_KEYS = """\
  arrows      faster, slower, turn left, turn right       w s  up, down       a d  left, right
  space       stop the vehicle, until another key
  Enter       give the vehicle back: the pilot flies      e    the expert flies (--base expert)
  y u         accept what was taught, undo it             q    quit
"""
_ESCAPES = {b'[A': 'up', b'[B': 'down', b'[C': 'right', b'[D': 'left'}
_GIVE_BACK, _ACCEPT, _UNDO, _QUIT = ('\r', '\n'), 'y', 'u', ('q', '\x03', '\x04')
_PERIOD_S = 0.05
_LESSON = ('lesson_taught_s', 'lesson_aim_deg', 'lesson_trim', 'lesson_accepted')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument(
        '--namespace',
        default='',
        metavar='NAME',
        help='namespace of the robot, such as drone1 (default: the root)',
    )
    add_setting(parser, FlightSettings, 'vehicle')
    for name in declared_settings(HandSettings):
        add_setting(parser, HandSettings, name)


def check(arguments: argparse.Namespace) -> None:
    """Refuse what has no keyboard, before ROS is loaded."""
    connection.check(arguments)
    if not sys.stdin.isatty():
        raise LiquidPilotError(
            'the keyboard of a terminal is needed, and there is none here; a joystick is read by '
            '`ros2 run liquid_pilot hand`'
        )


def run(arguments: argparse.Namespace) -> int:
    """Take over when a key is pressed; returns the exit code."""
    require_ros()
    from liquid_pilot.nodes import hand
    from liquid_pilot.nodes.common import node_base

    namespace = connection.chosen_namespace(arguments) or ''
    words = ['--ros-args']
    if namespace:
        words += ['-r', f'__ns:=/{namespace}']
    for name in ('vehicle', *declared_settings(HandSettings)):
        words += ['-p', f'{name}:={getattr(arguments, name)}']
    print(_KEYS, flush=True)
    return node_base.run('hand', hand.HandNode, _work, args=words)


def _work(node: HandNode, spinner: Spinner) -> int:
    """Read keys until one quits, or a signal arrives."""
    import termios
    import tty

    terminal, panel = sys.stdin.fileno(), _Panel(node)
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)
    try:
        while not spinner.stopping:
            spinner.drain(_PERIOD_S)
            node.follow_clock()
            for key in _pressed(terminal):
                if key in _QUIT:
                    return 0
                _act(node, key, panel)
            panel.draw()
        return 0
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        ended = 'the guard is disengaged; `liquid-pilot engage` lets the pilot fly'
        print(f'\n{ended if node.has_vehicle else ""}', flush=True)


def _act(node: HandNode, key: str, panel: _Panel) -> None:
    """Do what a key asks for."""
    from liquid_pilot.nodes.common import topics

    if key in _GIVE_BACK:
        node.give_back(panel.tell)
    elif key == _ACCEPT:
        node.ask(topics.LESSON_ACCEPT, panel.tell)
    elif key == _UNDO:
        node.ask(topics.LESSON_UNDO, panel.tell)
    else:
        node.press(key)


def _pressed(terminal: int) -> Iterator[str]:
    """Yield the names of the keys that have been pressed."""
    if not select.select([terminal], [], [], 0.0)[0]:
        return
    data = os.read(terminal, 256)
    if not data:
        # The terminal has gone.
        yield _QUIT[0]
    yield from keys_of(data)


def keys_of(data: bytes) -> list[str]:
    r"""Return the names of the keys that a terminal has sent.

    >>> keys_of(b'w\x1b[Dq')
    ['w', 'left', 'q']

    Args:
        data: what it has sent; sequences that are not known are left out.
    """
    found, rest = [], data
    while rest:
        if rest[:1] == b'\x1b':
            # Terminals send the arrows as ESC [ A, and in another mode as ESC O A.
            name = _ESCAPES.get(b'[' + rest[2:3]) if rest[1:2] in (b'[', b'O') else None
            if name is not None:
                found.append(name)
            rest = rest[3:] if rest[1:2] in (b'[', b'O') else rest[1:]
            continue
        found.append(rest[:1].decode('latin-1').lower())
        rest = rest[1:]
    return found


class _Panel:
    """One line that says who has the vehicle, what is commanded and what was learned.

    Args:
        node: the hand node.
    """

    def __init__(self, node: HandNode) -> None:
        self._node, self._drawn = node, ''

    def tell(self, text: str) -> None:
        """Show an answer on a line of its own."""
        print(f'\r\x1b[K{plain_text(text)}', flush=True)
        self._drawn = ''

    def draw(self) -> None:
        """Draw the line, where it has changed."""
        line = plain_text(self._line())
        if line != self._drawn:
            self._drawn = line
            width = shutil.get_terminal_size().columns - 1
            print(f'\r\x1b[K{line[:width]}', end='', flush=True)

    def _line(self) -> str:
        guard, lesson = (self._node.reports.get(name, {}) for name in ('guard', 'adaptation'))
        words = [f'guard: {guard.get("state", "not heard yet")}']
        if self._node.has_vehicle:
            names = ('forward', 'left', 'up', 'turn')
            values = zip(names, self._node.command, strict=True)
            words.append('you: ' + ' '.join(f'{name} {value:+.1f}' for name, value in values))
        if 'lesson' in lesson:
            taught_s, aim, trim, accepted = (lesson.get(name, '?') for name in _LESSON)
            learned = f'camera {aim} deg, outputs {trim}; {accepted} accepted'
            words.append(f'taught {taught_s} s: {learned}')
        return ' | '.join(words)
