"""The adaptation node: `pilot/trace` in, `adaptation/time_constants` out.

It learns time constants from what the pilot's ticks tell (onboard/adaptation.py does) and proposes
them; the pilot takes them within its own bounds, between two ticks. Without this node the pilot
flies on, as trained. State and reason are said on /diagnostics and when they change.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from rclpy.parameter import Parameter
from std_msgs.msg import Float32MultiArray, Float64MultiArray
from std_srvs.srv import SetBool, Trigger

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common import node_base, qos, trace_messages
from liquid_pilot.nodes.common.diagnostics import WARNING, DiagnosticsReporter
from liquid_pilot.nodes.common.parameters import parameter
from liquid_pilot.onboard.adaptation.learner import (
    CORE_LEARNING_MODES,
    LearnerSettings,
    TimeScaleLearner,
)
from liquid_pilot.onboard.adaptation.learner_messages import LearnerInput, TimeScaleUpdate

_DEFAULTS = LearnerSettings()
_STATE_LOG_PERIOD_S = 0.5


@dataclass(frozen=True)
class AdaptationParameters:
    """Parameters of the adaptation node."""

    pilot: str = parameter(
        'forest-ltc', 'pilot that flies: the name of a shipped one, or its folder'
    )
    enabled: bool = parameter(True, 'learn; false: propose the trained time constants', live=True)
    learn_temporal_filter: bool = parameter(
        _DEFAULTS.learn_temporal_filter, "learn the receptors' time constants", live=True
    )
    filter_learning_rate: float = parameter(
        _DEFAULTS.filter_learning_rate,
        'change of log(tau) a second, for a pull of 1',
        '1/s',
        low=0.0,
        high=100.0,
        live=True,
    )
    learn_core: str = parameter(
        _DEFAULTS.learn_core,
        "what of the core is learned; needs the pilot's parameter carry_sensitivities",
        choices=tuple(CORE_LEARNING_MODES),
        live=True,
    )
    core_rate: float = parameter(
        _DEFAULTS.core_rate,
        'change of log(cm) and log(gleak) a second, for a gradient of its own usual size',
        '1/s',
        low=0.0,
        high=10.0,
        live=True,
    )
    decay_to_trained_s: float = parameter(
        _DEFAULTS.decay_to_trained_s,
        'time constant of the way back to the trained values',
        's',
        low=0.1,
        high=1e6,
        live=True,
    )
    keep_on_pilot_reset: bool = parameter(
        True, 'when the pilot starts anew, keep what was learned; false: forget it', live=True
    )
    snapshot: str = parameter(
        '',
        'file for adaptation/snapshot and adaptation/restore; it is also written every '
        'snapshot_period_s and read at the start; empty: none',
    )
    snapshot_period_s: float = parameter(5.0, 'see snapshot', 's', low=0.5, high=3600.0)

    def learner(self) -> LearnerSettings:
        """As the learner takes it."""
        return LearnerSettings(
            self.learn_temporal_filter,
            self.filter_learning_rate,
            self.learn_core,
            self.core_rate,
            self.decay_to_trained_s,
        )


class AdaptationNode(node_base.LiquidNode):
    """See the module."""

    parameters = AdaptationParameters

    def __init__(self) -> None:
        super().__init__('adaptation')
        now = self.settings.now
        self._reporter = DiagnosticsReporter(self, self._describe)
        pilot = pilot_file.load(pilot_file.resolve(now.pilot))
        self._digest = pilot.digest
        neurons = pilot.wiring.neurons if pilot.wiring else 0
        self._learner = TimeScaleLearner(pilot.known(), neurons, now.learner())
        self._flight = ''
        self._ended_flights: set[str] = set()
        self._said = ''
        self._file = Path(now.snapshot).expanduser() if now.snapshot else None
        if self._file is not None and self._file.exists():
            self._restore()

        self._output = self.create_publisher(
            Float32MultiArray, 'adaptation/time_constants', qos.TRACE
        )
        self.create_subscription(Float64MultiArray, 'pilot/trace', self._on_trace, qos.TRACE)
        self.create_service(SetBool, 'adaptation/enable', self._on_enable)
        for name, do in (
            ('reset', self._reset),
            ('snapshot', self._save),
            ('restore', self._restore),
        ):
            self.create_service(Trigger, f'adaptation/{name}', self._trigger_handler(do))
        self.every(_STATE_LOG_PERIOD_S, self._look)
        if self._file is not None:
            self.every(now.snapshot_period_s, self._keep)

    def _on_trace(self, message: Float64MultiArray) -> None:
        arrived_s = self.steady_s()
        settings = self.settings.now
        try:
            trace = trace_messages.unpack_trace(message, self._digest)
            if trace.flight in self._ended_flights:
                return
            evidence = trace_messages.learner_input_from(trace)
            # Only what could be learned from may end the flight that is followed.
            self._learner.check(evidence)
            if trace.flight != self._flight:
                self._begin(trace.flight)
            proposal = self._answer(evidence, settings)
        except LiquidPilotError as error:
            self._reporter.problem('trace', str(error), WARNING)
            return
        self._output.publish(trace_messages.pack_time_scales(proposal, self._digest, trace.flight))
        self._reporter.resolved('trace')
        now_s = self.steady_s()
        self._reporter.health.tick(now_s, now_s - arrived_s)

    def _answer(self, evidence: LearnerInput, settings: AdaptationParameters) -> TimeScaleUpdate:
        """What is learned from a tick, or, disabled, the trained time constants."""
        if settings.enabled:
            self._learner.settings = settings.learner()
            return self._learner.add(evidence)
        now = self._learner.proposal
        return TimeScaleUpdate(
            evidence.sequence, 0 * now.receptors, 0 * now.log_cm, 0 * now.log_gleak
        )

    def _begin(self, flight: str) -> None:
        """Follow another flight."""
        self._ended_flights.add(self._flight)
        self._flight = flight
        if not self.settings.now.keep_on_pilot_reset:
            self._learner.reset()

    def _trigger_handler(self, do: object) -> object:
        def answer(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            try:
                response.success, response.message = True, do()
            except (LiquidPilotError, OSError) as error:
                response.success, response.message = False, str(error)
            return response

        return answer

    def _reset(self) -> str:
        self._learner.reset()
        return 'time constants are as trained'

    def _save(self) -> str:
        file = self._snapshot_file()
        partial = file.with_name(f'.{file.name}.partial')
        partial.write_text(self._learner.snapshot(self._digest))
        partial.replace(file)
        return f'written to {file}'

    def _restore(self) -> str:
        file = self._snapshot_file()
        try:
            text = file.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise LiquidPilotError(f'snapshot: {file} cannot be read ({error})') from None
        self._learner.restore(text, self._digest)
        return f'restored from {file}'

    def _snapshot_file(self) -> Path:
        if self._file is None:
            raise LiquidPilotError('the parameter `snapshot` names no file')
        return self._file

    def _keep(self) -> None:
        try:
            self._save()
        except OSError as error:
            self._reporter.problem(
                'snapshot', f'snapshot: {self._file} cannot be written ({error.strerror})', WARNING
            )
        else:
            self._reporter.resolved('snapshot')

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        result = self.set_parameters([Parameter('enabled', value=bool(request.data))])[0]
        response.success = result.successful
        response.message = result.reason or ('learning' if request.data else 'as trained')
        return response

    def _look(self) -> None:
        state, reason = self._state()
        if state != self._said:
            self._said = state
            self.get_logger().info(f'{state}: {reason}')

    def _state(self) -> tuple[str, str]:
        if not self.settings.now.enabled:
            return 'disabled', 'the trained time constants are proposed'
        return self._learner.describe()

    def _describe(self) -> tuple[str, dict[str, str]]:
        if not hasattr(self, '_output'):
            return 'loading', {}
        state, reason = self._state()
        return state, {'reason': reason}

    def close(self) -> None:
        """Keep what was learned."""
        if hasattr(self, '_output') and self._file is not None:
            self._keep()


def main() -> int:
    """Entry point of the executable."""
    return node_base.run('adaptation', AdaptationNode)


if __name__ == '__main__':
    sys.exit(main())
