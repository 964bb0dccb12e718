"""Output to MAVROS: velocities, or attitude and thrust, out; the status of the autopilot in.

MAVROS is a program beside the guard. Whether the vehicle flies is in `mavros/extended_state`, which
comes only if the autopilot sends EXTENDED_SYS_STATE. ArduPilot does not by itself, so that it is
asked through MAVROS.
"""

from __future__ import annotations

import importlib
import math
from typing import Any

from geometry_msgs.msg import TwistStamped
from rclpy.client import Client
from rclpy.duration import Duration
from rclpy.publisher import Publisher
from rclpy.task import Future

from liquid_pilot.nodes.common import messages, node_base, qos
from liquid_pilot.nodes.common.message_types import import_message_type
from liquid_pilot.nodes.outputs.autopilots import StatusSubscription, subscribe_status
from liquid_pilot.nodes.outputs.base import PublisherOutput
from liquid_pilot.onboard.safety.preflight import VehicleStatus
from liquid_pilot.onboard.setpoints.attitude_target import AttitudeTarget, attitude_mask
from liquid_pilot.onboard.setpoints.mavlink import OFFBOARD_MODES
from liquid_pilot.onboard.setpoints.mavlink_messages import AIRBORNE
from liquid_pilot.onboard.setpoints.world_velocity import VelocityEnu
from liquid_pilot.utils.foreign_text import plain_text

EXTENDED_SYS_STATE, EXTENDED_STATE_HZ = 245, 2.0
"""Number of the MAVLink message with the landed state, and the rate that is asked for, Hz."""
REQUEST_PERIOD_S = 5.0
"""Time between two requests for the landed state, s."""


class MavrosOutput(PublisherOutput):
    """Publishes velocities in the world (default `mav_frame` of MAVROS), or attitude and thrust.

    With attitudes, a standstill without odometry arrives as a velocity, and is published as one.
    """

    def __init__(self, node: node_base.LiquidNode, attitude: bool) -> None:
        """Create the publishers and subscribe to the status.

        Args:
            node: the guard node.
            attitude: attitude and thrust (else velocities).

        Raises:
            LiquidPilotError: mavros_msgs is needed and not installed.
        """
        self._node = node
        self._attitudes: tuple[type[Any], Publisher] | None = None
        if attitude:
            kind = import_message_type('mavros_msgs/msg/AttitudeTarget')
            self._attitudes = (
                kind,
                node.create_publisher(kind, 'mavros/setpoint_raw/attitude', qos.COMMAND),
            )
        self._publisher = node.create_publisher(
            TwistStamped, 'mavros/setpoint_velocity/cmd_vel', qos.COMMAND
        )
        self._state = subscribe_status(node, 'mavros_msgs/msg/State', 'mavros/state', mavros_status)
        self._landed: StatusSubscription | None = None
        self._interval: tuple[type[Any], Client] | None = None
        self._asked_s = -math.inf
        self._answer: Future | None = None
        if self._state is not None:
            self._landed = subscribe_status(
                node, 'mavros_msgs/msg/ExtendedState', 'mavros/extended_state', mavros_landed
            )
            service = importlib.import_module('mavros_msgs.srv').MessageInterval
            self._interval = (
                service,
                node.create_client(service, 'mavros/set_message_interval'),
            )

    @property
    def status(self) -> VehicleStatus | None:
        """The status of `mavros/state` and `extended_state`; None where the types are missing."""
        if self._state is None:
            return None
        status = self._state.status
        if self._landed is None:
            return status
        return status._replace(airborne=self._landed.status.airborne)

    def send(self, setpoint: VelocityEnu | AttitudeTarget) -> None:
        """Publish one setpoint."""
        if not isinstance(setpoint, AttitudeTarget):
            self._publisher.publish(
                messages.pack_world_twist(
                    setpoint.stamp_ns, setpoint.velocity_enu_m_s, setpoint.yaw_rate_rad_s
                )
            )
        elif self._attitudes is not None:
            kind, publisher = self._attitudes
            status = self.status
            ardupilot = status is not None and status.mode.startswith('GUIDED')
            publisher.publish(pack_mavros_attitude(kind, setpoint, ardupilot))

    def on_decision(self) -> None:
        """Ask for the landed state while it is missing; MAVROS has a heartbeat of its own."""
        now_s = self._node.steady_s()
        if self._interval is None or now_s - self._asked_s < REQUEST_PERIOD_S:
            return
        status = self.status
        if status is None or not status.connected or status.airborne is not None:
            return
        service, client = self._interval
        if client.service_is_ready():
            self._asked_s = now_s
            if self._answer is not None:
                client.remove_pending_request(self._answer)
            self._answer = client.call_async(
                service.Request(message_id=EXTENDED_SYS_STATE, message_rate=EXTENDED_STATE_HZ)
            )

    def flush(self, timeout_ns: int) -> None:
        """Wait until all subscribers have acknowledged what was sent, or until the time-out."""
        super().flush(timeout_ns)
        if self._attitudes is not None:
            self._attitudes[1].wait_for_all_acked(Duration(nanoseconds=timeout_ns))


def mavros_status(message: Any) -> VehicleStatus:
    """Convert mavros_msgs/State to a VehicleStatus.

    Setpoints are accepted in the mode OFFBOARD by PX4 and in GUIDED by ArduPilot.
    """
    mode = plain_text(message.mode)
    return VehicleStatus(bool(message.connected), bool(message.armed), mode, mode in OFFBOARD_MODES)


def mavros_landed(message: Any) -> VehicleStatus:
    """Convert mavros_msgs/ExtendedState, which has MAVLink's landed state, to `airborne`."""
    return VehicleStatus(airborne=AIRBORNE.get(message.landed_state))


def pack_mavros_attitude(kind: Any, setpoint: AttitudeTarget, ardupilot: bool) -> Any:
    """Convert an AttitudeTarget (FLU to ENU) to mavros_msgs/AttitudeTarget.

    MAVROS rotates the attitude into the frames of the autopilot and scales the thrust.

    Args:
        kind: class of the message.
        setpoint: the setpoint.
        ardupilot: whether the autopilot is ArduPilot.
    """
    message = kind(
        type_mask=attitude_mask(ardupilot),
        thrust=float(setpoint.thrust),
        orientation=messages.pack_quaternion(setpoint.orientation_wxyz),
    )
    message.header.stamp = messages.to_time(setpoint.stamp_ns)
    message.body_rate.z = float(setpoint.yaw_rate_rad_s)
    return message
