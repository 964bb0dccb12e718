"""The ROS side of a flight in Gazebo: what the bridge brings, and the watchdog in front of it.

Gazebo's velocity controller holds the last twist for ever. So the guard does not command it: what
the guard sends passes through here, and when nothing fresh comes the vehicle is told to hover.
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
from liquid_pilot.nodes.common import messages, qos
from liquid_pilot.nodes.common.parameters import parameter
from liquid_pilot.nodes.missions.mission_node import MissionNode, MissionParameters
from liquid_pilot.onboard.vehicles.registry import get_vehicle
from liquid_pilot.simulation.gazebo.sdf import RENDER_ENGINES

TWIST_TOPIC, ENABLE_TOPIC, CONTACT_TOPIC = 'gazebo/twist', 'gazebo/enable', 'gazebo/touched'
"""Topics between this node and the bridge (config/gazebo_bridge.yaml)."""
_SILENCE_WINDOW_S, _MAX_SILENCE_WAIT_S = 0.25, 3.0
_ZERO_COMMAND = Command(0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class GazeboParameters(MissionParameters):
    """Parameters of the node that has missions flown in Gazebo."""

    gui: bool = parameter(False, "with Gazebo's own window; false: no window, no screen needed")
    render_engine: str = parameter(
        'ogre2',
        'what draws the camera: ogre2, or ogre where a machine has no more (it wants an X server)',
        choices=RENDER_ENGINES,
    )
    real_time_factor: float = parameter(
        1.0,
        'how fast time is to pass; less where the machine does not keep up',
        low=0.01,
        high=100.0,
    )
    command_timeout_s: float = parameter(
        0.5,
        'without a command of the guard for this long the vehicle is told to hover',
        's',
        low=0.02,
        high=10.0,
    )
    watchdog_rate_hz: float = parameter(
        20.0, 'how often that is looked at', 'Hz', low=2.0, high=200.0
    )
    gazebo_timeout_s: float = parameter(
        60.0,
        'how long to wait for Gazebo at the start of a mission, and for the guard to be engaged',
        's',
        low=1.0,
        high=600.0,
    )


class GazeboNode(MissionNode):
    """Hears the vehicle through the bridge and hands commands on to it."""

    parameters = GazeboParameters

    def __init__(self) -> None:
        super().__init__('gazebo')
        self.adapter, self.setpoint_topic = get_vehicle(self.settings.now.vehicle).gazebo, 'cmd_vel'
        self.forwarding = False
        """Whether the guard's commands are handed on; otherwise `steering` is."""
        self.steering = _ZERO_COMMAND
        """What is flown before and after a mission, along the body's axes."""
        self.clock_ns: int | None = None
        self.touched = False
        self._states: list[VehicleState] = []
        self._frame: tuple[int, ImageBuffer] | None = None
        self._forwarded_s = -1.0
        self._twists = self.create_publisher(Twist, TWIST_TOPIC, qos.COMMAND)
        self._enables = self.create_publisher(Bool, ENABLE_TOPIC, qos.COMMAND)
        self.create_subscription(TwistStamped, self.setpoint_topic, self._on_setpoint, qos.COMMAND)
        self.create_subscription(Odometry, 'odom', self._on_odometry, qos.SENSOR)
        self.create_subscription(Image, 'camera/image_raw', self._on_image, qos.IMAGE)
        self.create_subscription(Bool, CONTACT_TOPIC, self._on_contact, qos.COMMAND)
        self.create_subscription(Clock, '/clock', self._on_clock, qos.CLOCK_BEST_EFFORT)
        self.every(1.0 / self.settings.now.watchdog_rate_hz, self._watch)

    # Callbacks

    def _on_setpoint(self, message: TwistStamped) -> None:
        if self.forwarding:
            self._forwarded_s = self.steady_s()
            self._twists.publish(message.twist)

    def _on_odometry(self, message: Odometry) -> None:
        self._states.append(messages.unpack_odometry(message))
        self.spinner.wake()

    def _on_image(self, message: Image) -> None:
        self._frame = messages.unpack_image(message)

    def _on_contact(self, message: Bool) -> None:
        self.touched |= message.data

    def _on_clock(self, message: Clock) -> None:
        self.clock_ns = messages.to_nanoseconds(message.clock)

    def _watch(self) -> None:
        if not self.forwarding:
            self._twists.publish(messages.pack_twist(self.steering))
        elif self.steady_s() - self._forwarded_s > self.settings.now.command_timeout_s:
            self._twists.publish(messages.pack_twist(_ZERO_COMMAND))

    # For whoever runs the missions

    def forget(self) -> None:
        """Nothing has been heard yet: another world is about to start."""
        self.forwarding, self.steering = False, _ZERO_COMMAND
        self.clock_ns, self.touched, self._frame = None, False, None
        self._states.clear()

    def states(self) -> list[VehicleState]:
        """Odometry since the last call."""
        new, self._states = self._states, []
        return new

    def pop_frame(self) -> tuple[int, ImageBuffer] | None:
        """The newest frame since the last call."""
        frame, self._frame = self._frame, None
        return frame

    def enable(self, on: bool) -> None:
        """Let the motors turn, or stop them."""
        self._enables.publish(Bool(data=bool(on)))

    def wait_for_silence(self) -> None:
        """Until the Gazebo that has just ended is no longer heard, and nothing of it is kept.

        LiquidPilotError when one goes on: it is not of this run.
        """
        until_s = self.steady_s() + _MAX_SILENCE_WAIT_S
        while True:
            self.forget()
            quiet_s = self.steady_s() + _SILENCE_WINDOW_S
            while (left_s := quiet_s - self.steady_s()) > 0.0:
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
        gaps = super()._missing_parts()
        silent = [
            f'{space}/{topic}'
            for topic in ('camera/image_raw', 'imu/data', 'odom')
            if not self.count_publishers(topic)
        ]
        if silent or not self._twists.get_subscription_count():
            what = (
                f'nobody publishes {", ".join(silent)}'
                if silent
                else f'nobody listens to {space}/{TWIST_TOPIC}'
            )
            gaps.append(f'the bridge ({what}; config/gazebo_bridge.yaml)')
        return gaps
