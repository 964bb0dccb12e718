"""The guard node: `pilot/command` in, what the vehicle takes out. It hosts the vehicle adapter.

Disengaged, and while a human has the vehicle, it is silent, so that somebody else may fly. Engaged
it passes good commands on as they come, and gives the vehicle's safe command by its own watchdog
when none comes. It imports neither numba nor ONNX Runtime: it must stand when they fall.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from geometry_msgs.msg import TwistStamped
from std_srvs.srv import SetBool, Trigger

from liquid_pilot.interfaces import (
    NANOSECONDS_PER_SECOND,
    Command,
    ObservationError,
    VehicleLimits,
    VehicleState,
)
from liquid_pilot.nodes.common import messages, node_base, qos
from liquid_pilot.nodes.common.diagnostics import ERROR, WARNING, DiagnosticsReporter, HealthMonitor
from liquid_pilot.nodes.common.parameters import parameter
from liquid_pilot.nodes.outputs.base import OutputParameters
from liquid_pilot.nodes.outputs.monitors import COMMAND_TOPIC, GuardMonitors, OdometrySubscription
from liquid_pilot.nodes.outputs.registry import OUTPUT_FACTORIES
from liquid_pilot.onboard.safety.geofence import Geofence
from liquid_pilot.onboard.safety.guard import SAFE, SILENT_STATES, STOPPED, Decision, Guard
from liquid_pilot.onboard.safety.preflight import PreflightRequirements, failed_checks
from liquid_pilot.onboard.setpoints.registry import ADAPTERS, make_adapter
from liquid_pilot.onboard.vehicles.registry import VEHICLE_LIMITS

_FINAL_FLUSH_TIMEOUT_NS = 500_000_000
"""How long the end waits for the vehicle to have the safe command."""
_DUPLICATE_CHECK_PERIOD_S = 0.25
_QUADROTOR = VEHICLE_LIMITS['quadrotor']


@dataclass(frozen=True)
class GuardParameters(OutputParameters):
    """Parameters of the guard node. Four numbers each: forward, left, up, yaw rate."""

    adapter: str = parameter(
        'cmd_vel',
        'what the vehicle takes: '
        + '; '.join(f'{name}: {entry.description}' for name, entry in ADAPTERS.items()),
        choices=tuple(ADAPTERS),
    )
    maximum: tuple[float, ...] = parameter(
        _QUADROTOR.maximum, 'largest magnitude', 'm/s, m/s, m/s, rad/s', low=0.0, high=100.0
    )
    slew: tuple[float, ...] = parameter(
        _QUADROTOR.slew,
        'largest change per second',
        'm/s^2, m/s^2, m/s^2, rad/s^2',
        low=1e-3,
        high=1000.0,
    )
    safe_command: tuple[float, ...] = parameter(
        _QUADROTOR.safe_command,
        'given when no good command comes: hover, for a multicopter',
        'm/s, m/s, m/s, rad/s',
        low=-100.0,
        high=100.0,
    )
    command_timeout_s: float = parameter(
        _QUADROTOR.command_timeout_s,
        'without a good command for this long the safe command is given',
        's',
        low=0.02,
        high=10.0,
    )
    rate_hz: float = parameter(
        20.0,
        'rate of the watchdog, and of the safe command while it is given',
        'Hz',
        low=2.0,
        high=200.0,
    )
    engage_on_start: bool = parameter(
        False, 'engage as soon as the pilot gives commands, without guard/engage'
    )
    check_age: bool = parameter(
        True,
        'drop commands whose stamp is older than command_timeout_s by the ROS clock; false '
        "when the camera's clock is not the ROS clock",
    )
    preflight: bool = parameter(
        True,
        'refuse to engage until the checks pass: camera and IMU rate, clocks, camera '
        'geometry, and what the autopilot says of itself',
    )
    min_camera_rate_ratio: float = parameter(
        0.5, "camera rate that engaging asks for, as a share of training's", low=0.0, high=1.0
    )
    min_imu_rate_hz: float = parameter(
        15.0, 'IMU rate that engaging asks for', 'Hz', low=0.0, high=1000.0
    )
    fence_radius_m: float = parameter(
        0.0,
        'no command leads farther than this from where it was engaged; needs odom; 0: no '
        'such limit',
        'm',
        low=0.0,
        high=1e5,
    )
    fence_ceiling_m: float = parameter(
        0.0, 'nor higher than this above it; 0: no such limit', 'm', low=0.0, high=1e4
    )
    fence_reaction_s: float = parameter(
        0.6, 'how long the vehicle goes on before it follows a new command', 's', low=0.0, high=10.0
    )
    lockstep: bool = parameter(
        False,
        'for lock-step simulation only: answer each command at once, and let time stand '
        'still between them',
    )

    def limits(self) -> VehicleLimits:
        """As one object; LiquidPilotError when they do not fit each other."""
        return VehicleLimits(self.maximum, self.slew, self.command_timeout_s, self.safe_command)

    def fence(self) -> Geofence:
        """As one object."""
        return Geofence(self.fence_radius_m, self.fence_ceiling_m, self.fence_reaction_s)

    def requirements(self) -> PreflightRequirements:
        """What engaging asks for."""
        return PreflightRequirements(
            self.min_camera_rate_ratio,
            self.min_imu_rate_hz,
            self.command_timeout_s if self.check_age else None,
            ADAPTERS[self.adapter].requires_offboard_mode,
        )


class GuardNode(node_base.LiquidNode):
    """See the module."""

    parameters = GuardParameters

    def __init__(self) -> None:
        super().__init__('guard')
        settings = self.settings.now
        fence = settings.fence()
        self._guard = Guard(settings.limits(), fence)
        self._adapter = make_adapter(settings.adapter, settings.vehicle())
        self._pending_command: Command | None = None
        self._had_authority, self._duplicates = False, ''
        self._command_s: float | None = None
        self._time_s = 0.0
        self._engage_pending = settings.engage_on_start

        self._reporter = DiagnosticsReporter(self, self._describe)
        self._sent_health = HealthMonitor()
        self._output = OUTPUT_FACTORIES[settings.adapter](self, settings)
        self._odometry_input = None
        if self._adapter.needs_odometry or fence:
            self._odometry_input = OdometrySubscription(self, settings.lockstep, self._answer)
        self.create_subscription(TwistStamped, COMMAND_TOPIC, self._on_command, qos.COMMAND)
        self.create_service(SetBool, 'guard/engage', self._on_engage)
        self.create_service(Trigger, 'guard/stop', self._on_stop)
        if not settings.lockstep:
            self._monitors = GuardMonitors(self, self._on_override)
            self.every(1.0 / settings.rate_hz, self._watch)
            self.every(_DUPLICATE_CHECK_PERIOD_S, self._look)

    def _now_s(self) -> float:
        """The guard's time: steady; in lock-step, that of the newest command."""
        return self._time_s if self.settings.now.lockstep else self.steady_s()

    def _on_command(self, message: TwistStamped) -> None:
        command = messages.unpack_command(message)
        self._command_s = arrived_s = self.steady_s()
        if self.settings.now.lockstep:
            self._pending_command = command
            self._answer()
        else:
            self._update_trust()
            if self._engage_pending:
                self._engage_pending = not self._engage()[0]
            clock_ns = self.get_clock().now().nanoseconds if self.settings.now.check_age else None
            decision = self._guard.accept(command, self._now_s(), clock_ns, self._vehicle_state)
            self._log_decision(decision)
            refused = decision.state == SAFE and decision.command.stamp_ns == command.stamp_ns
            if decision.fresh or refused:
                self._send(decision.command)
            if decision.fresh:
                self._sent_health.tick(self.steady_s(), self._age_s(command.stamp_ns))
        self._reporter.health.tick(self.steady_s(), self.steady_s() - arrived_s)

    def _answer(self) -> None:
        """In lock-step: the simulator waits for an answer with the command's stamp.

        Given as soon as the odometry of its instant is there, where any is needed.
        """
        command, newest = (
            self._pending_command,
            self._odometry_input and self._odometry_input.newest,
        )
        if command is None or (
            self._odometry_input is not None
            and (newest is None or newest.stamp_ns < command.stamp_ns)
        ):
            return
        self._pending_command = None
        self._time_s = command.stamp_ns / NANOSECONDS_PER_SECOND
        decision = self._guard.accept(command, self._time_s, vehicle=newest)
        self._log_decision(decision)
        answer = decision.command
        if decision.state in (STOPPED, *SILENT_STATES):
            answer = answer._replace(stamp_ns=command.stamp_ns)
        self._send(answer)

    def _watch(self) -> None:
        """The watchdog: the safe command, as long as it holds."""
        self._update_trust()
        decision = self._guard.check(self._now_s())
        self._log_decision(decision)
        if decision.state in (SAFE, STOPPED):
            self._send(self._stamped_now(decision.command))
        self._output.decided()

    def _look(self) -> None:
        """Who else commands."""
        self._duplicates = self._monitors.duplicates

    def _update_trust(self) -> None:
        """Whom not to trust, and whether the autopilot still takes our commands."""
        status = self._output.status
        lost = status is not None and status.connected is False
        self._guard.distrust(self._duplicates or ('the autopilot is not connected' if lost else ''))
        if status is None or lost:
            return
        obeys = status.obeys is not False and status.armed is not False
        if self._had_authority and not obeys and self._guard.state not in SILENT_STATES:
            what = f'mode {status.mode}' if status.obeys is False else 'disarmed'
            # It flies on by the human's will, and by ours only after engaging again.
            self._on_override(f'a human has the vehicle ({what})')
            self._on_override('')
        self._had_authority = obeys

    @property
    def _vehicle_state(self) -> VehicleState | None:
        """Odometry that may be reckoned with; None where there is none."""
        if self._odometry_input is None:
            return None
        settings = self.settings.now
        return (
            self._odometry_input.newest
            if settings.lockstep
            else self._odometry_input.fresh(settings.command_timeout_s)
        )

    def _age_s(self, stamp_ns: int) -> float:
        return (self.get_clock().now().nanoseconds - stamp_ns) * 1e-9

    def _stamped_now(self, command: Command) -> Command:
        return command._replace(stamp_ns=self.get_clock().now().nanoseconds)

    def _send(self, command: Command) -> None:
        """Convert and publish; nothing leaves when the adapter cannot, and the autopilot acts."""
        try:
            setpoint = self._adapter.convert(command, self._vehicle_state)
        except ObservationError as error:
            self._reporter.problem('odometry', str(error))
            return
        self._reporter.resolved('odometry')
        self._output.send(setpoint)

    def _log_decision(self, decision: Decision) -> None:
        if decision.reason and decision.state not in (*SILENT_STATES, STOPPED):
            if decision.reason != 'waiting for the first command':
                level = ERROR if decision.state == SAFE else WARNING
                self._reporter.problem('command', f'guard: {decision.reason}', level)
        elif not decision.reason:
            self._reporter.resolved('command')

    def _engage(self) -> tuple[bool, str]:
        """Engage; outside lock-step only when somebody gives commands already and all is well."""
        settings, missing = self.settings.now, []
        if not settings.lockstep:
            age_s = None if self._command_s is None else self.steady_s() - self._command_s
            if age_s is None or age_s > settings.command_timeout_s:
                topic = self.resolve_topic_name(COMMAND_TOPIC)
                missing.append(
                    f'no command on {topic} in the last {settings.command_timeout_s:g} '
                    's; see what the pilot says on /diagnostics'
                )
            if self._odometry_input is not None and self._vehicle_state is None:
                missing.append('no odometry has come lately on ' + self.resolve_topic_name('odom'))
            if settings.preflight:
                missing += filter(None, [self._monitors.possible_duplicates])
                missing += failed_checks(
                    self._monitors.readiness, self._output.status, settings.requirements()
                )
        return self._guard.engage(self._now_s(), missing)

    def _on_override(self, reason: str) -> None:
        was = self._guard.state
        self._guard.override(reason)
        self._engage_pending = False
        if self._guard.state != was:
            self.get_logger().warning(
                f'{reason}: nothing is sent'
                if reason
                else 'the human has given the vehicle back; engage to fly again'
            )

    def _on_engage(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        if request.data:
            response.success, response.message = self._engage()
        else:
            self._engage_pending = False
            flying = self._guard.state not in SILENT_STATES
            response.success, response.message = self._guard.disengage(self._now_s())
            if flying and not self.settings.now.lockstep:
                self._send_safe()
        self.get_logger().info(response.message)
        return response

    def _on_stop(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._engage_pending = False
        response.success, response.message = self._guard.stop(self._now_s())
        if response.success:
            self._send_safe()
        self.get_logger().warning(response.message)
        return response

    def _send_safe(self) -> None:
        self._send(self._stamped_now(self._guard.check(self._now_s()).command))

    def _describe(self) -> tuple[str, dict[str, str]]:
        values = {'adapter': self._adapter.name}
        if self.settings.now.check_age:
            # From the frame's stamp to the vehicle's setpoint, the frame's own age included.
            values.update(
                {
                    f'frame_to_vehicle_{name}_ms': messages.format_number(
                        self._sent_health.latency_ms(share), 2
                    )
                    for name, share in (('p50', 0.5), ('p99', 0.99))
                }
            )
        return self._guard.state, values

    def close(self) -> None:
        """Leave the vehicle with its safe command, not with the last one that was passed on."""
        if self._guard.state not in SILENT_STATES and not self.settings.now.lockstep:
            self._guard.disengage(self._now_s())
            self._send_safe()
            # A message is lost with its publisher while nobody has read it.
            self._output.flush(_FINAL_FLUSH_TIMEOUT_NS)


def main() -> int:
    """Entry point of the executable."""
    return node_base.run('guard', GuardNode)


if __name__ == '__main__':
    sys.exit(main())
