"""For autopilots that take an attitude and a thrust: closes the velocity loop on odometry."""

from __future__ import annotations

from liquid_pilot.interfaces import AttitudeThrust, Command, ObservationError, VehicleState
from liquid_pilot.onboard.setpoints.velocity_controller import VelocityController, VelocityGains


class AttitudeThrustAdapter:
    """Body velocity and odometry -> attitude (FLU to ENU) and mass-normalised thrust (m/s^2)."""

    name = 'attitude_thrust'
    needs_odometry = True

    def __init__(self, gains: VelocityGains | None = None) -> None:
        self._controller = VelocityController(gains)

    def convert(self, command: Command, state: VehicleState | None) -> AttitudeThrust:
        """See VelocityController.attitude_thrust; ObservationError without odometry."""
        if state is None:
            raise ObservationError(
                'attitude_thrust needs odometry and none has come: check the topic `odom`'
            )
        return self._controller.attitude_thrust(command, state)
