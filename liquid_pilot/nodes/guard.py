"""The guard node: subscribes to `pilot/command` and publishes the setpoint of the vehicle.

While it is disengaged, and while a human has the vehicle, it sends nothing; with `forward_hand` it
sends the commands of the human. While it is engaged, it
passes good commands on as they arrive, and its watchdog sends the vehicle's safe command when none
arrives. It imports neither numba nor ONNX Runtime, so that it survives their failures.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from geometry_msgs.msg import TwistStamped
from std_srvs.srv import SetBool, Trigger

from liquid_pilot.interfaces import (
    NANOSECONDS_PER_SECOND,
    Command,
    LiquidPilotError,
    ObservationError,
    VehicleState,
)
from liquid_pilot.nodes.common import messages, node_base, qos, topics
from liquid_pilot.nodes.common.diagnostics import DiagnosticsReporter
from liquid_pilot.nodes.common.health import ERROR, WARNING, HealthMonitor, format_number
from liquid_pilot.nodes.common.parameters import Settings
from liquid_pilot.nodes.common.process.time_slice import FLIGHT_S, request_time_slice
from liquid_pilot.nodes.common.publishers.single_publisher import NumberedCallback
from liquid_pilot.nodes.outputs.base import ReportingOutput
from liquid_pilot.nodes.outputs.guard_parameters import GuardParameters
from liquid_pilot.nodes.outputs.hand_control import make_hand_control
from liquid_pilot.nodes.outputs.monitors import NO_ODOMETRY, GuardMonitors, OdometrySubscription
from liquid_pilot.nodes.outputs.registry import make_output
from liquid_pilot.onboard.safety.airborne import AirborneWatch
from liquid_pilot.onboard.safety.guard import ENGAGED, SAFE, SILENT_STATES, STOPPED, Decision, Guard
from liquid_pilot.onboard.safety.preflight import failed_checks
from liquid_pilot.onboard.setpoints.adapter import StatefulAdapter
from liquid_pilot.onboard.setpoints.registry import ADAPTERS, make_adapter

_FINAL_FLUSH_TIMEOUT_NS = 500_000_000
"""Time that the end of the node waits for the vehicle to receive the safe command, ns."""
_INPUT_CHECK_PERIOD_S = 0.25


class GuardNode(node_base.LiquidNode):
    """Hosts the guard, the vehicle adapter and the output."""

    parameters = GuardParameters
    settings: Settings[GuardParameters]

    def __init__(self) -> None:
        """Create the guard and its inputs and outputs.

        Raises:
            LiquidPilotError: a parameter is wrong, or the output needs a missing package.
        """
        super().__init__('guard')
        settings = self.settings.current
        fence = settings.fence()
        self._guard = Guard(settings.limits(), fence)
        self._adapter = make_adapter(settings.adapter, settings.vehicle_settings())
        self._stateful = self._adapter if isinstance(self._adapter, StatefulAdapter) else None
        self._airborne = AirborneWatch(
            settings.preflight and ADAPTERS[settings.adapter].requires_airborne
        )
        self._pending_command: Command | None = None
        self._had_authority, self._duplicates = False, ''
        self._command_s: float | None = None
        self._time_s = 0.0
        self._engage_pending = settings.engage_on_start

        self._reporter = DiagnosticsReporter(self, self._describe)
        self._sent_health = HealthMonitor()
        self._output = make_output(settings.adapter, self, settings)
        self._reporting = self._output if isinstance(self._output, ReportingOutput) else None
        self._odometry_input: OdometrySubscription | None = None
        if self._adapter.needs_odometry or fence:
            self._odometry_input = OdometrySubscription(
                self,
                settings.lockstep,
                self._answer_lockstep,
                partial(self._on_publishers, 'odometry publishers'),
            )
        # In lock-step the simulator sees to it that one pilot answers.
        on_command: Any = self._on_lockstep_command
        if not settings.lockstep:
            on_command = NumberedCallback(self._on_command)
        self.create_subscription(TwistStamped, topics.PILOT_COMMAND, on_command, qos.COMMAND)
        report_hands = partial(self._on_publishers, 'hand publishers')
        self._hand = make_hand_control(self, settings, self._on_hand_command, report_hands)
        self.create_service(SetBool, topics.GUARD_ENGAGE, self._on_engage)
        self.create_service(Trigger, topics.GUARD_STOP, self._on_stop)
        if not settings.lockstep:
            self._monitors = GuardMonitors(self, self._on_override, settings.check_stamp_age)
            self.create_steady_timer(1.0 / settings.rate_hz, self._watchdog)
            self.create_steady_timer(_INPUT_CHECK_PERIOD_S, self._check_inputs)

    def _now_s(self) -> float:
        """Return the time of the guard: steady time, or in lock-step that of the newest command."""
        return self._time_s if self.settings.current.lockstep else self.steady_s()

    def _on_lockstep_command(self, message: TwistStamped) -> None:
        self._command_s = arrived_s = self.steady_s()
        self._pending_command = messages.unpack_command(message)
        self._answer_lockstep()
        self._reporter.health.tick(self.steady_s(), self.steady_s() - arrived_s)

    def _on_command(self, message: TwistStamped, number: int | None) -> None:
        """Answer a command, with the number that its publisher has given it."""
        command = messages.unpack_command(message)
        self._command_s = arrived_s = self.steady_s()
        if self._monitors.on_command(number):
            # Before this command, which may be that of the other publisher.
            self._duplicates = self._monitors.duplicates
        self._update_trust()
        if self._engage_pending:
            self._engage_pending = not self._engage()[0]
            if not self._engage_pending:
                # The pilot reads from the status that it has the vehicle.
                self._reporter.publish()
        decision = self._guard.accept(command, self._now_s(), self._clock_ns(), self._vehicle_state)
        self._log_decision(decision)
        rejected = decision.state == SAFE and decision.command.stamp_ns == command.stamp_ns
        if decision.accepted or rejected:
            self._send(decision.command)
        if decision.accepted:
            self._sent_health.tick(self.steady_s(), self._age_s(command.stamp_ns))
        self._reporter.health.tick(self.steady_s(), self.steady_s() - arrived_s)

    def _on_hand_command(self, message: TwistStamped) -> None:
        """Forward a command of the human who has the vehicle."""
        assert self._hand is not None
        decision = self._hand.accept(
            messages.unpack_command(message), self._now_s(), self._clock_ns(), self._vehicle_state
        )
        if decision is not None:
            self._send(decision.command)

    def _answer_lockstep(self) -> None:
        """Answer the pending command in lock-step, with its stamp, which the simulator waits for.

        Where odometry is needed, the answer waits for that of the same instant.
        """
        command, newest = self._pending_command, None
        if command is None:
            return
        if self._odometry_input is not None:
            newest = self._odometry_input.newest
            if newest is None or newest.stamp_ns < command.stamp_ns:
                return
        self._pending_command = None
        self._time_s = command.stamp_ns / NANOSECONDS_PER_SECOND
        decision = self._guard.accept(command, self._time_s, vehicle=newest)
        self._log_decision(decision)
        answer = decision.command
        if decision.state in (STOPPED, *SILENT_STATES):
            answer = answer._replace(stamp_ns=command.stamp_ns)
        self._send(answer)

    def _watchdog(self) -> None:
        """Check the guard and send the safe command while it applies."""
        self._update_trust()
        decision = self._guard.check(self._now_s())
        self._log_decision(decision)
        if decision.state in (SAFE, STOPPED):
            self._send(self._stamped_now(decision.command))
        safe = self._hand and self._hand.check(self._now_s())
        if safe:
            self._send(self._stamped_now(safe.command))
        self._output.on_decision()

    def _check_inputs(self) -> None:
        """Look for other publishers of commands, and at the age of the odometry."""
        self._duplicates = self._monitors.duplicates
        problem = self._odometry_problem()
        if problem and self._guard.state in (ENGAGED, SAFE):
            self._reporter.problem('odometry age', problem)
        else:
            self._reporter.resolved('odometry age')
        if self._reporting is not None:
            if self._reporting.problem:
                self._reporter.problem('output mode', self._reporting.problem, WARNING)
            else:
                self._reporter.resolved('output mode')

    def _on_publishers(self, kind: str, problem: str) -> None:
        """Report that an input has several publishers, or (empty) that it has one again."""
        if problem:
            self._reporter.problem(kind, problem)
        else:
            self._reporter.resolved(kind)

    def _update_trust(self) -> None:
        """Update the guard's trust state and detect loss of autopilot authority."""
        grounded = self._airborne_problem()
        if grounded and self._guard.state in (ENGAGED, SAFE):
            # So that nothing flies on by itself after the next take-off.
            self._engage_pending = False
            self._guard.disengage(self._now_s(), grounded)
            self.get_logger().warning(f'disengaged: {grounded}')
        status = self._output.status
        lost = status is not None and status.connected is False
        # Without odometry the adapter can make standstill at most, which is the safe command.
        blind = self._odometry_problem() if self._adapter.needs_odometry else ''
        if blind.startswith(NO_ODOMETRY):
            # Without its age, so that the reason stays the same.
            blind = blind.partition(': ')[0]
        self._guard.inhibit(
            self._duplicates or ('the autopilot is not connected' if lost else '') or blind
        )
        if status is None or lost:
            return
        has_authority = status.accepts_setpoints is not False and status.armed is not False
        lost_authority = self._had_authority and not has_authority
        if lost_authority and self._guard.state not in SILENT_STATES:
            what = f'mode {status.mode}' if status.accepts_setpoints is False else 'disarmed'
            # From now on the human flies; the pilot flies again only after guard/engage.
            self._on_override(f'a human has the vehicle ({what})')
            self._on_override('')
        self._had_authority = has_authority
        if self._stateful is not None and not has_authority:
            # What it would integrate now would be an error that no setpoint has caused.
            self._stateful.reset()

    @property
    def _vehicle_state(self) -> VehicleState | None:
        """Return the odometry if it is recent enough to be used, else None."""
        if self._odometry_input is None:
            return None
        settings = self.settings.current
        if settings.lockstep:
            return self._odometry_input.newest
        return self._odometry_input.latest_within(settings.command_timeout_s, self._clock_ns())

    def _airborne_problem(self) -> str:
        """Return why nothing may be sent to a vehicle that does not fly; empty where it may."""
        if self.settings.current.lockstep:
            return ''
        commanding = self._guard.state not in SILENT_STATES
        return self._airborne.problem(self._output.status, commanding, self.steady_s())

    def _odometry_problem(self) -> str:
        """Return why the odometry cannot be used; empty where it can, or is not needed."""
        if self._odometry_input is None:
            return ''
        timeout_s = self.settings.current.command_timeout_s
        return self._odometry_input.problem(timeout_s, self._clock_ns())

    def _clock_ns(self) -> int | None:
        """Return the clock that stamps are compared with; None where they are of another one."""
        checks_stamps = self.settings.current.check_stamp_age
        return self.get_clock().now().nanoseconds if checks_stamps else None

    def _age_s(self, stamp_ns: int) -> float:
        return (self.get_clock().now().nanoseconds - stamp_ns) * 1e-9

    def _stamped_now(self, command: Command) -> Command:
        return command._replace(stamp_ns=self.get_clock().now().nanoseconds)

    def _send(self, command: Command) -> None:
        """Convert a command and send it.

        Nothing is sent when the adapter cannot convert it, or when the output fails. Then the
        failsafe of the autopilot acts. Nothing is sent to a vehicle on the ground either.
        """
        if self._airborne_problem():
            return
        try:
            setpoint = self._adapter.convert(command, self._vehicle_state)
        except ObservationError as error:
            self._reporter.problem('odometry', str(error))
            return
        self._reporter.resolved('odometry')
        try:
            self._output.send(setpoint)
        except LiquidPilotError as error:
            self._reporter.problem('output', str(error))
            return
        self._reporter.resolved('output')

    def _log_decision(self, decision: Decision) -> None:
        if decision.reason and decision.state not in (*SILENT_STATES, STOPPED):
            if decision.reason != 'waiting for the first command':
                level = ERROR if decision.state == SAFE else WARNING
                self._reporter.problem('command', f'guard: {decision.reason}', level)
        elif not decision.reason:
            self._reporter.resolved('command')

    def _engage(self) -> tuple[bool, str]:
        """Engage, outside lock-step only if commands arrive and all checks pass.

        Returns:
            Whether the guard is engaged, and a message with the reasons if not.
        """
        return self._guard.engage(self._now_s(), self._failed_checks())

    def _failed_checks(self) -> list[str]:
        """Return what prevents the guard from engaging now; in lock-step nothing does."""
        settings = self.settings.current
        failed: list[str] = []
        if settings.lockstep:
            return failed
        age_s = None if self._command_s is None else self.steady_s() - self._command_s
        if age_s is None or age_s > settings.command_timeout_s:
            topic = self.resolve_topic_name(topics.PILOT_COMMAND)
            failed.append(
                f'no command on {topic} in the last {settings.command_timeout_s:g} '
                's; see what the pilot says on /diagnostics'
            )
        failed += filter(None, [self._odometry_problem(), self._airborne_problem()])
        if settings.preflight:
            failed += filter(None, [self._monitors.possible_duplicates])
            found = failed_checks(
                self._monitors.readiness, self._output.status, settings.requirements()
            )
            if stale := self._monitors.stale_reports:
                # In place of what is said about a pilot that reports nothing.
                found[0] = stale
            failed += found
        return failed

    def _on_override(self, reason: str) -> None:
        previous = self._guard.state
        self._guard.override(reason)
        self._engage_pending = False
        what = 'nothing is sent'
        if self._hand is not None:
            self._hand.follow(bool(reason), self._now_s(), self._guard.home_enu_m)
            what = f'{self.resolve_topic_name(topics.HAND_COMMAND)} is sent'
        if self._guard.state != previous:
            # The pilot, and who learns from the human, read it from the status.
            self._reporter.publish()
            self.get_logger().warning(
                f'{reason}: {what}'
                if reason
                else 'the human has given the vehicle back; engage to go on'
            )

    def _on_engage(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        if request.data:
            response.success, response.message = self._engage()
        else:
            self._engage_pending = False
            flying = self._guard.state not in SILENT_STATES
            response.success, response.message = self._guard.disengage(self._now_s())
            if flying and not self.settings.current.lockstep:
                self._send_safe()
        self.get_logger().info(response.message)
        self._reporter.publish()
        return response

    def _on_stop(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._engage_pending = False
        response.success, response.message = self._guard.stop(self._now_s())
        if response.success:
            self._send_safe()
        self.get_logger().warning(response.message)
        self._reporter.publish()
        return response

    def _send_safe(self) -> None:
        self._send(self._stamped_now(self._guard.check(self._now_s()).command))

    def _describe(self) -> tuple[str, dict[str, str]]:
        values = {'adapter': self._adapter.name, 'reason': self._guard.reason}
        if self._hand is not None and self._hand.reason:
            values['hand'] = self._hand.reason
        values.update({} if self._reporting is None else self._reporting.values)
        if self._guard.state in (*SILENT_STATES, STOPPED):
            failed = self._failed_checks()
            values['failed_checks'] = str(len(failed))
            values.update({f'failed_check_{k}': text for k, text in enumerate(failed, 1)})
        if self.settings.current.check_stamp_age:
            # From the stamp of the frame to the setpoint of the vehicle, including the frame's age.
            values.update(
                {
                    f'frame_to_vehicle_{name}_ms': format_number(
                        self._sent_health.latency_ms(quantile), 2
                    )
                    for name, quantile in (('p50', 0.5), ('p99', 0.99))
                }
            )
        return self._guard.state, values

    def close(self) -> None:
        """Send the safe command, so that the vehicle does not keep the last command."""
        if self._guard.state not in SILENT_STATES and not self.settings.current.lockstep:
            self._guard.disengage(self._now_s())
            self._send_safe()
            # A message that is not yet read is lost when its publisher ends.
            self._output.flush(_FINAL_FLUSH_TIMEOUT_NS)
        if self._reporting is not None:
            self._reporting.close()


def main() -> int:
    """Entry point of the executable."""
    request_time_slice(FLIGHT_S)
    return node_base.run('guard', GuardNode)


if __name__ == '__main__':
    node_base.exit_process(main())
