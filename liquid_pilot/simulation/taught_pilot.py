"""A pilot that is taught in one process, in lock-step, as the ROS graph does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np

from liquid_pilot.interfaces import AttitudeThrust, Command, SensorPacket
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.onboard.teaching.lesson import lesson_tick_of
from liquid_pilot.onboard.teaching.lesson_book import LessonBook
from liquid_pilot.onboard.teaching.registry import make_lesson
from liquid_pilot.onboard.teaching.settings import TeachingSettings
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.rollout import InProcessPilot
from liquid_pilot.simulation.simulator import Simulation

Hand = Callable[[SensorPacket], Command | None]
"""Returns the command of the hand that answers a packet; None while no hand is on the stick."""


class TaughtPilot(InProcessPilot):
    """An `InProcessPilot` with a hand that takes over, and a lesson that learns from it.

    What is learned flies when it is accepted (`book`), from the next mission or tick on.

    Args:
        pilot: the pilot file, with training statistics.
        simulation: the simulation whose camera the pilot sees.
        settings: the lesson and its bounds.
        adapting: settings of a pilot that adapts; None: fly as trained.
    """

    def __init__(
        self,
        pilot: PilotFile,
        simulation: Simulation,
        settings: TeachingSettings,
        adapting: AdaptationSettings | None = None,
    ) -> None:
        self.settings = settings
        self.book = LessonBook(make_lesson(pilot, settings), settings.trust_region)
        """What is learned, and what of it is accepted."""
        self.hand: Hand | None = None
        """The hand; None: nobody is there to take over."""
        super().__init__(pilot, simulation, adapting=adapting)

    def reset(self) -> None:
        """Prepare for the next mission; what was learned and accepted stays."""
        super().reset()
        self.book.lesson.begin_flight()
        self.fly_accepted()

    def fly_accepted(self) -> None:
        """Fly from now on with what is accepted."""
        self._trying = False
        self.engine.teach(self.book.accepted, self.settings.trust_region)

    def setpoint(self, packet: SensorPacket) -> Command | AttitudeThrust | None:
        """Return the setpoint in answer to a packet: the hand's, where it commands."""
        setpoint = super().setpoint(packet)
        if setpoint is None or self.tick is None:
            return None
        tick, wanted = self.tick, self.hand and self.hand(packet)
        hand = None
        if wanted is not None:
            hand = self.engine.stages.scale.to_outputs(np.array(wanted.values)).astype(float)
        lesson = self.book.lesson
        turned = hand is not None and lesson.needs_turned_pictures
        lesson.observe(lesson_tick_of(self.engine, tick, hand, turned))
        if wanted is None:
            if self._trying:
                self.fly_accepted()
            return setpoint
        # While the hand flies, the pilot's own wish is that of the lesson so far.
        self._trying = True
        self.engine.teach(self.book.learned, self.settings.trust_region)
        self.command = wanted
        return cast('Command | AttitudeThrust', self.adapter.convert(wanted, packet.state))
