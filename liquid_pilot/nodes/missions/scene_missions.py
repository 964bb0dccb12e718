"""Missions of a vehicle that moves elsewhere, through a scene that is drawn from its odometry."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from liquid_pilot.interfaces import ImageBuffer, VehicleState
from liquid_pilot.nodes.missions.mission_node import NoResponseError
from liquid_pilot.nodes.missions.mission_run import MissionRun, rounded
from liquid_pilot.nodes.missions.scene_node import SceneNode
from liquid_pilot.nodes.missions.scene_odometry import OdometryFaultError
from liquid_pilot.simulation.base.anchor import Anchor
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.mission import Mission
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.conditions.drawn import check_drawn
from liquid_pilot.simulation.external_vehicle import ExternalVehicleSimulation

_ENGAGE_PERIOD_S = 0.5
"""Period at which the guard is asked to engage, with `engage: true`, s."""
_SAME_S, _OTHER_S = 30.0, 2.0
"""Time after which the same text is shown again while a mission waits, and another text, s."""
_MIN_WAIT_S = 0.002
"""Shortest time between two frames in which messages are taken, s."""
_KEPT = 2000
"""Number of frames that the figures of drawing are taken from."""
_ENGAGE_HINT = 'the mission begins when the guard is engaged: `liquid-pilot engage`'


class SceneMissions(MissionRun):
    """A run of missions around a vehicle that moves elsewhere, on the wall clock."""

    _node: SceneNode

    def __init__(self, node: SceneNode, out: Path | None) -> None:
        """Prepare the drawing.

        Args:
            node: the node `scene`.
            out: the run folder; None: nothing is written.

        Raises:
            LiquidPilotError: a condition acts on the physics of the vehicle.
        """
        settings = node.settings.current
        conditions = parse(settings.condition)
        check_drawn(conditions)
        self._simulation = ExternalVehicleSimulation(
            SimulationSettings(
                vehicle=settings.vehicle,
                camera_width=settings.camera_width,
                camera_height=settings.camera_height,
                conditions=conditions,
            )
        )
        super().__init__(node, out, time.time_ns(), self._simulation.control_period_ns)
        self._engages_itself = settings.engage
        self._anchor = Anchor()
        self._due_s = 0.0
        self._shown, self._shown_s = '', -math.inf
        self._drawing_s: deque[float] = deque(maxlen=_KEPT)
        self._frame_s: deque[float] = deque(maxlen=_KEPT)

    def _simulator_context(self) -> ExternalVehicleSimulation:
        return self._simulation

    def _meta(self) -> dict[str, Any]:
        odometry, span_s = self._node.odometry, 0.0
        if len(self._frame_s) > 1:
            span_s = self._frame_s[-1] - self._frame_s[0]
        return {
            'simulator': 'scene',
            'mode': 'realtime',
            'anchor': self._settings.anchor,
            'odometry_topic': self._node.odometry_topic,
            'odometry_hz': rounded(odometry.rate_hz),
            'odometry_age_p50_ms': rounded(odometry.age_ms(0.5)),
            'odometry_age_p99_ms': rounded(odometry.age_ms(0.99)),
            'drawing_p50_ms': rounded(self._drawing_ms(0.5)),
            'drawing_p99_ms': rounded(self._drawing_ms(0.99)),
            'camera_hz': rounded((len(self._frame_s) - 1) / span_s if span_s else math.nan),
        }

    def _drawing_ms(self, quantile: float) -> float:
        """Return a quantile of the time from the instant of a frame to its publication, ms."""
        return 1e3 * float(np.quantile(self._drawing_s, quantile)) if self._drawing_s else math.nan

    def _fly(self, mission: Mission) -> None:
        node = self._node
        # A mission that was aborted, or a human, may have left the guard engaged.
        self._wait_until(lambda: node.guard_is_known, 'the guard does not report its state')
        node.stop_guard()
        self._simulation.reset(mission.seed, node.stamp_ns())
        node.reset_pilot()
        self._due_s = node.steady_s()
        try:
            self._hold_until_engaged(mission.seed)
            self._fly_engaged(mission)
        except OdometryFaultError as error:
            raise NoResponseError(str(error)) from None
        finally:
            self._release()

    def _release(self) -> None:
        """End a mission: the guard holds the vehicle until it is engaged again."""
        if self._node.spinner.stopping:
            return
        # Where one of them is gone, the reason of the mission's end says so already.
        with suppress(NoResponseError):
            self._node.stop_guard()
            # The pilot must not report a silent camera while the next world is built.
            self._node.reset_pilot()

    def _wait_until(self, condition: Callable[[], bool], problem: str) -> None:
        """Wait for something that takes a moment.

        Raises:
            NoResponseError: it takes longer than `startup_timeout_s`.
        """
        until_s = self._node.steady_s() + self._settings.startup_timeout_s
        while not condition():
            if self._node.steady_s() > until_s:
                raise NoResponseError(problem)
            self._node.wait(0.05)

    def _wait_for_tick(self) -> float:
        """Wait for the next frame's time, and return by how much it was missed, s."""
        node, period_s = self._node, 1.0 / self._simulation.settings.camera_rate_hz
        self._due_s += period_s
        # Odometry must arrive on a machine that is late, too.
        node.wait(max(self._due_s - node.steady_s(), _MIN_WAIT_S))
        while (left_s := self._due_s - node.steady_s()) > 0.0:
            node.wait(left_s)
        late_s = node.steady_s() - self._due_s
        if late_s > period_s:
            self._progress.behind_real_time(late_s)
            self._due_s += late_s
        return late_s

    # Before a mission

    def _hold_until_engaged(self, seed: int) -> None:
        """Draw the start of the course, wherever the vehicle is, until the guard is engaged."""
        node, simulation = self._node, self._simulation
        began_s = asked_s = node.steady_s()
        while True:
            self._wait_for_tick()
            node.check_alive()
            if node.conflict:
                raise NoResponseError(node.conflict)
            now_s = node.steady_s()
            if not node.odometry.is_alive(now_s):
                self._wait_for_odometry(seed)
                began_s = self._due_s = node.steady_s()
                continue
            stamp_ns, state = self._see()
            image = simulation.render_from(self._anchor.to_course(state))
            self._publish(image, stamp_ns, now_s)
            if node.newly_engaged:
                return
            problem = _ENGAGE_HINT
            if self._engages_itself:
                problem = self._not_at_rest(state)
                if not problem and now_s - asked_s > _ENGAGE_PERIOD_S:
                    asked_s = now_s
                    engaged, problem = node.engage(True)
                    if engaged:
                        return
                if now_s - began_s > self._settings.engage_timeout_s:
                    raise NoResponseError(
                        f'after {self._settings.engage_timeout_s:g} s the guard is not engaged: '
                        f'{problem or node.problems}'
                    )
            if problem:
                self._show(f'seed {seed}: {problem}')

    def _show(self, text: str) -> None:
        """Show what the mission waits for: at once, when it changes, and then from time to time."""
        now_s = self._node.steady_s()
        wait_s = _SAME_S if text == self._shown else _OTHER_S
        if now_s - self._shown_s > wait_s:
            self._shown, self._shown_s = text, now_s
            self._progress.waiting(text)

    def _wait_for_odometry(self, seed: int) -> None:
        """Wait for odometry before a mission.

        Raises:
            NoResponseError: there is none for `startup_timeout_s`.
        """
        node, timeout_s = self._node, self._settings.startup_timeout_s
        self._progress.waiting(f'seed {seed}: no odometry yet on {node.odometry_topic}')
        until_s = node.steady_s() + timeout_s
        while not node.odometry.is_alive(node.steady_s()):
            if node.steady_s() > until_s:
                raise NoResponseError(
                    f'no odometry on {node.odometry_topic} for {timeout_s:g} s: its source is not '
                    'connected to the vehicle, or does not know its position yet'
                )
            node.check_alive()
            node.wait(0.05)

    def _see(self) -> tuple[int, VehicleState]:
        """Return stamp and odometry of this instant, with the start of the course laid on it."""
        node, simulation = self._node, self._simulation
        stamp_ns = node.stamp_ns()
        state = node.odometry.at(node.steady_s(), stamp_ns)
        if self._settings.anchor == 'world':
            self._anchor = Anchor.world(simulation.layout, simulation.start)
        else:
            self._anchor = Anchor.on_vehicle(simulation.layout, simulation.start, state)
        return stamp_ns, state

    def _not_at_rest(self, state: VehicleState) -> str:
        """Return in words that the vehicle moves; empty while it is at rest."""
        speed = math.hypot(*state.velocity_flu_m_s)
        limit = self._settings.rest_speed_m_s
        return '' if speed < limit else f'the vehicle moves at {speed:.1f} m/s; waiting for rest'

    # A mission

    def _fly_engaged(self, mission: Mission) -> None:
        """Draw and score each tick, until the mission has an outcome."""
        node, simulation = self._node, self._simulation
        self._wait_for_tick()
        stamp_ns, state = self._see()
        node.odometry.clear()
        simulation.begin(self._anchor.to_course(state), stamp_ns)
        node.obstacles.publish(simulation.layout, stamp_ns, self._anchor.to_odometry)
        while True:
            started_s = node.steady_s()
            measured = map(self._anchor.to_course, node.odometry.pop())
            packet = simulation.follow(list(measured), self._anchor.to_course(state), stamp_ns)
            outcome = self._on_packet(mission, packet)
            if packet.observation is not None:
                self._publish(packet.observation.image, packet.observation.stamp_ns, started_s)
            if outcome is not None:
                return
            late_s = self._wait_for_tick()
            node.health.tick(node.steady_s(), max(0.0, late_s))
            node.check_alive()
            self._check_guard()
            node.odometry.check(node.steady_s())
            stamp_ns = node.stamp_ns()
            state = node.odometry.at(node.steady_s(), stamp_ns)

    def _check_guard(self) -> None:
        """Check that the pilot still has the vehicle.

        Raises:
            NoResponseError: a human, or the autopilot, has taken it.
        """
        if note := self._node.guard_note:
            if self._engages_itself:
                self._engages_itself = False
                self._progress.print_line(
                    'from now on a human has to engage the guard for each mission'
                )
            raise NoResponseError(note)

    def _publish(self, image: ImageBuffer, stamp_ns: int, started_s: float) -> None:
        """Publish a frame, and note how long it took since `started_s`."""
        self._node.publish_frame(image, self._simulation.camera, stamp_ns)
        now_s = self._node.steady_s()
        self._drawing_s.append(now_s - started_s)
        self._frame_s.append(now_s)
