"""Flies the lessons of the study, and keeps what is learned in files."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND, Command, LiquidPilotError, SensorPacket
from liquid_pilot.onboard.inference.correction import Correction
from liquid_pilot.onboard.perception.camera_mount import CameraMount
from liquid_pilot.onboard.teaching.settings import TeachingSettings
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.base.condition import CLEAR, parse
from liquid_pilot.simulation.base.mission import Mission
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.rollout import InProcessPilot
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.simulation.taught_pilot import TaughtPilot
from liquid_pilot.utils.atomic_write import atomic_writer
from studies.teaching.teachers import make_teacher

MODE_PREFIX, LIVE = 'study:', ',live'
MAX_FLIGHTS = 400
"""A lesson that has not come to its end after so many flights has gone wrong."""
FloatArray = npt.NDArray[np.floating]
_LESSON = 'lesson_'
"""What the names of a lesson's own arrays begin with in a file."""
Watch = Callable[[SensorPacket, Command], None]
"""Sees each packet that has a frame, and what the hand commands in answer."""


class LessonKey(NamedTuple):
    """A lesson that one pilot is given."""

    lesson: str
    """Name of the lesson."""
    taught_in: str
    """Condition of the flights in which it is taught."""
    seconds: float
    """How long the hand is on the stick, s."""
    teacher: str
    """Name of the teacher."""
    live: bool = False
    """Whether the pilot goes on learning when it flies alone, and flies with it at once."""

    @property
    def name(self) -> str:
        """The name of what is learned.

        >>> LessonKey('aim', 'camera_left=20', 20.0, 'expert', live=True).name
        'aim,camera_left=20,20s,expert'
        """
        return f'{self.lesson},{self.taught_in},{self.seconds:g}s,{self.teacher}'

    @property
    def file_name(self) -> str:
        """The name of the file of what is learned."""
        return f'{self.name}.npz'

    @property
    def mode(self) -> str:
        """The mode of a pilot that was taught."""
        return f'{MODE_PREFIX}{self.name}{LIVE if self.live else ""}'


def fly_lesson(
    key: LessonKey,
    simulation: Simulation,
    first_forest: int,
    watch: Watch,
    begin: Callable[[], None],
) -> None:
    """Fly forest after forest with a hand on the stick until its seconds are over.

    Args:
        key: the lesson.
        simulation: the simulation.
        first_forest: seed of the first forest or road.
        watch: the learner.
        begin: called at the start of each flight.

    Raises:
        LiquidPilotError: the lesson does not come to its end.
    """
    conditions = () if key.taught_in == CLEAR else parse(key.taught_in)
    period_s = simulation.control_period_ns / NANOSECONDS_PER_SECOND
    left = round(key.seconds / period_s)
    for flight in itertools.count():
        if flight == MAX_FLIGHTS:
            raise LiquidPilotError(f'{key.name}: no end after {MAX_FLIGHTS} flights')
        seed = first_forest + flight
        packet = simulation.reset(seed, conditions=conditions)
        teacher = make_teacher(key.teacher, simulation, seed)
        mission = Mission(seed, simulation.layout, simulation.task.rules)
        begin()
        outcome = mission.update(packet)
        while outcome is None and left > 0:
            command = teacher(packet)
            if packet.observation is not None:
                watch(packet, command)
            packet = simulation.advance(command)
            outcome, left = mission.update(packet), left - 1
        if left <= 0:
            return


class Learned(NamedTuple):
    """What a lesson has taught."""

    correction: Correction
    """The correction, within the bounds of the package."""
    lesson: dict[str, FloatArray]
    """The lesson's own arrays, with which it goes on."""


def teach(key: LessonKey, file: PilotFile, first_forest: int) -> Learned:
    """Return what a pilot learns in a lesson.

    Args:
        key: the lesson.
        file: the pilot.
        first_forest: seed of the first forest or road.
    """
    vehicle = file.specification.vehicle
    simulation = Simulation(SimulationSettings(vehicle=vehicle))
    simulation.reset(first_forest)
    pilot = TaughtPilot(file, simulation, TeachingSettings(lesson=key.lesson))

    def watch(packet: SensorPacket, command: Command) -> None:
        pilot.hand = lambda _: command
        pilot.setpoint(packet)

    if key.seconds:
        fly_lesson(key, simulation, first_forest, watch, pilot.reset)
    return Learned(pilot.book.learned, pilot.book.lesson.save())


def save(learned: Learned, path: Path) -> None:
    """Write what was learned."""
    path.parent.mkdir(parents=True, exist_ok=True)
    correction = learned.correction
    with atomic_writer(path) as file:
        np.savez(
            file,
            readout=correction.readout,
            groups=np.array(correction.groups, np.str_),
            change=correction.change,
            aim=np.array(correction.aim),
            **{f'{_LESSON}{name}': part for name, part in learned.lesson.items()},
        )


def load(path: Path) -> Learned:
    """Read what was learned."""
    with np.load(path, allow_pickle=False) as parts:
        correction = Correction(
            parts['readout'],
            tuple(parts['groups'].tolist()),
            parts['change'],
            CameraMount(*parts['aim'].tolist()),
        )
        names = [name for name in parts.files if name.startswith(_LESSON)]
        return Learned(correction, {name.removeprefix(_LESSON): parts[name] for name in names})


class CorrectedPilot(InProcessPilot):
    """A pilot that flies alone with what it was taught.

    Args:
        file: the pilot.
        simulation: the simulation.
        adapter: name of the vehicle adapter.
        correction: what it was taught.
    """

    def __init__(
        self, file: PilotFile, simulation: Simulation, adapter: str, correction: Correction
    ) -> None:
        super().__init__(file, simulation, adapter)
        self.engine.teach(correction, TeachingSettings().trust_region)
        self.reset()


class LivePilot(TaughtPilot):
    """A pilot that goes on learning when it flies alone; each mission begins as the lesson ended.

    Args:
        file: the pilot.
        simulation: the simulation.
        lesson: name of the lesson.
        learned: what it was taught.
    """

    def __init__(
        self, file: PilotFile, simulation: Simulation, lesson: str, learned: Learned
    ) -> None:
        self._begin_with = learned.lesson
        super().__init__(file, simulation, TeachingSettings(lesson=lesson), live=True)

    def reset(self) -> None:
        """Prepare for the next mission."""
        self.book.lesson.restore(self._begin_with)
        super().reset()


@dataclass(frozen=True)
class PilotMaker:
    """Makes the pilots of the study in the workers; see `workers.make_pilot`."""

    lessons: Path
    """Folder of the lessons of the pilots of one training seed."""

    def __call__(
        self, file: PilotFile, simulation: Simulation, adapter: str, mode: str
    ) -> InProcessPilot:
        """Make a pilot that flies as trained ('') or as taught ('study:LESSON').

        Raises:
            ValueError: there is no such mode.
        """
        if not mode:
            return InProcessPilot(file, simulation, adapter)
        if not mode.startswith(MODE_PREFIX):
            raise ValueError(f'no arm {mode!r}')
        name = mode.removeprefix(MODE_PREFIX).removesuffix(LIVE)
        learned = load(self.lessons / f'{name}.npz')
        if mode.endswith(LIVE):
            return LivePilot(file, simulation, name.partition(',')[0], learned)
        return CorrectedPilot(file, simulation, adapter, learned.correction)
