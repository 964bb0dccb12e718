"""Missions in one process, in lock-step: the reference that the ROS graph must reproduce."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from liquid_pilot.interfaces import (
    NANOSECONDS_PER_SECOND,
    AttitudeThrust,
    Command,
    SensorPacket,
    VehicleLimits,
)
from liquid_pilot.onboard.adaptation.learner import TimeScaleLearner
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.onboard.adaptation.time_scales import TimeScaleStore
from liquid_pilot.onboard.inference.engine import Engine, Tick, learner_input_of
from liquid_pilot.onboard.safety.guard import Guard
from liquid_pilot.onboard.setpoints.registry import make_adapter
from liquid_pilot.pilot_file import PilotFile, load
from liquid_pilot.simulation.base.condition import Condition
from liquid_pilot.simulation.base.mission import Mission, MissionResult
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.utils.process_pool import spawned_pool


class InProcessPilot:
    """Engine, guard and vehicle adapter in one process: what the ROS graph spreads over nodes."""

    def __init__(
        self,
        pilot: PilotFile,
        simulation: Simulation,
        adapter: str = 'cmd_vel',
        limits: VehicleLimits | None = None,
        adapting: AdaptationSettings | None = None,
    ) -> None:
        self.engine = Engine(
            pilot, source_camera=simulation.camera, front=adapting and adapting.front
        )
        self.learner: TimeScaleLearner | None = None
        if adapting is not None:
            grid, neurons = (
                pilot.training_statistics.receptor_tau_s.shape,
                self.engine.scalable_neurons,
            )
            self.learner = TimeScaleLearner(pilot.training_statistics, neurons, adapting.learner)
            self._keeper = TimeScaleStore(grid, neurons)
        self.adapter = make_adapter(adapter)
        self._limits = limits or pilot.specification.limits
        self.reset()

    def reset(self) -> None:
        """Before a mission: a fresh network, and a guard engaged anew."""
        self._state = self.engine.initial_state()
        self.tick: Tick | None = None
        """The last one."""
        if self.learner is not None:
            self.learner.reset()
            self._keeper.reset()
        self._sequence = 0
        self.command: Command | None = None
        """What left the guard last."""
        self.guard = Guard(self._limits)
        self.guard.engage(0.0)

    def setpoint(self, packet: SensorPacket) -> Command | AttitudeThrust | None:
        """One tick: what the vehicle is told in answer to a packet; None when it has no frame."""
        if packet.observation is None:
            return None
        scales = None
        if self.learner is not None and self.tick is not None:
            scales = self._keeper.scales(self._sequence, self.tick.dt_s)
        tick = self.tick = self.engine.tick(self._state, packet.observation, scales)
        self._state = tick.state
        self._sequence += 1
        if self.learner is not None:
            self._keeper.accept(
                self.learner.add(learner_input_of(tick, self._sequence)), self._sequence
            )
        stamp_ns = tick.command.stamp_ns
        decision = self.guard.accept(tick.command, stamp_ns / NANOSECONDS_PER_SECOND)
        self.command = decision.command
        return self.adapter.convert(decision.command, packet.state)


def fly_mission(
    seed: int,
    simulation: Simulation,
    pilot: InProcessPilot,
    rules: MissionRules | None = None,
    on_packet: Callable[[SensorPacket], None] | None = None,
    conditions: tuple[Condition, ...] | None = None,
    on_command: Callable[[Command], None] | None = None,
) -> MissionResult:
    """Fly one mission in this process, in lock-step.

    Args:
        seed: of the forest and of all that is drawn at random in the flight.
        simulation: is reset first.
        pilot: likewise.
        rules: what counts as success; None: as the vehicle's task has it.
        on_packet: sees each packet before it is answered.
        conditions: of this flight; None for those of the simulation's settings.
        on_command: sees each command as it left the guard.
    """
    packet = simulation.reset(seed, conditions=conditions)
    pilot.reset()
    mission = Mission(seed, simulation.layout, rules or simulation.task.rules)
    while mission.update(packet) is None:
        if on_packet is not None:
            on_packet(packet)
        setpoint = pilot.setpoint(packet)
        if on_command is not None and setpoint is not None:
            on_command(pilot.command)
        packet = simulation.advance(setpoint)
    return mission.result


def fly_missions(
    seeds: Iterable[int],
    pilot: PilotFile,
    adapter: str = 'cmd_vel',
    workers: int = 1,
    rules: MissionRules | None = None,
    settings: SimulationSettings | None = None,
    on_result: Callable[[MissionResult], None] | None = None,
) -> list[MissionResult]:
    """Fly many missions, in this process or in several; results in the order of the seeds.

    Args:
        seeds: one mission each.
        pilot: who flies.
        adapter: a name of `onboard.setpoints`: 'cmd_vel' or 'attitude_thrust'.
        workers: processes; with 1 everything happens in this one.
        rules: what counts as success; None: as the vehicle's task has it.
        settings: the simulation's; None: those of the pilot's vehicle.
        on_result: called with each result as it comes, in the order of the seeds.
    """
    seeds, results = list(seeds), []
    settings = settings or SimulationSettings(vehicle=pilot.specification.vehicle)
    if workers <= 1:
        with Simulation(settings) as simulation:
            flier = InProcessPilot(pilot, simulation, adapter)
            for seed in seeds:
                results.append(fly_mission(seed, simulation, flier, rules))
                if on_result:
                    on_result(results[-1])
        return results
    arguments = (str(pilot.path), adapter, rules, settings)
    with spawned_pool(min(workers, len(seeds) or 1), _start_worker, arguments) as pool:
        for result in pool.map(_fly_in_worker, seeds):
            results.append(result)
            if on_result:
                on_result(result)
    return results


_worker: dict[str, object] = {}


def _start_worker(
    path: str, adapter: str, rules: MissionRules | None, settings: SimulationSettings | None
) -> None:
    simulation = Simulation(settings)
    _worker.update(
        simulation=simulation, rules=rules, flier=InProcessPilot(load(path), simulation, adapter)
    )


def _fly_in_worker(seed: int) -> MissionResult:
    return fly_mission(seed, _worker['simulation'], _worker['flier'], _worker['rules'])
