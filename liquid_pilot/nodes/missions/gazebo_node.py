"""The ROS side of a flight in Gazebo: the data of the bridge, and a watchdog for the commands.

The velocity controller of Gazebo holds the last twist forever. Therefore the guard does not command
it directly. This node forwards the commands of the guard, and lets the vehicle hover when no recent
one has arrived.
"""

from __future__ import annotations

from dataclasses import dataclass

from geometry_msgs.msg import Twist, TwistStamped
from nav_msgs.msg import Odometry
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from std_msgs.msg import Bool

from liquid_pilot.interfaces import (
    NANOSECONDS_PER_SECOND,
    Command,
    ImageBuffer,
    LiquidPilotError,
    VehicleState,
)
from liquid_pilot.nodes.common import messages, qos, topics
from liquid_pilot.nodes.common.flight_settings import FlightSettings
from liquid_pilot.nodes.common.parameters import Settings
from liquid_pilot.nodes.missions.mission_node import MissionNode, MissionParameters
from liquid_pilot.onboard.vehicles.registry import get_vehicle
from liquid_pilot.simulation.gazebo.sdf import RENDER_ENGINES
from liquid_pilot.utils.settings import setting, setting_from

_SILENCE_WINDOW_S = 0.25
"""Time without a clock after which Gazebo counts as silent, s."""
_MAX_SILENCE_WAIT_S = 3.0
"""Time after which a Gazebo that is not silent belongs to another run, s."""
_ZERO_COMMAND = Command(0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class GazeboParameters(MissionParameters):
    """Parameters of the node that runs missions in Gazebo."""

    gui: bool = setting_from(FlightSettings, 'gui')
    render_engine: str = setting(
        'ogre2',
        'renderer of the camera; ogre is for machines without OpenGL 3.3 and needs an X server',
        choices=RENDER_ENGINES,
    )
    real_time_factor: float = setting(
        1.0,
        'speed of simulated time; below 1 where the machine does not keep up',
        low=0.01,
        high=100.0,
    )
    command_timeout_s: float = setting(
        0.5,
        'without a command of the guard for this long the vehicle hovers',
        's',
        low=0.02,
        high=10.0,
    )
    watchdog_rate_hz: float = setting(
        20.0, 'rate at which the age of the last command is checked', 'Hz', low=2.0, high=200.0
    )
    gazebo_timeout_s: float = setting(
        60.0,
        'longest wait for Gazebo at the start of a mission, and for the guard to engage',
        's',
        low=1.0,
        high=600.0,
    )


class GazeboNode(MissionNode):
    """Receives the vehicle's data through the bridge and forwards commands to it."""

    parameters = GazeboParameters
    settings: Settings[GazeboParameters]

    def __init__(self) -> None:
        """Create publishers and subscriptions."""
        super().__init__('gazebo')
        self.adapter, self.setpoint_topic = (
            get_vehicle(self.settings.current.vehicle).gazebo_adapter,
            topics.CMD_VEL,
        )
        self.forwarding = False
        """Whether the commands of the guard are forwarded; otherwise `hold_command` is sent."""
        self.hold_command = _ZERO_COMMAND
        """Command before and after a mission, along the axes of the body."""
        self.clock_ns: int | None = None
        """Newest simulated time in ns; None before the first."""
        self.contact = False
        """Whether the vehicle has touched anything."""
        self._states: list[VehicleState] = []
        self._outputs: list[Command] = []
        self._frame: tuple[int, ImageBuffer] | None = None
        self._forwarded_s = -1.0
        self._twists = self.create_publisher(Twist, topics.GAZEBO_TWIST, qos.COMMAND)
        self._enables = self.create_publisher(Bool, topics.GAZEBO_ENABLE_MOTORS, qos.COMMAND)
        self.create_subscription(TwistStamped, self.setpoint_topic, self._on_setpoint, qos.COMMAND)
        self.create_subscription(Odometry, topics.ODOMETRY, self._on_odometry, qos.SENSOR)
        self.create_subscription(Image, topics.IMAGE, self._on_image, qos.IMAGE)
        self.create_subscription(Bool, topics.GAZEBO_CONTACT, self._on_contact, qos.COMMAND)
        self.create_subscription(Clock, topics.CLOCK, self._on_clock, qos.CLOCK_BEST_EFFORT)
        self.create_steady_timer(1.0 / self.settings.current.watchdog_rate_hz, self._watchdog)

    # Callbacks

    def _on_setpoint(self, message: TwistStamped) -> None:
        if self.forwarding:
            self._forwarded_s = self.steady_s()
            self._twists.publish(message.twist)
            self._outputs.append(messages.unpack_command(message))

    def _on_odometry(self, message: Odometry) -> None:
        self._states.append(messages.unpack_odometry(message))
        self.spinner.wake()

    def _on_image(self, message: Image) -> None:
        self._frame = messages.unpack_image(message)

    def _on_contact(self, message: Bool) -> None:
        self.contact |= message.data

    def _on_clock(self, message: Clock) -> None:
        self.clock_ns = messages.to_nanoseconds(message.clock)

    def _watchdog(self) -> None:
        if not self.forwarding:
            self._twists.publish(messages.pack_twist(self.hold_command))
        elif self.steady_s() - self._forwarded_s > self.settings.current.command_timeout_s:
            self._twists.publish(messages.pack_twist(_ZERO_COMMAND))

    # For the run of missions

    def reset_observations(self) -> None:
        """Discard all that has been received, before another world starts."""
        self.forwarding, self.hold_command = False, _ZERO_COMMAND
        self.clock_ns, self.contact, self._frame = None, False, None
        self._states.clear()
        self._outputs.clear()

    def pop_outputs(self) -> list[Command]:
        """Return the commands of the guard that were forwarded since the last call."""
        new, self._outputs = self._outputs, []
        return new

    def pop_states(self) -> list[VehicleState]:
        """Return the odometry since the last call."""
        new, self._states = self._states, []
        return new

    def pop_frame(self) -> tuple[int, ImageBuffer] | None:
        """Return the newest frame since the last call; None without one."""
        frame, self._frame = self._frame, None
        return frame

    def enable(self, on: bool) -> None:
        """Enable or disable the motors."""
        self._enables.publish(Bool(data=bool(on)))

    def wait_for_silence(self) -> None:
        """Wait until the Gazebo that has just ended is silent, and discard what it sent.

        Raises:
            LiquidPilotError: a Gazebo is still running; it belongs to another run.
            StopRequestedError: the user asked to stop.
        """
        until_s = self.steady_s() + _MAX_SILENCE_WAIT_S
        while True:
            self.reset_observations()
            silent_s = self.steady_s() + _SILENCE_WINDOW_S
            while (left_s := silent_s - self.steady_s()) > 0.0:
                self.wait(left_s)
            if self.clock_ns is None:
                return
            if self.steady_s() > until_s:
                raise LiquidPilotError(
                    f'another Gazebo is running (its clock is at '
                    f'{self.clock_ns / NANOSECONDS_PER_SECOND:g} s): end it, or set GZ_PARTITION '
                    'to another name for one of them'
                )

    def _missing_parts(self) -> list[str]:
        space = self.get_namespace().rstrip('/')
        missing = super()._missing_parts()
        silent = [
            f'{space}/{topic}'
            for topic in (topics.IMAGE, topics.IMU, topics.ODOMETRY)
            if not self.count_publishers(topic)
        ]
        if silent or not self._twists.get_subscription_count():
            reason = (
                f'no publisher of {", ".join(silent)}'
                if silent
                else f'no subscriber of {space}/{topics.GAZEBO_TWIST}'
            )
            missing.append(f'the bridge ({reason}; config/gazebo_bridge.yaml)')
        return missing
