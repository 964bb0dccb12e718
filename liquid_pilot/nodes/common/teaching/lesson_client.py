"""The pilot node's side of a lesson: flies what was taught, and says what the lesson needs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt
from geometry_msgs.msg import TwistStamped
from std_msgs.msg import Float32MultiArray, Float64MultiArray

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common import qos, topics
from liquid_pilot.nodes.common.diagnostics import DiagnosticsReporter
from liquid_pilot.nodes.common.health import WARNING
from liquid_pilot.nodes.common.node_base import LiquidNode
from liquid_pilot.nodes.common.pilot_parameters import PilotParameters
from liquid_pilot.nodes.common.teaching import lesson_messages
from liquid_pilot.onboard.inference.correction import Correction, no_correction
from liquid_pilot.onboard.inference.engine import Engine, Tick
from liquid_pilot.onboard.perception.picture_rotation import PictureRotation
from liquid_pilot.onboard.teaching.lesson import lesson_tick_of
from liquid_pilot.onboard.teaching.settings import NO_LESSON, needs_of

FloatArray = npt.NDArray[np.floating]
HAND_TIMEOUT_S = 0.3
"""Age from which on a command of the hand says nothing about a tick, s."""
PROBLEM = 'lesson'
"""Kind of the problems that are reported here."""


class Authority(Protocol):
    """Says who flies the vehicle."""

    def hand_has_vehicle(self, now_s: float) -> bool:
        """Return whether the guard surely lets no command of the pilot through."""

    def pilot_has_authority(self, now_s: float) -> bool:
        """Return whether the pilot's commands fly the vehicle."""


class LessonSide(Protocol):
    """The part of a pilot node that serves lessons, before and after each tick."""

    def before_tick(self, now_s: float) -> None:
        """Let the engine fly what it may fly now."""

    def after_tick(self, tick: Tick, flight: str) -> None:
        """Publish a tick of which the lesson can learn."""


class NoLesson:
    """The side of a pilot that is not taught: nothing is done."""

    def before_tick(self, now_s: float) -> None:
        """Do nothing."""

    def after_tick(self, tick: Tick, flight: str) -> None:
        """Do nothing."""


class LessonClient:
    """Applies corrections between two ticks, and publishes ticks of which a lesson can learn.

    What is accepted flies. What is not, is the pilot's own wish while a hand commands and the guard
    lets no command of the pilot through, and at no other time.
    """

    def __init__(
        self,
        node: LiquidNode,
        engine: Engine,
        settings: PilotParameters,
        checks: Authority,
        reporter: DiagnosticsReporter,
    ) -> None:
        """Fly as trained, and subscribe to what is taught.

        Args:
            node: the pilot node.
            engine: its engine.
            settings: its parameters: the trust region of lessons.
            checks: what the guard says.
            reporter: where messages that cannot be used are reported.
        """
        self._needs = needs_of(settings.lesson)
        self._rotation: PictureRotation | None = None
        if self._needs.picture_rotation:
            self._rotation = PictureRotation(engine.pilot.specification.camera)
            engine.watch_picture = _both(engine.watch_picture, self._rotation.add_picture)
        self._flown: FloatArray | None = None
        self._flight = ''
        self._engine, self._trust_region = engine, settings.trust_region()
        self._checks, self._reporter = checks, reporter
        nothing = no_correction(engine.core.neurons, engine.core.motors)
        self._taught = lesson_messages.LessonState(nothing, nothing)
        self._flies: Correction = nothing
        self._by_hand = False
        self._digest = engine.pilot.digest
        self._ticks = node.create_publisher(Float64MultiArray, topics.LESSON_TICK, qos.TRACE)
        self._node, self._heard_s = node, -math.inf
        node.create_subscription(TwistStamped, topics.HAND_COMMAND, self._on_hand, qos.COMMAND)
        node.create_subscription(
            Float32MultiArray, topics.LESSON_CORRECTION, self._on_correction, qos.LATCHED
        )

    def _on_hand(self, message: TwistStamped) -> None:
        """Note that a hand commands; what it wants is for the adaptation node."""
        self._heard_s = self._node.steady_s()

    def _on_correction(self, message: Float32MultiArray) -> None:
        """Take what was taught, from the next tick on."""
        motors = self._engine.core.motors
        try:
            taught = lesson_messages.unpack_lesson_state(message, self._digest, motors)
            for correction in taught:
                # Refused here, not in a tick.
                self._engine.check_correction(correction, self._trust_region)
        except LiquidPilotError as error:
            self._reporter.problem(PROBLEM, str(error), WARNING)
            return
        self._reporter.resolved(PROBLEM)
        self._taught = taught

    def before_tick(self, now_s: float) -> None:
        """Let the engine fly what it may fly now.

        Args:
            now_s: steady time, s.
        """
        heard = now_s - self._heard_s <= HAND_TIMEOUT_S
        self._by_hand = heard and self._checks.hand_has_vehicle(now_s)
        wanted = self._taught.tried if self._by_hand else self._taught.accepted
        if wanted is not self._flies:
            self._engine.teach(wanted, self._trust_region)
            self._flies = wanted

    def after_tick(self, tick: Tick, flight: str) -> None:
        """Publish a tick of which the lesson can learn.

        Most lessons learn while a human has the vehicle.

        Args:
            tick: the tick.
            flight: identifier of the flight.
        """
        if flight != self._flight:
            self._flight, self._flown = flight, None
            if self._rotation is not None:
                self._rotation.forget()
        if self._by_hand or not self._needs.hand:
            turned = self._by_hand and self._needs.turned_pictures
            lesson_tick = lesson_tick_of(
                self._engine, tick, None, turned, self._rotation, self._flown
            )
            self._ticks.publish(lesson_messages.pack_tick(lesson_tick, self._digest, flight))
        flies = self._checks.pilot_has_authority(self._node.steady_s())
        self._flown = np.array(tick.command.values) if flies else None


def _both(
    first: Callable[[FloatArray], None] | None, second: Callable[[FloatArray], None]
) -> Callable[[FloatArray], None]:
    """Return a function that calls two others."""

    def watch(picture: FloatArray) -> None:
        if first is not None:
            first(picture)
        second(picture)

    return watch


def make_lesson_client(
    node: LiquidNode,
    engine: Engine,
    settings: PilotParameters,
    checks: Authority,
    reporter: DiagnosticsReporter,
) -> LessonSide:
    """Return the side of a pilot node; see `LessonClient`."""
    if settings.lesson == NO_LESSON:
        return NoLesson()
    return LessonClient(node, engine, settings, checks, reporter)
