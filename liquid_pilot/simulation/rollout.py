"""One mission in one process, in lock-step: the reference that the ROS graph must reproduce.

Many missions, in one process or in several, are flown by `liquid_pilot.evaluation.runner`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

from liquid_pilot.interfaces import (
    NANOSECONDS_PER_SECOND,
    AttitudeThrust,
    Command,
    SensorPacket,
    VehicleLimits,
)
from liquid_pilot.onboard.adaptation.learner import Learner
from liquid_pilot.onboard.adaptation.learner_faults import checked_update, contained_faults
from liquid_pilot.onboard.adaptation.learner_messages import LearnerInput
from liquid_pilot.onboard.adaptation.learner_registry import make_learner
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.onboard.adaptation.time_scales import TimeScaleStore, capacitance_log_range
from liquid_pilot.onboard.inference.engine import Engine, Tick, learner_input_of
from liquid_pilot.onboard.inference.stages import Stages
from liquid_pilot.onboard.safety.guard import Guard
from liquid_pilot.onboard.setpoints.registry import make_adapter
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.base.condition import Condition
from liquid_pilot.simulation.base.mission import Mission, MissionResult
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.simulator import Simulation


class MissionPilot(Protocol):
    """The interface of a pilot that `fly_mission` needs."""

    command: Command | None
    """The last command that left the guard; None before the first one."""

    def reset(self) -> None:
        """Prepare for the next mission. The simulation has been reset already."""

    def warm_up(self) -> None:
        """Run everything once, so that the first tick of a mission takes no longer than others."""

    def setpoint(self, packet: SensorPacket) -> Command | AttitudeThrust | None:
        """Return the vehicle's setpoint in answer to a packet; None when it has no frame."""


class InProcessPilot:
    """Engine, learner, guard and vehicle adapter in one process, as the ROS graph connects them.

    Args:
        pilot: the pilot file.
        simulation: the simulation whose camera the pilot sees.
        adapter: a name of `onboard.setpoints`: 'cmd_vel' or 'attitude_thrust'.
        limits: limits of the guard; None: those of the pilot file.
        adapting: settings of a pilot that adapts; None: fly as trained.
        learner: the learner of an adapting pilot; None: the one that `adapting` names.
            It is reset after the simulation.
        keep_learned: whether the learner and its time scales outlive missions.
        replace_stages: replaces stages of the engine, see `Engine`.
    """

    def __init__(
        self,
        pilot: PilotFile,
        simulation: Simulation,
        adapter: str = 'cmd_vel',
        limits: VehicleLimits | None = None,
        adapting: AdaptationSettings | None = None,
        learner: Learner | None = None,
        keep_learned: bool = False,
        replace_stages: Callable[[Stages], Stages] | None = None,
    ) -> None:
        self.engine = Engine(
            pilot, simulation.camera, adaptation=adapting, replace_stages=replace_stages
        )
        self.learner: Learner | None = None
        if adapting is not None:
            statistics, neurons = pilot.require_statistics(), self.engine.scalable_neurons
            self.learner = learner or make_learner(
                adapting.rule, statistics, neurons, adapting.learner, pilot
            )
            self._learner_name = adapting.rule if learner is None else type(learner).__name__
            self._time_scale_store = TimeScaleStore(
                statistics.filter_tau_s.shape,
                neurons,
                log_cm_range=capacitance_log_range(pilot.specification),
            )
        self._simulation = simulation
        self._keep_learned = keep_learned
        self.adapter = make_adapter(adapter)
        self._limits = limits or pilot.specification.limits
        self.reset()

    def reset(self) -> None:
        """Prepare for the next mission: a network without a past, and an engaged guard."""
        self._state = self.engine.initial_state()
        self.tick: Tick | None = None
        """The last tick of the engine; None before the first one."""
        if self.learner is not None and self._keep_learned:
            self._time_scale_store.restart_sequence()
        elif self.learner is not None:
            with contained_faults(self._learner_name, 'reset'):
                self.learner.reset()
            self._time_scale_store.reset()
        self._sequence = 0
        self.command: Command | None = None
        """The last command that left the guard; None before the first one."""
        self.guard = Guard(self._limits)
        self.guard.engage(0.0)

    def warm_up(self) -> None:
        """Run the engine once, so that the first tick of a mission takes no longer than others."""
        self.engine.warm_up()

    def setpoint(self, packet: SensorPacket) -> Command | AttitudeThrust | None:
        """Return the vehicle's setpoint in answer to a packet; None when it has no frame."""
        if packet.observation is None:
            return None
        scales = None
        if self.learner is not None and self.tick is not None:
            scales = self._time_scale_store.scales(self._sequence, self.tick.dt_s)
        has_authority = self._simulation.pilot_has_authority
        tick = self.tick = self.engine.tick(self._state, packet.observation, scales, has_authority)
        self._state = tick.state
        self._sequence += 1
        if self.learner is not None:
            with contained_faults(self._learner_name, 'update'):
                update = checked_update(self.learner.update(self.learner_input(tick)))
                self._time_scale_store.accept(update, self._sequence)
        stamp_ns = tick.command.stamp_ns
        decision = self.guard.accept(tick.command, stamp_ns / NANOSECONDS_PER_SECOND)
        self.command = decision.command
        setpoint = self.adapter.convert(decision.command, packet.state)
        # The adapters that a simulated vehicle takes return one of these.
        return cast('Command | AttitudeThrust', setpoint)

    def learner_input(self, tick: Tick) -> LearnerInput:
        """Return the input of the learner from the last tick; a subclass may add to it."""
        return learner_input_of(tick, self._sequence)


def fly_mission(
    seed: int,
    simulation: Simulation,
    pilot: MissionPilot,
    rules: MissionRules | None = None,
    on_packet: Callable[[SensorPacket], None] | None = None,
    conditions: tuple[Condition, ...] | None = None,
    on_command: Callable[[Command], None] | None = None,
) -> MissionResult:
    """Fly one mission in this process, in lock-step.

    >>> from liquid_pilot import load_pilot
    >>> with Simulation() as simulation:
    ...     pilot = InProcessPilot(load_pilot('forest-ltc'), simulation)
    ...     result = fly_mission(7, simulation, pilot)
    >>> result.outcome
    'success'

    Args:
        seed: seed of the forest or road, and of all random numbers of the mission.
        simulation: the simulation; it is reset first.
        pilot: the pilot; it is reset after the simulation.
        rules: the rules of success and failure; None: those of the vehicle's task.
        on_packet: callback, called with each packet before the pilot answers it.
        conditions: the conditions of this mission; None: those of the simulation's settings.
        on_command: callback, called with each command as it left the guard.

    >>> from liquid_pilot.pilot_file import load, resolve
    >>> with Simulation() as simulation:
    ...     pilot = InProcessPilot(load(resolve('forest-ltc')), simulation)
    ...     result = fly_mission(10000, simulation, pilot, MissionRules(time_limit_s=1.0))
    >>> result.outcome, result.duration_s
    ('timeout', 1.0)
    """
    packet = simulation.reset(seed, conditions=conditions)
    pilot.reset()
    mission = Mission(seed, simulation.layout, rules or simulation.task.rules)
    while mission.update(packet) is None:
        if on_packet is not None:
            on_packet(packet)
        setpoint = pilot.setpoint(packet)
        if on_command is not None and setpoint is not None and pilot.command is not None:
            on_command(pilot.command)
        packet = simulation.advance(setpoint)
    return mission.result
