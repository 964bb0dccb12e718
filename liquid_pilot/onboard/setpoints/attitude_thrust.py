"""Setpoints for autopilots that take an attitude and a thrust, by a loop closed on odometry."""

from __future__ import annotations

from liquid_pilot.interfaces import AttitudeThrust, Command, ObservationError, VehicleState
from liquid_pilot.onboard.setpoints.velocity_controller import VelocityController, VelocityGains


class AttitudeThrustAdapter:
    """Converts a command to attitude (FLU to ENU) and mass-normalised thrust (m/s^2)."""

    name = 'attitude_thrust'
    needs_odometry = True

    def __init__(self, gains: VelocityGains | None = None) -> None:
        self._controller = VelocityController(gains)

    def convert(self, command: Command, state: VehicleState | None) -> AttitudeThrust:
        """Return the setpoint of `VelocityController`; raises ObservationError without odometry."""
        if state is None:
            raise ObservationError(
                'attitude_thrust needs odometry and none has come: check the topic `odom`'
            )
        return self._controller.attitude_thrust(command, state)
