"""The ROS side of the embedded simulator: publishes sensor data and waits for setpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rclpy.publisher import Publisher
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, Imu
from trajectory_msgs.msg import MultiDOFJointTrajectory

from liquid_pilot.interfaces import (
    AttitudeThrust,
    CameraGeometry,
    Command,
    ImuSample,
    Observation,
    SensorPacket,
)
from liquid_pilot.nodes.common import messages, qos, topics
from liquid_pilot.nodes.common.flight_settings import FlightSettings
from liquid_pilot.nodes.common.parameters import Settings
from liquid_pilot.nodes.missions.mission_node import MissionNode, MissionParameters, NoResponseError
from liquid_pilot.nodes.missions.obstacle_cloud import ObstacleCloud
from liquid_pilot.utils.settings import setting, setting_from


@dataclass(frozen=True)
class SimulatorParameters(MissionParameters):
    """Parameters of the simulator node."""

    adapter: str = setting(
        'cmd_vel', 'setpoint that the vehicle takes', choices=('cmd_vel', 'attitude_thrust')
    )
    realtime: bool = setting_from(FlightSettings, 'realtime')
    publish_clock: bool = setting(
        True, 'publish simulated time on /clock; false: stamps are of the system clock'
    )
    demonstrate: bool = setting_from(FlightSettings, 'demonstrate')
    publish_expert: bool = setting(
        False, 'publish in real time what an expert would command, for `liquid-pilot hand`'
    )
    disturbance: float = setting_from(FlightSettings, 'disturbance')
    response_timeout_s: float = setting(
        10.0,
        'a lock-step mission is aborted when no command answers a frame for this long',
        's',
        low=0.2,
        high=600.0,
    )
    resend_period_s: float = setting(
        0.5, 'period at which an unanswered frame is sent again', 's', low=0.05, high=60.0
    )


class _ExpertPublishers(NamedTuple):
    """Publishers of a demonstration."""

    labels: Publisher
    """The expert's commands, for the recorder."""
    commands: Publisher
    """The commands that are flown, for the guard."""


