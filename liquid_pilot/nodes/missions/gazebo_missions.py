"""The missions that are flown in Gazebo: for each a forest of its seed and a Gazebo of its own."""

from __future__ import annotations

import tempfile
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
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.mission import Mission
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.task import Layout
from liquid_pilot.simulation.conditions.pipeline import appearance_of
from liquid_pilot.simulation.gazebo import world as gazebo_world
from liquid_pilot.simulation.gazebo.quadrotor import ODOMETRY_HZ
from liquid_pilot.simulation.tasks.registry import gazebo_task_of, task_of

_LOG = 'gazebo.log'
_POLL_PERIOD_S = 0.1
_WORLD_GAP_NS = NANOSECONDS_PER_SECOND
"""Time goes on from world to world, so that no node sees it jump back."""
_ENGAGE_PERIOD_S, _EXPECTED_ENGAGE_S = 0.25, 8.0
"""How often the guard is asked, and how long it takes until it lets the pilot fly, at most."""


class GazeboMissions(MissionRun):
    """See the module."""

    _node: GazeboNode

    def __init__(self, node: GazeboNode, out: Path | None) -> None:
        settings = node.settings.now
        gazebo_world.check_conditions(parse(settings.condition))
        super().__init__(node, out, NANOSECONDS_PER_SECOND, NANOSECONDS_PER_SECOND // ODOMETRY_HZ)
        self._program = gazebo_server.find_gazebo()
        self._place = gazebo_task_of(settings.vehicle)
        self._world = SimulationSettings(
            vehicle=settings.vehicle,
            camera_width=settings.camera_width,
            camera_height=settings.camera_height,
        )
        self._temp_folder = Path()
        self._heard_s = self._simulated_s = self._flight_wall_s = 0.0
        self._images = 0

    @contextmanager
    def _simulator_context(self) -> Iterator[None]:
        with tempfile.TemporaryDirectory(prefix='liquid_pilot_') as scratch:
            self._temp_folder = Path(scratch)
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
        server = self._start(mission.seed, mission.layout)
        try:
            self._wait_for_clock(server)
            node.enable(True)
            node.reset_pilot()
            server.unpause(gazebo_world.WORLD_NAME, node.wait)
            self._hold_until_engaged(server, mission.layout)
            self._fly_engaged(server, mission)
            node.forwarding = False
            node.engage(False)
        finally:
            node.forwarding = False
            server.end()
        self._wait_until_silent()

    def _wait_until_silent(self) -> None:
        """No Gazebo runs: the pilot is not to miss a camera."""
        self._node.wait_for_silence()
        self._node.reset_pilot()

    def _start(self, seed: int, layout: Layout) -> GazeboServer:
        s = self._settings
        world = gazebo_world.write_world(
            self._temp_folder / f'world_{seed}',
            layout,
            self._world,
            appearance_of(seed, self._conditions),
            s.render_engine,
            s.real_time_factor,
        )
        # The last mission's end is this one's beginning.
        self._next_ns += _WORLD_GAP_NS
        self._heard_s = self._node.steady_s()
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
        """Until Gazebo has loaded the world, and the bridge has found it."""
        while self._node.clock_ns is None:
            self._next(
                server,
                'no /clock: Gazebo does not load the world, or the bridge does not '
                'find Gazebo, which said last',
            )

    def _next(self, server: GazeboServer, otherwise: str) -> list[VehicleState]:
        """The odometry that comes within a while, if any; NoResponseError after long silence."""
        node, limit_s = self._node, self._settings.gazebo_timeout_s
        node.wait(_POLL_PERIOD_S)
        server.check()
        states = node.states()
        if states:
            self._heard_s = node.steady_s()
        elif node.steady_s() - self._heard_s > limit_s:
            raise NoResponseError(f'for {limit_s:g} s {otherwise}: {server.log_tail()}')
        return states

    def _hold_until_engaged(self, server: GazeboServer, layout: Layout) -> None:
        """Rest where the mission starts, until the guard lets the pilot fly.

        Motors that spin up let a quadrotor sink at first.
        """
        node, limit_s = self._node, self._settings.gazebo_timeout_s
        until_s = node.steady_s() + limit_s
        asked_s, problem = 0.0, 'the vehicle does not come to rest where it starts'
        while not node.forwarding:
            for state in self._next(server, 'no odometry; Gazebo said last'):
                node.steering = self._place.steer_to_start(state, layout)
                now_s = node.steady_s()
                if self._place.at_start(state, layout) and now_s - asked_s > _ENGAGE_PERIOD_S:
                    asked_s = now_s
                    node.forwarding, problem = node.engage(True)
                if node.forwarding:
                    break
            if node.steady_s() > until_s:
                raise NoResponseError(f'after {limit_s:g} s the guard is not engaged: {problem}')
            if until_s - node.steady_s() < limit_s - _EXPECTED_ENGAGE_S:
                self._progress.trouble(node.problems or problem)

    def _fly_engaged(self, server: GazeboServer, mission: Mission) -> None:
        """The guard's commands are flown; every odometry is scored."""
        node = self._node
        way = task_of(self._settings.vehicle).way(mission.layout)
        began_s, first_ns = node.steady_s(), None
        node.states()
        outcome = None
        while outcome is None:
            for state in self._next(server, 'no odometry; Gazebo said last'):
                first_ns = first_ns or state.stamp_ns
                way.update(state.position_enu_m)
                frame, seen = node.pop_frame(), None
                if frame is not None:
                    self._images += 1
                    seen = Observation(*frame, ())
                outcome = self._on_packet(
                    mission,
                    SensorPacket(
                        state.stamp_ns,
                        seen,
                        (),
                        state,
                        float(way.remaining_m(state.position_enu_m)),
                        'something solid' if node.touched else way.violation(state),
                    ),
                )
                if outcome is not None:
                    break
        self._flight_wall_s += node.steady_s() - began_s
        self._simulated_s += (self._next_ns - first_ns) / NANOSECONDS_PER_SECOND


def _ratio(above: float, below: float) -> float | None:
    return round(above / below, 3) if below else None
