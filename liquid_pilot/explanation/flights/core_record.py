"""A flight as it has to be known to be explained: every step of its core, and what was seen.

`record_mission` flies a mission in the embedded simulator, in lock-step and to the bit as
`fly_mission` does. A recording of a real flight makes the same `CoreRecord` of its traces.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from liquid_pilot.explanation.core_paths import CoreTick
from liquid_pilot.explanation.flights.state_variables import state_variables
from liquid_pilot.explanation.wrapped_core import RecordedCore
from liquid_pilot.interfaces import (
    NANOSECONDS_PER_SECOND,
    AttitudeThrust,
    Command,
    SensorPacket,
)
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.onboard.inference.engine import Tick
from liquid_pilot.onboard.inference.stages import Stages
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.base.condition import Condition
from liquid_pilot.simulation.base.mission import MissionResult
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.rollout import InProcessPilot, fly_mission
from liquid_pilot.simulation.simulator import Simulation


@dataclass(eq=False)
class CoreRecord:
    """One flight of T ticks of a core with I inputs and N neurons."""

    name: str
    """What is flown, such as 'seed 7000003'."""
    time_s: npt.NDArray[np.float64]
    """(T,) time of each frame since the first one, s."""
    ticks: list[CoreTick]
    """What the core was stepped with."""
    before: npt.NDArray[np.float32]
    """(T, N) state before each tick."""
    after: npt.NDArray[np.float32]
    """(T, N) state after each tick."""
    commands: npt.NDArray[np.float64]
    """(T, 4) commands of the pilot before the guard: forward, left, up (m/s), yaw rate (rad/s)."""
    tau_s: npt.NDArray[np.float32]
    """(T, N) time constants of the core, s; NaN for a core without any."""
    pictures: list[npt.NDArray[np.float16] | None] = field(repr=False)
    """(3, H, W) what the encoder was given in each tick, in [0, 1]; None: not known, or dropped."""
    variables: dict[str, npt.NDArray[np.float64]] = field(default_factory=dict, repr=False)
    """(T,) values of each variable of `state_variables.UNITS` that is known."""
    outcome: str = ''
    """Outcome of a mission; empty where there was none."""
    result: MissionResult | None = field(default=None, repr=False)
    """Result of a mission that was flown here."""

    def drop_pictures(self) -> None:
        """Forget the pictures, which are nearly all of the memory that a record takes."""
        self.pictures = [None] * len(self.pictures)

    def window(self, last: int, seconds: float) -> tuple[int, list[CoreTick]]:
        """Return the ticks of a span of time that ends with a tick.

        Args:
            last: number of the last tick.
            seconds: length of the span, s; a flight that is younger gives what there is.

        Returns:
            The number of the first tick, and the ticks.
        """
        first = int(np.searchsorted(self.time_s, self.time_s[last] - seconds - 1e-9))
        return first, self.ticks[first : last + 1]


def record_mission(
    pilot: PilotFile,
    simulation: Simulation,
    seed: int,
    adapting: AdaptationSettings | None = None,
    conditions: tuple[Condition, ...] | None = None,
    rules: MissionRules | None = None,
    replace_stages: Callable[[Stages], Stages] | None = None,
    adapter: str = 'cmd_vel',
) -> CoreRecord:
    """Fly one mission and keep all that an explanation needs.

    Args:
        pilot: the pilot file.
        simulation: a simulation of the pilot's vehicle.
        seed: seed of the forest or road.
        adapting: settings of a pilot that adapts; None: it flies as trained.
        conditions: conditions of the mission; None: those of the simulation's settings.
        rules: the rules of success and failure; None: those of the vehicle's task.
        replace_stages: replaces stages of the engine before they are recorded, see `Engine`.
        adapter: name of the vehicle adapter.
    """
    pilot_in_flight = _RecordingPilot(pilot, simulation, adapter, adapting, replace_stages)
    packets: list[dict[str, float]] = []
    seen: list[bool] = []

    def on_packet(packet: SensorPacket) -> None:
        seen.append(packet.observation is not None)
        packets.append(state_variables(packet, simulation))

    result = fly_mission(seed, simulation, pilot_in_flight, rules, on_packet, conditions)
    steps, ticks = pilot_in_flight.core.steps, pilot_in_flight.ticks
    answered = [packet for packet, frame in zip(packets, seen, strict=True) if frame]
    names = list(answered[0]) if answered else []
    variables = {name: np.array([each[name] for each in answered]) for name in names}
    layout = result.layout
    if layout is not None and result.path:
        path = np.array([(x, y) for _, x, y, _ in result.path])
        offsets = layout.lateral_offsets_m(path)
        if offsets is not None:
            # The packet that ended the mission is answered by nobody.
            variables['offset from the road'] = offsets[: len(seen)][np.array(seen)]
    stamps = np.array([tick.command.stamp_ns for tick in ticks], np.int64)
    return CoreRecord(
        f'seed {seed}',
        (stamps - stamps[0]) / NANOSECONDS_PER_SECOND,
        [CoreTick(step.inputs, step.dt_s, *(step.scales or (None, None))) for step in steps],
        np.array([step.before for step in steps]),
        np.array([step.after for step in steps]),
        np.array([tick.command.values for tick in ticks]),
        np.array(pilot_in_flight.tau_s),
        list(pilot_in_flight.pictures),
        variables,
        result.outcome,
        result,
    )


class _RecordingPilot(InProcessPilot):
    """A pilot in one process that keeps its ticks.

    Args:
        pilot: the pilot file.
        simulation: the simulation whose camera the pilot sees.
        adapter: name of the vehicle adapter.
        adapting: see `InProcessPilot`.
        replace_stages: see `InProcessPilot`.
    """

    def __init__(
        self,
        pilot: PilotFile,
        simulation: Simulation,
        adapter: str,
        adapting: AdaptationSettings | None,
        replace_stages: Callable[[Stages], Stages] | None,
    ) -> None:
        self.core: RecordedCore

        def recorded(stages: Stages) -> Stages:
            stages = stages if replace_stages is None else replace_stages(stages)
            self.core = RecordedCore(stages.core)
            return stages._replace(core=self.core)

        super().__init__(pilot, simulation, adapter, adapting=adapting, replace_stages=recorded)
        self.engine.watch_picture = self._watch
        self.ticks: list[Tick] = []
        self.tau_s: list[npt.NDArray[np.float32]] = []
        self.pictures: list[npt.NDArray[np.float16] | None] = []
        self._picture: npt.NDArray[np.float16] | None = None

    def reset(self) -> None:
        """Prepare for the next mission, and forget the one before."""
        super().reset()
        self.core.steps.clear()
        self.ticks, self.tau_s, self.pictures = [], [], []

    def setpoint(self, packet: SensorPacket) -> Command | AttitudeThrust | None:
        """Return the setpoint in answer to a packet, and keep the tick."""
        setpoint = super().setpoint(packet)
        if packet.observation is not None and self.tick is not None:
            tick, step = self.tick, self.core.steps[-1]
            self.ticks.append(tick)
            self.tau_s.append(self.core.time_constants(tick.state.core, step.inputs, step.scales))
            # An encoder behind the temporal filter is given its potential.
            filtered = tick.state.frontend.temporal_filter
            picture = self._picture
            if filtered is not None:
                picture = np.asarray(filtered.potential, np.float16)
            self.pictures.append(picture)
        return setpoint

    def _watch(self, picture: npt.NDArray[np.float32]) -> None:
        self._picture = picture[0].astype(np.float16)
