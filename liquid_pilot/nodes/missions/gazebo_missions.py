"""Missions in Gazebo: each in a world of its own seed and a Gazebo process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from liquid_pilot.interfaces import (
    NANOSECONDS_PER_SECOND,
    Observation,
    SensorPacket,
    VehicleState,
)
from liquid_pilot.nodes.missions import gazebo_server
from liquid_pilot.nodes.missions.gazebo_node import GazeboNode
from liquid_pilot.nodes.missions.gazebo_server import GazeboServer
from liquid_pilot.nodes.missions.mission_node import NoResponseError
from liquid_pilot.nodes.missions.mission_run import MissionRun
from liquid_pilot.nodes.missions.world_folder import world_folder
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.mission import Mission
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.task import Layout
from liquid_pilot.simulation.conditions.pipeline import appearance_of
from liquid_pilot.simulation.gazebo import world as gazebo_world
from liquid_pilot.simulation.gazebo.program import find_gazebo
from liquid_pilot.simulation.gazebo.quadrotor import ODOMETRY_HZ
from liquid_pilot.simulation.tasks.registry import gazebo_task_of, task_of

_LOG = 'gazebo.log'
_POLL_PERIOD_S = 0.1
_WORLD_GAP_NS = NANOSECONDS_PER_SECOND
"""Gap in simulated time between two worlds, ns; time never jumps back."""
_ENGAGE_PERIOD_S = 0.25
"""Period at which the guard is asked to engage, s."""
_EXPECTED_ENGAGE_S = 8.0
"""Time within which the guard is expected to engage; later the reason is shown, s."""


class GazeboMissions(MissionRun):
    """A run of missions in Gazebo."""

    _node: GazeboNode

    def __init__(self, node: GazeboNode, out: Path | None) -> None:
        """Find Gazebo and check the conditions.

        Args:
            node: the node `gazebo`.
            out: the run folder; None: nothing is written.

        Raises:
            LiquidPilotError: Gazebo is not installed, or does not support a condition.
        """
        settings = node.settings.current
        gazebo_world.check_conditions(parse(settings.condition))
        super().__init__(node, out, NANOSECONDS_PER_SECOND, NANOSECONDS_PER_SECOND // ODOMETRY_HZ)
        self._program = find_gazebo()
        self._gazebo_task = gazebo_task_of(settings.vehicle)
        self._world = SimulationSettings(
            vehicle=settings.vehicle,
            camera_width=settings.camera_width,
            camera_height=settings.camera_height,
        )
        self._temp_folder = Path()
        self._last_odometry_s = self._simulated_s = self._flight_wall_s = 0.0
        self._images = 0

    @contextmanager
    def _simulator_context(self) -> Iterator[None]:
        with world_folder() as self._temp_folder:
            if self._out is not None:
                self._out.mkdir(parents=True, exist_ok=True)
            yield

    def _meta(self) -> dict[str, Any]:
        s = self._settings
        return {
            'simulator': 'gazebo',
            'mode': 'realtime',
            'render_engine': s.render_engine,
            'real_time_factor_asked_for': s.real_time_factor,
            'real_time_factor': _ratio(self._simulated_s, self._flight_wall_s),
            'camera_hz': _ratio(self._images, self._simulated_s),
        }

    def _fly(self, mission: Mission) -> None:
        node = self._node
        node.engage(False)
        self._wait_until_silent()
        self._progress.waiting(f'seed {mission.seed}: starting Gazebo')
        layout = mission.layout
        assert layout is not None
        server = self._start(mission.seed, layout)
        try:
            self._wait_for_clock(server)
            node.enable(True)
            node.reset_pilot()
            server.unpause(gazebo_world.WORLD_NAME, node.wait)
            self._hold_until_engaged(server, layout)
            self._fly_engaged(server, mission)
            node.forwarding = False
            node.engage(False)
        finally:
            node.forwarding = False
            server.end()
        self._wait_until_silent()

    def _wait_until_silent(self) -> None:
        """Wait until no Gazebo is running, and reset the pilot, which else misses a camera."""
        self._node.wait_for_silence()
        self._node.reset_pilot()

    def _start(self, seed: int, layout: Layout) -> GazeboServer:
        s = self._settings
        world = gazebo_world.write_world(
            self._temp_folder / f'world_{seed}',
            self._gazebo_task,
            layout,
            self._world,
            appearance_of(seed, self._conditions),
            s.render_engine,
            s.real_time_factor,
        )
        # The clock of this world begins where that of the last one ended.
        self._next_ns += _WORLD_GAP_NS
        self._last_odometry_s = self._node.steady_s()
        return GazeboServer(
            gazebo_server.command_line(
                self._program,
                world,
                s.render_engine,
                s.gui,
                self._next_ns / NANOSECONDS_PER_SECOND,
                seed + 1,
            ),
            (self._out or self._temp_folder) / _LOG,
        )

    def _wait_for_clock(self, server: GazeboServer) -> None:
        """Wait until Gazebo has loaded the world and the bridge has found it."""
        while self._node.clock_ns is None:
            self._wait_for_odometry(
                server,
                'no /clock: Gazebo does not load the world, or the bridge does not '
                'find Gazebo; last output of Gazebo',
            )

    def _wait_for_odometry(self, server: GazeboServer, problem: str) -> list[VehicleState]:
        """Return the odometry of the next poll period.

        Args:
            server: the running Gazebo.
            problem: first part of the error after a long silence.

        Raises:
            NoResponseError: no odometry has arrived for `gazebo_timeout_s`.
        """
        node, timeout_s = self._node, self._settings.gazebo_timeout_s
        node.wait(_POLL_PERIOD_S)
        server.check()
        states = node.pop_states()
        if states:
            self._last_odometry_s = node.steady_s()
        elif node.steady_s() - self._last_odometry_s > timeout_s:
            raise NoResponseError(f'for {timeout_s:g} s {problem}: {server.log_tail()}')
        return states

    def _hold_until_engaged(self, server: GazeboServer, layout: Layout) -> None:
        """Hold the vehicle at the start of the mission until the guard is engaged.

        A quadrotor sinks at first, while its motors spin up.
        """
        node, timeout_s = self._node, self._settings.gazebo_timeout_s
        until_s = node.steady_s() + timeout_s
        engage_s, problem = 0.0, 'the vehicle does not come to rest at its start'
        while not node.forwarding:
            for state in self._wait_for_odometry(server, 'no odometry; last output of Gazebo'):
                node.hold_command = self._gazebo_task.steer_to_start(state, layout)
                now_s = node.steady_s()
                if (
                    self._gazebo_task.at_start(state, layout)
                    and now_s - engage_s > _ENGAGE_PERIOD_S
                ):
                    engage_s = now_s
                    node.forwarding, problem = node.engage(True)
                if node.forwarding:
                    break
            if node.steady_s() > until_s:
                raise NoResponseError(f'after {timeout_s:g} s the guard is not engaged: {problem}')
            if until_s - node.steady_s() < timeout_s - _EXPECTED_ENGAGE_S:
                self._progress.stalled(node.problems or problem)

    def _fly_engaged(self, server: GazeboServer, mission: Mission) -> None:
        """Forward the commands of the guard and score every odometry."""
        node = self._node
        route_progress = task_of(self._settings.vehicle).route_progress(mission.layout)
        began_s = node.steady_s()
        first_ns: int | None = None
        node.pop_states()
        outcome = None
        while outcome is None:
            node.check_alive()
            for state in self._wait_for_odometry(server, 'no odometry; last output of Gazebo'):
                first_ns = first_ns or state.stamp_ns
                route_progress.update(state.position_enu_m)
                frame, observation = node.pop_frame(), None
                if frame is not None:
                    self._images += 1
                    observation = Observation(*frame, ())
                outcome = self._on_packet(
                    mission,
                    SensorPacket(
                        state.stamp_ns,
                        observation,
                        (),
                        state,
                        float(route_progress.remaining_m(state.position_enu_m)),
                        'something solid' if node.contact else route_progress.violation(state),
                    ),
                )
                for output in node.pop_outputs():
                    self._notes.on_output(output)
                if outcome is not None:
                    break
        self._flight_wall_s += node.steady_s() - began_s
        if first_ns is not None:
            self._simulated_s += (self._next_ns - first_ns) / NANOSECONDS_PER_SECOND


def _ratio(numerator: float, denominator: float) -> float | None:
    return round(numerator / denominator, 3) if denominator else None
