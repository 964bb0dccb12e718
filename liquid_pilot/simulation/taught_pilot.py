"""A pilot that is taught in one process, in lock-step, as the ROS graph does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np

from liquid_pilot.interfaces import AttitudeThrust, Command, SensorPacket
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.onboard.perception.picture_rotation import PictureRotation
from liquid_pilot.onboard.teaching.lesson import lesson_tick_of
from liquid_pilot.onboard.teaching.lesson_book import LessonBook
from liquid_pilot.onboard.teaching.registry import make_lesson
from liquid_pilot.onboard.teaching.settings import TeachingSettings, needs_of
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.rollout import InProcessPilot
from liquid_pilot.simulation.simulator import Simulation

Hand = Callable[[SensorPacket], Command | None]
"""Returns the command of the hand that answers a packet; None while no hand is on the stick."""


class TaughtPilot(InProcessPilot):
    """An `InProcessPilot` with a lesson, and with a hand that takes over to teach it.

    What is learned flies when it is accepted (`book`), from the next mission or tick on.

    Args:
        pilot: the pilot file, with training statistics.
        simulation: the simulation whose camera the pilot sees.
        settings: the lesson and its bounds.
        adapting: settings of a pilot that adapts; None: fly as trained.
        live: whether what is learned flies at once.
    """

    def __init__(
        self,
        pilot: PilotFile,
        simulation: Simulation,
        settings: TeachingSettings,
        adapting: AdaptationSettings | None = None,
        live: bool = False,
    ) -> None:
        self.settings, self.live = settings, live
        self._needs = needs_of(settings.lesson)
        self.book = LessonBook(make_lesson(pilot, settings), settings.trust_region)
        """What is learned, and what of it is accepted."""
        self.hand: Hand | None = None
        """The hand; None: nobody is there to take over."""
        self._rotation: PictureRotation | None = None
        super().__init__(pilot, simulation, adapting=adapting)
        if self._needs.picture_rotation:
            self._rotation = PictureRotation(pilot.specification.camera)
            self.engine.watch_picture = self._rotation.add_picture

    def reset(self) -> None:
        """Prepare for the next mission; what was learned and accepted stays."""
        super().reset()
        self.book.lesson.begin_flight()
        self._flown: Command | None = None
        if self._rotation is not None:
            self._rotation.forget()
        self.fly_accepted()

    def fly_accepted(self) -> None:
        """Fly from now on with what is accepted, or with what is learned if that is live."""
        self._trying = False
        flies = self.book.learned if self.live else self.book.accepted
        self.engine.teach(flies, self.settings.trust_region)

    def setpoint(self, packet: SensorPacket) -> Command | AttitudeThrust | None:
        """Return the setpoint in answer to a packet: the hand's, where it commands."""
        setpoint = super().setpoint(packet)
        if setpoint is None or self.tick is None:
            return None
        tick, wanted = self.tick, self.hand and self.hand(packet)
        hand = None
        if wanted is not None:
            hand = self.engine.stages.scale.to_outputs(np.array(wanted.values)).astype(float)
        turned = hand is not None and self._needs.turned_pictures
        flown = None if self._flown is None else np.array(self._flown.values)
        self.book.lesson.observe(
            lesson_tick_of(self.engine, tick, hand, turned, self._rotation, flown)
        )
        if wanted is None:
            self._flown = self.command if self._simulation.pilot_has_authority else None
            if self._trying or self.live:
                self.fly_accepted()
            return setpoint
        # While the hand flies, the pilot's own wish is that of the lesson so far.
        self._trying = True
        self.engine.teach(self.book.learned, self.settings.trust_region)
        self.command = self._flown = wanted
        return cast('Command | AttitudeThrust', self.adapter.convert(wanted, packet.state))
