"""The adaptation node's side of a lesson: learns from the hand, and keeps what was accepted."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from geometry_msgs.msg import TwistStamped
from std_msgs.msg import Float32MultiArray, Float64MultiArray

from liquid_pilot.interfaces import LiquidPilotError, VehicleLimits
from liquid_pilot.nodes.common import messages, qos, topics
from liquid_pilot.nodes.common.node_base import LiquidNode
from liquid_pilot.nodes.common.teaching import lesson_messages
from liquid_pilot.nodes.common.teaching.lesson_client import HAND_TIMEOUT_S
from liquid_pilot.onboard.inference.correction import Correction
from liquid_pilot.onboard.teaching.description import describe
from liquid_pilot.onboard.teaching.lesson_book import LessonBook
from liquid_pilot.onboard.teaching.registry import make_lesson
from liquid_pilot.onboard.teaching.saved_pilot import save_taught
from liquid_pilot.onboard.teaching.settings import TeachingSettings, needs_of
from liquid_pilot.onboard.vehicles.action_scaling import ActionScaling
from liquid_pilot.pilot_file import PilotFile


class _Hand(NamedTuple):
    """The newest command of the hand."""

    values: np.ndarray
    """(4,) forward, left, up (m/s) and yaw rate (rad/s), within the limits of the vehicle."""
    arrived_s: float
    """Steady time of its arrival, s."""


class LessonServer:
    """Pairs the ticks of the pilot with the commands of the hand, and publishes what is learned."""

    def __init__(
        self,
        node: LiquidNode,
        pilot: PilotFile,
        settings: TeachingSettings,
        live: bool,
        folder: Path | None,
        report: Callable[[str], None],
    ) -> None:
        """Begin with nothing learned.

        Args:
            node: the adaptation node.
            pilot: the pilot.
            settings: the lesson and its bounds.
            live: whether what is learned flies without being accepted.
            folder: where a taught pilot is saved; None: nowhere.
            report: callback, called with what is wrong with ticks of the pilot, and with an empty
                text once they are right again.

        Raises:
            LiquidPilotError: there is no such lesson, or it does not fit the pilot.
        """
        self._node, self._pilot, self._settings = node, pilot, settings
        self._live, self._folder, self._report = live, folder, report
        self._needs = needs_of(settings.lesson)
        self._book = LessonBook(make_lesson(pilot, settings), settings.trust_region)
        self._scaling = ActionScaling.of(pilot.specification)
        self._flight = ''
        self._hand: _Hand | None = None
        self._output = node.create_publisher(
            Float32MultiArray, topics.LESSON_CORRECTION, qos.LATCHED
        )
        node.create_subscription(TwistStamped, topics.HAND_COMMAND, self._on_hand, qos.COMMAND)
        node.create_subscription(Float64MultiArray, topics.LESSON_TICK, self._on_tick, qos.TRACE)
        self._publish()

    def _on_hand(self, message: TwistStamped) -> None:
        values = messages.unpack_command(message).values
        if not all(map(math.isfinite, values)):
            return
        limits: VehicleLimits = self._pilot.specification.limits
        self._hand = _Hand(np.array(limits.clamp(values)), self._node.steady_s())

    def _on_tick(self, message: Float64MultiArray) -> None:
        hand = self._hand
        if hand is not None and self._node.steady_s() - hand.arrived_s > HAND_TIMEOUT_S:
            hand = None
        if hand is None and self._needs.hand:
            # A human has the vehicle and commands nothing here: there is nothing to learn.
            self._book.lesson.begin_flight()
            return
        try:
            wanted = None if hand is None else self._wanted(hand)
            flight, tick = lesson_messages.unpack_tick(message, self._pilot.digest, wanted)
            if hand is not None:
                tick = tick._replace(flown=hand.values)
            if flight != self._flight:
                self._flight = flight
                self._book.lesson.begin_flight()
            self._book.lesson.observe(tick)
        except (LiquidPilotError, ValueError) as error:
            self._report(f'lesson: {error}')
            return
        self._report('')
        self._publish()

    def _wanted(self, hand: _Hand) -> np.ndarray:
        """Return a command of the hand in the units of the core's outputs."""
        return self._scaling.to_outputs(hand.values).astype(float)

    def _publish(self) -> None:
        tried = self._book.learned
        state = lesson_messages.LessonState(self._flies, tried)
        self._output.publish(lesson_messages.pack_lesson_state(state, self._pilot.digest))

    @property
    def _flies(self) -> Correction:
        """What the pilot flies with."""
        return self._book.learned if self._live else self._book.accepted

    # What a user asks for

    def actions(self) -> tuple[tuple[str, Callable[[], str]], ...]:
        """Return the services by name, with what each of them does and answers."""
        return (
            (topics.LESSON_ACCEPT, self.accept),
            (topics.LESSON_UNDO, self.undo),
            (topics.LESSON_RESET, self.reset),
            (topics.LESSON_SAVE, self.save),
        )

    def accept(self) -> str:
        """Let the pilot fly with what was learned so far."""
        self._book.accept()
        self._publish()
        return f'accepted: {self.summary()}'

    def undo(self) -> str:
        """Take back what was accepted last, and what was learned since."""
        self._book.undo()
        self._publish()
        return f'taken back; it flies with: {self.summary()}'

    def reset(self) -> str:
        """Forget everything."""
        self._book.reset()
        self._publish()
        return 'the pilot flies as trained; all lessons are forgotten'

    def save(self) -> str:
        """Save what was accepted as a pilot.

        Raises:
            LiquidPilotError: nothing was accepted, no folder is named, or it cannot be written.
        """
        if self._folder is None:
            raise LiquidPilotError('the parameter `taught_pilot` names no folder')
        if self._book.accepted.is_none:
            raise LiquidPilotError('nothing was accepted; call lesson/accept first')
        trust_region = self._settings.trust_region
        note = f'{self._pilot.specification.name}, taught in flight: {self.summary()}'
        saved = save_taught(self._pilot, self._book.accepted, trust_region, self._folder, note)
        return f'saved as {saved.path}'

    def summary(self) -> str:
        """Return what is accepted in one line."""
        return describe(self._book.accepted, self._pilot)

    def values(self) -> dict[str, str]:
        """Return what /diagnostics says of the lesson."""
        learned = self._book.learned
        return {
            'lesson': self._settings.lesson,
            'lesson_taught_s': f'{self._book.lesson.taught_s:.1f}',
            'lesson_accepted': str(self._book.steps),
            'lesson_aim_deg': ' '.join(f'{math.degrees(angle):.1f}' for angle in learned.aim),
            'lesson_trim': ' '.join(f'{value:.3f}' for value in learned.readout[:, -1]),
            'lesson_learned': describe(learned, self._pilot),
            'lesson_flies': describe(self._flies, self._pilot),
        }
