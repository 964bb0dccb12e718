"""Missions in the embedded simulator, in lock-step or in real time."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND, SensorPacket
from liquid_pilot.nodes.missions.mission_node import NoResponseError
from liquid_pilot.nodes.missions.mission_run import MissionRun
from liquid_pilot.nodes.missions.simulator_node import SimulatorNode, shift_stamps
from liquid_pilot.simulation.base.action_noise import ActionNoise
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.mission import Mission
from liquid_pilot.simulation.base.random_streams import random_stream
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.simulation.tasks.registry import action_noise_of

_FIRST_STAMP_NS = NANOSECONDS_PER_SECOND
"""Stamp of the first packet, ns; not zero, which ROS takes for a clock that is not set."""
_LISTEN_S = 0.002
"""Shortest time in which callbacks run between two ticks in real time, s."""
_ENGAGE_PERIOD_S = 0.25
"""Period at which the guard is asked to engage in real time, s."""


class SimulatorMissions(MissionRun):
    """A run of missions in the embedded simulator."""

    _node: SimulatorNode

    def __init__(self, node: SimulatorNode, out: Path | None) -> None:
        """Create the simulation.

        Args:
            node: the simulator node.
            out: the run folder; None: nothing is written.
        """
        settings = node.settings.current
        self._simulation = Simulation(
            SimulationSettings(
                vehicle=settings.vehicle,
                camera_width=settings.camera_width,
                camera_height=settings.camera_height,
                conditions=parse(settings.condition),
            )
        )
        super().__init__(
            node,
            out,
            _FIRST_STAMP_NS if settings.publish_clock else time.time_ns(),
            self._simulation.control_period_ns,
        )
        self._answered = False

    def _simulator_context(self) -> Simulation:
        return self._simulation

    def _meta(self) -> dict[str, Any]:
        return {'mode': 'realtime' if self._settings.realtime else 'lockstep'}

    def _fly(self, mission: Mission) -> None:
        packet = self._simulation.reset(mission.seed, self._next_ns)
        self._node.obstacles.publish(self._simulation.layout, packet.stamp_ns)
        if self._settings.realtime:
            self._fly_in_real_time(mission, packet)
        else:
            self._fly_in_lockstep(mission, packet)

    def _fly_in_lockstep(self, mission: Mission, packet: SensorPacket) -> None:
        node, simulation = self._node, self._simulation
        node.reset_pilot()
        for on in (False, True):
            done, message = node.engage(on)
            if not done:
                raise NoResponseError(f'the guard cannot be engaged: {message}')
        steer = self._expert_steering(mission.seed)
        while self._on_packet(mission, packet) is None:
            timeout_s = (
                self._settings.response_timeout_s
                if self._answered
                else max(self._settings.response_timeout_s, self._settings.startup_timeout_s)
            )
            setpoint = node.exchange(
                packet,
                simulation.camera,
                timeout_s,
                self._progress.stalled,
                None if steer is None else functools.partial(steer, packet),
            )
            self._answered = True
            self._notes.on_output(setpoint)
            packet = simulation.advance(setpoint)

    def _expert_steering(self, seed: int) -> Callable[[SensorPacket], None] | None:
        """Return the function that commands in place of a pilot in a demonstration, else None.

        It publishes the expert's command and the same command with the action noise of training.
        """
        if not self._settings.demonstrate:
            return None
        period_s = self._simulation.control_period_ns / NANOSECONDS_PER_SECOND
        expert = self._simulation.task.expert(self._simulation.layout)
        inject = ActionNoise(
            action_noise_of(self._settings.vehicle, self._settings.disturbance),
            random_stream(seed, 'injector'),
            period_s,
        )

        def steer(packet: SensorPacket) -> None:
            label = expert.command(packet.state)
            self._node.publish_expert(label, inject(label))

        return steer

    def _fly_in_real_time(self, mission: Mission, packet: SensorPacket) -> None:
        """Fly on the wall clock: without a setpoint in time the vehicle's own failsafe acts."""
        node, simulation = self._node, self._simulation
        period_s = simulation.control_period_ns / NANOSECONDS_PER_SECOND
        node.reset_pilot()
        # A mission that was aborted, or somebody else, may have left the guard engaged.
        node.engage(False)
        node.pop_setpoint()
        # Stamps of the system clock must not lag behind by the time that building the world took.
        shift_ns = 0 if self._settings.publish_clock else time.time_ns() - packet.stamp_ns
        engaged, message = False, ''
        start_s = due_s = node.steady_s()
        engage_s = start_s
        expert = simulation.task.expert(simulation.layout) if node.shows_expert else None
        while True:
            packet = shift_stamps(packet, shift_ns)
            node.check_alive()
            if engaged and self._on_packet(mission, packet) is not None:
                break
            node.publish(packet, simulation.camera)
            if expert is not None:
                node.show_expert(expert.command(packet.state))
            due_s += period_s
            # Even when it is late it listens, or what the guard reports would seem to be missing.
            node.wait(max(due_s - node.steady_s(), _LISTEN_S))
            while (left_s := due_s - node.steady_s()) > 0.0:
                node.wait(left_s)
            late_s = node.steady_s() - due_s
            if late_s > period_s:
                self._progress.behind_real_time(late_s)
                due_s += late_s
                if not self._settings.publish_clock:
                    shift_ns += int(late_s * NANOSECONDS_PER_SECOND)
            setpoint = node.pop_setpoint()
            self._notes.on_output(setpoint)
            if not engaged and node.steady_s() - engage_s > _ENGAGE_PERIOD_S:
                # Until commands of the pilot arrive the guard refuses, and the vehicle hovers.
                engage_s = node.steady_s()
                engaged, message = node.engage(True)
                if not engaged and engage_s - start_s > self._settings.startup_timeout_s:
                    raise NoResponseError(f'{message}; {node.problems}'.rstrip('; '))
            node.health.tick(node.steady_s(), max(0.0, late_s))
            packet = simulation.advance(setpoint)
        node.engage(False)
        # The pilot must not report a silent camera while the next world is built.
        node.reset_pilot()
