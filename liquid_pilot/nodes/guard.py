"""The guard node: `pilot/command` in, what the vehicle takes out. It hosts the vehicle adapter.

Disengaged it is silent, so that somebody else may fly. Engaged it passes good commands on as they
come, and gives the vehicle's safe command by its own watchdog when none comes. It imports neither
numba nor ONNX Runtime: it must stand when they fall.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from geometry_msgs.msg import Twist, TwistStamped
from nav_msgs.msg import Odometry
from rclpy.duration import Duration
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import MultiDOFJointTrajectory

from liquid_pilot.interfaces import (
    NANOSECONDS_PER_SECOND,
    AttitudeThrust,
    Command,
    ObservationError,
    VehicleLimits,
    VehicleState,
)
from liquid_pilot.nodes import messages, qos, runtime
from liquid_pilot.nodes.diagnostics import ERROR, WARNING, Reporter
from liquid_pilot.nodes.parameters import parameter
from liquid_pilot.onboard.guard import DISENGAGED, SAFE, STOPPED, Decision, Guard
from liquid_pilot.onboard.vehicles import ADAPTERS, LIMITS, make_adapter

_LAST_WORD_NS = 500_000_000
"""How long the end waits for the vehicle to have the safe command."""
_QUADROTOR = LIMITS['quadrotor']


@dataclass(frozen=True)
class GuardParameters:
    """Parameters of the guard node. Four numbers each: forward, left, up, yaw rate."""

    adapter: str = parameter(
        'cmd_vel', 'what the vehicle takes: '
        + '; '.join(f'{name}: {entry.description}' for name, entry in ADAPTERS.items()),
        choices=tuple(ADAPTERS))
    stamped: bool = parameter(
        True, 'cmd_vel as geometry_msgs/TwistStamped; false: geometry_msgs/Twist')
    maximum: tuple[float, ...] = parameter(
        _QUADROTOR.maximum, 'largest magnitude', 'm/s, m/s, m/s, rad/s', low=0.0, high=100.0)
    slew: tuple[float, ...] = parameter(
        _QUADROTOR.slew, 'largest change per second', 'm/s^2, m/s^2, m/s^2, rad/s^2',
        low=1e-3, high=1000.0)
    safe_command: tuple[float, ...] = parameter(
        _QUADROTOR.safe_command, 'given when no good command comes: hover, for a multicopter',
        'm/s, m/s, m/s, rad/s', low=-100.0, high=100.0)
    command_timeout_s: float = parameter(
        _QUADROTOR.command_timeout_s, 'without a good command for this long the safe command is '
        'given', 's', low=0.02, high=10.0)
    rate_hz: float = parameter(
        20.0, 'rate of the watchdog, and of the safe command while it is given', 'Hz',
        low=2.0, high=200.0)
    engage_on_start: bool = parameter(
        False, 'engage as soon as the pilot gives commands, without guard/engage')
    check_age: bool = parameter(
        True, 'drop commands whose stamp is older than command_timeout_s by the ROS clock; false '
        "when the camera's clock is not the ROS clock")
    lockstep: bool = parameter(
        False, 'for lock-step simulation only: answer each command at once, and let time stand '
        'still between them')

    def limits(self) -> VehicleLimits:
        """As one object; LiquidPilotError when they do not fit each other."""
        return VehicleLimits(self.maximum, self.slew, self.command_timeout_s, self.safe_command)


class GuardNode(runtime.LiquidNode):
    """See the module."""

    parameters = GuardParameters

    def __init__(self) -> None:
        super().__init__('guard')
        settings = self.settings.now
        self._guard = Guard(settings.limits())
        self._adapter = make_adapter(settings.adapter)
        self._vehicle: VehicleState | None = None
        self._vehicle_s = 0.0
        self._held: Decision | None = None
        self._command_s: float | None = None
        self._time_s = 0.0
        self._wants_to_engage = settings.engage_on_start

        self._reporter = Reporter(self, self._describe)
        if self._adapter.needs_state:
            self._output = self.create_publisher(
                MultiDOFJointTrajectory, 'attitude_thrust', qos.COMMAND)
            self.create_subscription(
                Odometry, 'odom', self._on_odometry, qos.sensor(settings.lockstep))
        else:
            self._output = self.create_publisher(
                TwistStamped if settings.stamped else Twist, 'cmd_vel', qos.COMMAND)
        self.create_subscription(TwistStamped, 'pilot/command', self._on_command, qos.COMMAND)
        self.create_service(SetBool, 'guard/engage', self._on_engage)
        self.create_service(Trigger, 'guard/stop', self._on_stop)
        if not settings.lockstep:
            self.every(1.0 / settings.rate_hz, self._watch)

    def _now_s(self) -> float:
        """The guard's time: steady; in lock-step, that of the newest command."""
        return self._time_s if self.settings.now.lockstep else self.steady_s()

    def _on_command(self, message: TwistStamped) -> None:
        command = messages.unpack_command(message)
        self._command_s = arrived_s = self.steady_s()
        if self.settings.now.lockstep:
            self._answer(command)
        else:
            if self._wants_to_engage:
                self._wants_to_engage = not self._engage()[0]
            clock_ns = self.get_clock().now().nanoseconds if self.settings.now.check_age else None
            decision = self._guard.accept(command, self._now_s(), clock_ns)
            self._note(decision)
            refused = decision.state == SAFE and decision.command.stamp_ns == command.stamp_ns
            if decision.fresh or refused:
                self._send(decision.command)
        self._reporter.health.tick(self.steady_s(), self.steady_s() - arrived_s)

    def _answer(self, command: Command) -> None:
        """In lock-step: the simulator waits for an answer with the command's stamp."""
        self._time_s = command.stamp_ns / NANOSECONDS_PER_SECOND
        decision = self._guard.accept(command, self._time_s)
        self._note(decision)
        if decision.state in (STOPPED, DISENGAGED):
            held = decision.command._replace(stamp_ns=command.stamp_ns)
            decision = decision._replace(command=held)
        self._held = decision
        self._send_held()

    def _send_held(self) -> None:
        """Send the lock-step answer as soon as the odometry of its instant is there."""
        if self._held is None:
            return
        command = self._held.command
        if self._adapter.needs_state and (
            self._vehicle is None or self._vehicle.stamp_ns < command.stamp_ns
        ):
            return
        self._held = None
        self._send(command)

    def _on_odometry(self, message: Odometry) -> None:
        self._vehicle = messages.unpack_odometry(message)
        self._vehicle_s = self.steady_s()
        self._send_held()

    def _watch(self) -> None:
        """The watchdog: the safe command, as long as it holds."""
        decision = self._guard.check(self._now_s())
        self._note(decision)
        if decision.state in (SAFE, STOPPED):
            self._send(self._stamped_now(decision.command))

    def _stamped_now(self, command: Command) -> Command:
        return command._replace(stamp_ns=self.get_clock().now().nanoseconds)

    def _send(self, command: Command) -> None:
        """Convert and publish; nothing leaves when the adapter cannot, and the autopilot acts."""
        lockstep = self.settings.now.lockstep
        vehicle = self._vehicle
        timeout_s = self.settings.now.command_timeout_s
        if vehicle is not None and not lockstep and self.steady_s() - self._vehicle_s > timeout_s:
            vehicle = None
        try:
            setpoint = self._adapter.convert(command, vehicle)
        except ObservationError as error:
            self._reporter.problem('odometry', str(error))
            return
        self._reporter.solved('odometry')
        if isinstance(setpoint, AttitudeThrust):
            self._output.publish(messages.pack_attitude_thrust(setpoint))
        elif self.settings.now.stamped:
            self._output.publish(messages.pack_command(setpoint))
        else:
            self._output.publish(messages.pack_twist(setpoint))

    def _note(self, decision: Decision) -> None:
        if decision.reason and decision.state not in (DISENGAGED, STOPPED):
            if decision.reason != 'waiting for the first command':
                level = ERROR if decision.state == SAFE else WARNING
                self._reporter.problem('command', f'guard: {decision.reason}', level)
        elif not decision.reason:
            self._reporter.solved('command')

    def _engage(self) -> tuple[bool, str]:
        """Engage; outside lock-step only when somebody gives commands already."""
        timeout_s = self.settings.now.command_timeout_s
        if not self.settings.now.lockstep:
            age_s = None if self._command_s is None else self.steady_s() - self._command_s
            if age_s is None or age_s > timeout_s:
                topic = self.resolve_topic_name('pilot/command')
                return False, (f'not engaged: no command on {topic} in the last {timeout_s:g} s; '
                               'see what the pilot says on /diagnostics')
            if self._adapter.needs_state and self._vehicle is None:
                topic = self.resolve_topic_name('odom')
                return False, f'not engaged: no odometry has come on {topic}'
        return self._guard.engage(self._now_s())

    def _on_engage(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        if request.data:
            response.success, response.message = self._engage()
        else:
            self._wants_to_engage = False
            flying = self._guard.state != DISENGAGED
            response.success, response.message = self._guard.disengage(self._now_s())
            if flying and not self.settings.now.lockstep:
                self._send_safe()
        self.get_logger().info(response.message)
        return response

    def _on_stop(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._wants_to_engage = False
        response.success, response.message = self._guard.stop(self._now_s())
        self._send_safe()
        self.get_logger().warning(response.message)
        return response

    def _send_safe(self) -> None:
        self._send(self._stamped_now(self._guard.check(self._now_s()).command))

    def _describe(self) -> tuple[str, dict[str, str]]:
        return self._guard.state, {'adapter': self._adapter.name}

    def close(self) -> None:
        """Leave the vehicle with its safe command, not with the last one that was passed on."""
        if self._guard.state != DISENGAGED and not self.settings.now.lockstep:
            self._guard.disengage(self._now_s())
            self._send_safe()
            # A message is lost with its publisher while nobody has read it.
            self._output.wait_for_all_acked(Duration(nanoseconds=_LAST_WORD_NS))


def main() -> int:
    """Entry point of the executable."""
    return runtime.run('guard', GuardNode)


if __name__ == '__main__':
    sys.exit(main())