class SimulatorNode(MissionNode):
    """Publishes what a simulator senses and waits for setpoints, but does not simulate."""

    parameters = SimulatorParameters
    settings: Settings[SimulatorParameters]

    def __init__(self) -> None:
        """Create publishers and subscriptions."""
        super().__init__('simulator')
        settings = self.settings.current
        self._awaited_ns: int | None = None
        self._setpoint: Command | AttitudeThrust | None = None
        self._images = self.create_publisher(
            Image, topics.IMAGE, qos.FRAMES_RELIABLE if settings.demonstrate else qos.IMAGE
        )
        self._expert: _ExpertPublishers | None = None
        if settings.demonstrate:
            self._expert = _ExpertPublishers(
                self.create_publisher(TwistStamped, topics.EXPERT_COMMAND, qos.SENSOR_RELIABLE),
                self.create_publisher(TwistStamped, topics.PILOT_COMMAND, qos.COMMAND),
            )
        self._watching: Publisher | None = None
        if settings.publish_expert and settings.realtime and not settings.demonstrate:
            self._watching = self.create_publisher(
                TwistStamped, topics.EXPERT_COMMAND, qos.SENSOR_RELIABLE
            )
        self._infos = self.create_publisher(CameraInfo, topics.CAMERA_INFO, qos.SENSOR_RELIABLE)
        self._imus = self.create_publisher(Imu, topics.IMU, qos.SENSOR_RELIABLE)
        self._odometry = self.create_publisher(Odometry, topics.ODOMETRY, qos.SENSOR_RELIABLE)
        self.obstacles = ObstacleCloud(self)
        self._clocks: Publisher | None = None
        if settings.publish_clock:
            self._clocks = self.create_publisher(Clock, topics.CLOCK, qos.CLOCK)
        if not settings.realtime:
            # On the wall clock a pilot may be restarted, and DDS lists a killed one for a while.
            self.exclusive_topics += (topics.PILOT_COMMAND, topics.TIME_SCALES)
        self.adapter = settings.adapter
        kind, self.setpoint_topic = {
            'cmd_vel': (TwistStamped, topics.CMD_VEL),
            'attitude_thrust': (MultiDOFJointTrajectory, topics.ATTITUDE_THRUST),
        }[settings.adapter]
        self.create_subscription(
            kind,
            self.setpoint_topic,
            self._on_setpoint,
            qos.COMMAND_BEST_EFFORT if settings.realtime else qos.COMMAND,
        )

    # Callbacks

    def _on_setpoint(self, message: TwistStamped | MultiDOFJointTrajectory) -> None:
        setpoint: Command | AttitudeThrust
        if isinstance(message, TwistStamped):
            setpoint = messages.unpack_command(message)
        else:
            setpoint = messages.unpack_attitude_thrust(message)
        if self._awaited_ns is None:
            self._setpoint = setpoint
        elif setpoint.stamp_ns == self._awaited_ns:
            self._setpoint, self._awaited_ns = setpoint, None
            self.spinner.wake()

    # Publishing

    def publish(self, packet: SensorPacket, camera: CameraGeometry) -> None:
        """Publish all that a packet holds; the frame, where there is one, comes last."""
        if self._clocks is not None:
            self._clocks.publish(messages.pack_clock(packet.stamp_ns))
        self._odometry.publish(messages.pack_odometry(packet.state))
        for sample in packet.imu:
            self._imus.publish(messages.pack_imu(sample))
        if packet.observation is not None:
            self._publish_frame(packet.observation, camera)

    def _publish_frame(self, frame: Observation, camera: CameraGeometry) -> None:
        self._infos.publish(messages.pack_camera_info(camera, frame.stamp_ns))
        self._images.publish(messages.pack_image(frame.image, frame.stamp_ns))

    @property
    def shows_expert(self) -> bool:
        """Whether it publishes what an expert would command."""
        return self._watching is not None

    def show_expert(self, command: Command) -> None:
        """Publish what an expert would command; nobody flies by it unless a hand takes it over."""
        if self._watching is not None:
            self._watching.publish(messages.pack_command(command))

    def publish_expert(self, label: Command, executed: Command) -> None:
        """Publish the commands of a demonstration.

        Args:
            label: the expert's command, for the recorder.
            executed: the command to fly, for the guard.
        """
        assert self._expert is not None
        self._expert.labels.publish(messages.pack_command(label))
        self._expert.commands.publish(messages.pack_command(executed))

    # Waiting. All of these raise StopRequestedError when the user asks to stop.

    def exchange(
        self,
        packet: SensorPacket,
        camera: CameraGeometry,
        timeout_s: float,
        on_stall: Callable[[str], None],
        steer: Callable[[], None] | None = None,
    ) -> Command | AttitudeThrust | None:
        """Publish a packet in lock-step and wait for the setpoint with the stamp of its frame.

        Only the frame is sent again when no answer arrives, since nothing else may be lost.

        Args:
            packet: the packet.
            camera: geometry of the camera.
            timeout_s: maximum time to wait.
            on_stall: callback, called with the known reason each time the frame is sent again.
            steer: callback, called after the frame has been published, to command in place of a
                pilot.

        Returns:
            The setpoint, or None for a packet without a frame.

        Raises:
            NoResponseError: no setpoint has arrived in time.
            StopRequestedError: the user asked to stop.
        """
        started_s = self.steady_s()
        frame = packet.observation
        if frame is None:
            self.publish(packet, camera)
            self.wait(0.0)
            return None
        self._awaited_ns, self._setpoint = frame.stamp_ns, None
        self.publish(packet, camera)
        if steer is not None:
            steer()
        resend_time_s = started_s + self.settings.current.resend_period_s
        while self._setpoint is None:
            self.wait(resend_time_s - self.steady_s())
            now_s = self.steady_s()
            if self._setpoint is None and now_s - started_s > timeout_s:
                self._awaited_ns = None
                raise NoResponseError(self._no_response_text(timeout_s))
            if self._setpoint is None and now_s >= resend_time_s:
                resend_time_s = now_s + self.settings.current.resend_period_s
                self._publish_frame(frame, camera)
                on_stall(self.problems or self.missing_text() or 'waiting for the command')
        now_s = self.steady_s()
        self.health.tick(now_s, now_s - started_s)
        return self._setpoint

    def _no_response_text(self, timeout_s: float) -> str:
        text = f'no command answered a frame for {timeout_s:g} s'
        if self.problems:
            return f'{text}: {self.problems}'
        missing = self.missing_text()
        return (
            f'{text}: {missing}'
            if missing
            else (
                f'{text}, and neither pilot nor guard reports a problem; a node between camera and '
                "pilot must keep the frame's stamp"
            )
        )

    def pop_setpoint(self) -> Command | AttitudeThrust | None:
        """Return the newest setpoint since the last call, in real time; None without one."""
        setpoint, self._setpoint = self._setpoint, None
        return setpoint

    def reset_pilot(self, timeout_s: float = 10.0) -> None:
        """Reset the network of the pilot; in a demonstration there is none."""
        if not self.settings.current.demonstrate:
            super().reset_pilot(timeout_s)

    # Completeness of the graph

    def _missing_pilot(self) -> list[str]:
        space = self.get_namespace().rstrip('/')
        missing: list[str] = []
        if self._expert is None:
            missing += super()._missing_pilot()
            if not missing and not self._imus.get_subscription_count():
                missing.append(f'the pilot (no subscriber of {space}/{topics.IMU})')
        elif not self._expert.labels.get_subscription_count():
            missing.append(f'the recorder (no subscriber of {space}/{topics.EXPERT_COMMAND})')
        if not self._images.get_subscription_count():
            missing.append(
                f'a subscriber of {space}/{topics.IMAGE} (with camera_topic set, that is your own '
                'node)'
            )
        return missing


def shift_stamps(packet: SensorPacket, shift_ns: int) -> SensorPacket:
    """Return a packet with all stamps later by `shift_ns`."""
    if not shift_ns:
        return packet
    observation = packet.observation
    return replace(
        packet,
        stamp_ns=packet.stamp_ns + shift_ns,
        observation=observation
        and replace(
            observation,
            stamp_ns=observation.stamp_ns + shift_ns,
            imu=_later(observation.imu, shift_ns),
        ),
        imu=_later(packet.imu, shift_ns),
        state=packet.state._replace(stamp_ns=packet.state.stamp_ns + shift_ns),
    )


def _later(samples: tuple[ImuSample, ...], shift_ns: int) -> tuple[ImuSample, ...]:
    return tuple(sample._replace(stamp_ns=sample.stamp_ns + shift_ns) for sample in samples)
