"""The world of the embedded simulator around a vehicle that moves elsewhere.

Forest, road, camera, image faults, contacts and the progress on the route are those of the embedded
simulator. Nothing of the vehicle's physics is simulated: its poses are given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from liquid_pilot.interfaces import SensorPacket, VehicleState
from liquid_pilot.onboard.geometry import into_world
from liquid_pilot.simulation.base.condition import Condition
from liquid_pilot.simulation.conditions.drawn import check_drawn
from liquid_pilot.simulation.conditions.pipeline import ConditionPipeline
from liquid_pilot.simulation.mujoco.rendering import mujoco
from liquid_pilot.simulation.simulator import Scene, Simulation, contact_name, update_kinematics

_CONTACT_STEP_M = 0.04
"""Longest way between two poses whose contacts are looked for, m."""


class ExternalVehicleSimulation(Simulation):
    """The embedded simulator without physics: it draws and scores the poses that it is given.

    `reset` builds the scene of a seed. `render_from` draws a pose before a mission. `begin` starts
    the mission, and `follow` returns the sensor data of each tick. States are in the coordinates of
    the course.
    """

    def reset(
        self, seed: int, stamp_ns: int = 0, conditions: tuple[Condition, ...] | None = None
    ) -> SensorPacket:
        """Build the scene of a seed; see `Simulation.reset`.

        Raises:
            LiquidPilotError: if a condition acts on the vehicle, or is not of its task.
        """
        used = self.settings.conditions if conditions is None else conditions
        check_drawn(used)
        self._seed, self._used_conditions = seed, used
        packet = super().reset(seed, stamp_ns, conditions)
        self._newest = self.start = packet.state
        """State of the simulated vehicle at the start of the course."""
        return packet

    def begin(self, state: VehicleState, stamp_ns: int) -> None:
        """Start the mission: its clock, its route and its image faults begin anew.

        Args:
            state: newest measured state of the vehicle.
            stamp_ns: reading of the clock, ns.
        """
        assert self.layout is not None
        self._stamp_ns = self._start_ns = stamp_ns
        self._newest = state
        self.route_progress = self.task.route_progress(self.layout)
        self._conditions = ConditionPipeline(
            self._seed, self._used_conditions, self.camera, 1.0 / self.settings.physics_rate_hz
        )

    def follow(
        self, measured: Sequence[VehicleState], seen: VehicleState, stamp_ns: int
    ) -> SensorPacket:
        """Take the way that the vehicle has gone, and return the sensor data of this instant.

        Contacts are looked for along the straight lines between the measured states.

        Args:
            measured: the measured states since the last call; without one the last one counts.
            seen: state at this instant, from which the picture is drawn.
            stamp_ns: reading of the clock, ns.

        Returns:
            The frame, which may be an earlier one or missing by the conditions, without IMU
            samples; and the score at the last measured state.
        """
        scene = self._require_scene()
        contact = None
        for state in measured:
            contact = contact or self._contact_on_the_way(scene, self._newest, state)
            self._newest = state
        self._stamp_ns = stamp_ns
        _put(scene, seen)
        return self._sense(scene, self._newest._replace(stamp_ns=stamp_ns), seen, (), contact)

    @staticmethod
    def _contact_on_the_way(scene: Scene, begin: VehicleState, end: VehicleState) -> str | None:
        """Return the name of what the vehicle touches between two states; None: nothing."""
        a, b = begin.position_enu_m, end.position_enu_m
        steps = max(1, math.ceil(math.dist(a, b) / _CONTACT_STEP_M))
        for step in range(1, steps + 1):
            share = step / steps
            x, y, z = (p + share * (q - p) for p, q in zip(a, b, strict=True))
            _put(scene, end._replace(position_enu_m=(x, y, z)))
            mujoco.mj_collision(scene.model, scene.data)
            if scene.data.ncon:
                return contact_name(scene)
        return None


def _put(scene: Scene, state: VehicleState) -> None:
    """Put the vehicle into a state."""
    data = scene.data
    data.qpos[:7] = (*state.position_enu_m, *state.orientation_wxyz)
    data.qvel[:3] = into_world(state.orientation_wxyz, state.velocity_flu_m_s)
    data.qvel[3:6] = state.angular_velocity_flu_rad_s
    update_kinematics(scene)
