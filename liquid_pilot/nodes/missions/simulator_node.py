"""The ROS side of the embedded simulator: what its vehicle publishes, hears and waits for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
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
from liquid_pilot.nodes.common import messages, qos
from liquid_pilot.nodes.common.parameters import parameter
from liquid_pilot.nodes.missions.mission_node import MissionNode, MissionParameters, NoResponseError


@dataclass(frozen=True)
class SimulatorParameters(MissionParameters):
    """Parameters of the simulator node."""

    adapter: str = parameter(
        'cmd_vel', 'what the vehicle takes', choices=('cmd_vel', 'attitude_thrust')
    )
    realtime: bool = parameter(False, 'run on the wall clock; false: lock-step, as fast as it goes')
    publish_clock: bool = parameter(
        True, 'publish simulated time on /clock; false: stamps are of the system clock'
    )
    demonstrate: bool = parameter(
        False,
        'the expert flies, disturbed, in place of a pilot: its commands are published on '
        'expert/command for a recorder',
    )
    disturbance: float = parameter(
        1.3, 'level of the noise injected into the commands of demonstrations', low=0.0, high=10.0
    )
    answer_timeout_s: float = parameter(
        10.0,
        'a lock-step mission is aborted when no command answers a frame for this long',
        's',
        low=0.2,
        high=600.0,
    )
    resend_s: float = parameter(
        0.5, 'a frame that is not answered is sent again this often', 's', low=0.05, high=60.0
    )


class SimulatorNode(MissionNode):
    """The ROS side of the simulator; times out, resends and asks, but does not simulate."""

    parameters = SimulatorParameters

    def __init__(self) -> None:
        super().__init__('simulator')
        settings = self.settings.now
        self._awaited_ns: int | None = None
        self._setpoint: Command | AttitudeThrust | None = None
        self._images = self.create_publisher(
            Image, 'camera/image_raw', qos.FRAMES_RELIABLE if settings.demonstrate else qos.IMAGE
        )
        self._labels = self._steering = None
        if settings.demonstrate:
            self._labels = self.create_publisher(
                TwistStamped, 'expert/command', qos.SENSOR_RELIABLE
            )
            self._steering = self.create_publisher(TwistStamped, 'pilot/command', qos.COMMAND)
        self._infos = self.create_publisher(CameraInfo, 'camera/camera_info', qos.SENSOR_RELIABLE)
        self._imus = self.create_publisher(Imu, 'imu/data', qos.SENSOR_RELIABLE)
        self._odometry = self.create_publisher(Odometry, 'odom', qos.SENSOR_RELIABLE)
        self._clocks = None
        if settings.publish_clock:
            self._clocks = self.create_publisher(Clock, '/clock', qos.CLOCK)
        if not settings.realtime:
            # On the wall clock a pilot may be started again, and DDS names a killed one for long.
            self.exclusive_topics += ('pilot/command', 'adaptation/time_constants')
        self.adapter = settings.adapter
        kind, self.setpoint_topic = {
            'cmd_vel': (TwistStamped, 'cmd_vel'),
            'attitude_thrust': (MultiDOFJointTrajectory, 'attitude_thrust'),
        }[settings.adapter]
        self.create_subscription(
            kind,
            self.setpoint_topic,
            self._on_setpoint,
            qos.COMMAND_BEST_EFFORT if settings.realtime else qos.COMMAND,
        )

    # Callbacks

    def _on_setpoint(self, message: TwistStamped | MultiDOFJointTrajectory) -> None:
        if isinstance(message, TwistStamped):
            setpoint = messages.unpack_command(message)
        else:
            setpoint = messages.unpack_attitude_thrust(message)
        if self._awaited_ns is None:
            self._setpoint = setpoint
        elif setpoint.stamp_ns == self._awaited_ns:
            self._setpoint, self._awaited_ns = setpoint, None
            self.spinner.wake()

    # Out

    def publish(self, packet: SensorPacket, camera: CameraGeometry) -> None:
        """Send all that a packet holds; the frame, where there is one, comes last."""
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

    def demonstrate(self, label: Command, disturbed: Command) -> None:
        """Publish what the expert would do, for the recorder, and what is flown, for the guard."""
        self._labels.publish(messages.pack_command(label))
        self._steering.publish(messages.pack_command(disturbed))

    # Waiting. All of these raise StopRequestedError once the user wants to stop.

    def exchange(
        self,
        packet: SensorPacket,
        camera: CameraGeometry,
        limit_s: float,
        on_silence: Callable[[str], None],
        steer: Callable[[], None] | None = None,
    ) -> Command | AttitudeThrust | None:
        """Lock-step: publish, and wait for the setpoint with the frame's stamp; None without one.

        The frame alone is sent again when no answer comes: it is the only thing that may be lost;
        `on_silence` then takes what is known of the reason. NoResponseError after `limit_s`.
        `steer` is called once the frame is out, by whoever commands in place of a pilot.
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
        resend_s = started_s + self.settings.now.resend_s
        while self._setpoint is None:
            self.wait(resend_s - self.steady_s())
            now_s = self.steady_s()
            if self._setpoint is None and now_s - started_s > limit_s:
                self._awaited_ns = None
                raise NoResponseError(self._no_response_text(limit_s))
            if self._setpoint is None and now_s >= resend_s:
                resend_s = now_s + self.settings.now.resend_s
                self._publish_frame(frame, camera)
                on_silence(self.problems or self.missing() or 'waiting for the command')
        now_s = self.steady_s()
        self.health.tick(now_s, now_s - started_s)
        return self._setpoint

    def _no_response_text(self, limit_s: float) -> str:
        text = f'no command answered a frame for {limit_s:g} s'
        if self.problems:
            return f'{text}: {self.problems}'
        missing = self.missing()
        return (
            f'{text}: {missing}'
            if missing
            else (
                f'{text}, and neither pilot nor guard says why; a node between camera and pilot must '
                "keep the frame's stamp"
            )
        )

    def pop_setpoint(self) -> Command | AttitudeThrust | None:
        """The newest setpoint since the last call, in real time; None when there is none."""
        setpoint, self._setpoint = self._setpoint, None
        return setpoint

    def reset_pilot(self, limit_s: float = 10.0) -> None:
        """A fresh network; in a demonstration there is none."""
        if not self.settings.now.demonstrate:
            super().reset_pilot(limit_s)

    # Who is there

    def _missing_pilot(self) -> list[str]:
        space = self.get_namespace().rstrip('/')
        if self.settings.now.demonstrate:
            gaps = (
                []
                if self._labels.get_subscription_count()
                else [f'the recorder (nobody listens to {space}/expert/command)']
            )
        else:
            gaps = super()._missing_pilot()
            if not gaps and not self._imus.get_subscription_count():
                gaps = [f'the pilot (nobody listens to {space}/imu/data)']
        if not self._images.get_subscription_count():
            gaps.append(
                f'whoever takes the images (nobody listens to {space}/camera/image_raw;'
                ' with camera_topic set, that is your own node)'
            )
        return gaps


def shift_stamps(packet: SensorPacket, shift_ns: int) -> SensorPacket:
    """The same packet, later by `shift_ns`."""
    if not shift_ns:
        return packet
    seen = packet.observation
    return replace(
        packet,
        stamp_ns=packet.stamp_ns + shift_ns,
        observation=seen
        and replace(seen, stamp_ns=seen.stamp_ns + shift_ns, imu=_later(seen.imu, shift_ns)),
        imu=_later(packet.imu, shift_ns),
        state=packet.state._replace(stamp_ns=packet.state.stamp_ns + shift_ns),
    )


def _later(samples: tuple[ImuSample, ...], shift_ns: int) -> tuple[ImuSample, ...]:
    return tuple(sample._replace(stamp_ns=sample.stamp_ns + shift_ns) for sample in samples)
