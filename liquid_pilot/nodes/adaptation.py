"""The adaptation node: subscribes to `pilot/trace` and publishes `adaptation/time_scales`.

It learns time scales from the traces of the pilot's ticks (`onboard.adaptation.learner`) and
proposes them. The pilot accepts them within its own bounds, between two ticks. Without this node
the pilot flies on with the trained time constants. State and reason are published on /diagnostics
and logged when they change.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rclpy.parameter import Parameter
from std_msgs.msg import Float32MultiArray, Float64MultiArray
from std_srvs.srv import SetBool, Trigger

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common import node_base, qos, topics, trace_messages
from liquid_pilot.nodes.common.diagnostics import DiagnosticsReporter
from liquid_pilot.nodes.common.flight_settings import FlightSettings
from liquid_pilot.nodes.common.health import WARNING
from liquid_pilot.nodes.common.parameters import Settings
from liquid_pilot.onboard.adaptation.learner import (
    ConfigurableLearner,
    LearnerSettings,
    PersistentLearner,
)
from liquid_pilot.onboard.adaptation.learner_faults import (
    checked_description,
    checked_update,
    contained_faults,
)
from liquid_pilot.onboard.adaptation.learner_messages import (
    LearnerInput,
    TimeScaleUpdate,
    trained_time_scales,
)
from liquid_pilot.onboard.adaptation.learner_registry import make_learner
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.onboard.inference.correction import TrustRegion
from liquid_pilot.onboard.teaching.settings import NO_LESSON, TeachingSettings
from liquid_pilot.utils.atomic_write import write_atomically
from liquid_pilot.utils.path_checks import user_path
from liquid_pilot.utils.settings import extract, setting, setting_from

if TYPE_CHECKING:
    from liquid_pilot.nodes.common.teaching.lesson_server import LessonServer

_STATE_LOG_PERIOD_S = 0.5
_FAILED = 'failed'
"""State of a learner that cannot say its state."""


@dataclass(frozen=True)
class AdaptationParameters:
    """Parameters of the adaptation node."""

    pilot: str = setting_from(FlightSettings, 'pilot')
    enabled: bool = setting(True, 'learn; false: propose the trained time scales', live=True)
    rule: str = setting_from(AdaptationSettings, 'rule')
    learn_temporal_filter: bool = setting_from(LearnerSettings, 'learn_temporal_filter', live=True)
    filter_learning_rate: float = setting_from(LearnerSettings, 'filter_learning_rate', live=True)
    decay_to_trained_s: float = setting_from(LearnerSettings, 'decay_to_trained_s', live=True)
    keep_on_pilot_reset: bool = setting(
        True, 'keep the learned time scales when the pilot is reset; false: discard them', live=True
    )
    snapshot: str = setting(
        '',
        'file of the learned time scales, for adaptation/snapshot and adaptation/restore; it is '
        'also written every snapshot_period_s and read at the start; empty: none',
    )
    lesson: str = setting_from(TeachingSettings, 'lesson')
    lesson_live: bool = setting(
        False, 'fly at once with what a hand teaches; false: when it is accepted by lesson/accept'
    )
    taught_pilot: str = setting(
        '', 'folder of the pilot that lesson/save writes; empty: none is written'
    )
    max_taught_output: float = setting_from(TrustRegion, 'max_taught_output')
    max_taught_change: float = setting_from(TrustRegion, 'max_taught_change')
    max_taught_aim_deg: float = setting_from(TrustRegion, 'max_taught_aim_deg')
    snapshot_period_s: float = setting(
        5.0, 'period at which the snapshot is written', 's', low=0.5, high=3600.0
    )

    def learner_settings(self) -> LearnerSettings:
        """Return the settings of the learner."""
        return extract(LearnerSettings, self)

    def teaching_settings(self) -> TeachingSettings:
        """Return the settings of the lesson."""
        return TeachingSettings(self.lesson, trust_region=extract(TrustRegion, self))


class AdaptationNode(node_base.LiquidNode):
    """Feeds traces to the learner and publishes what it proposes."""

    parameters = AdaptationParameters
    settings: Settings[AdaptationParameters]

    def __init__(self) -> None:
        """Load the pilot, and the snapshot where there is one.

        Raises:
            LiquidPilotError: the pilot file or the snapshot is missing or damaged, or there is to
                be a snapshot of a learner that cannot be saved.
        """
        super().__init__('adaptation')
        settings = self.settings.current
        self._reporter = DiagnosticsReporter(self, self._describe)
        pilot = pilot_file.load(pilot_file.resolve(settings.pilot))
        self._digest = pilot.digest
        statistics = pilot.require_statistics()
        self._blocks = statistics.filter_tau_s.shape
        self._neurons = pilot.wiring.neurons if pilot.wiring else 0
        self._learner = make_learner(
            settings.rule, statistics, self._neurons, settings.learner_settings(), pilot
        )
        self._lesson: LessonServer | None = None
        if settings.lesson != NO_LESSON:
            # Imported here, since it needs the network, and learning from traces does not.
            from liquid_pilot.nodes.common.teaching.lesson_server import LessonServer

            folder = user_path(settings.taught_pilot) if settings.taught_pilot else None
            self._lesson = LessonServer(
                self,
                pilot,
                settings.teaching_settings(),
                settings.lesson_live,
                folder,
                self._on_lesson_problem,
            )
        self._flight = ''
        self._ended_flights: set[str] = set()
        self._logged_state = ''
        self._file = user_path(settings.snapshot) if settings.snapshot else None
        if self._file is not None:
            # A learner that cannot be saved is refused here, not in flight.
            self._persistent_learner()
            if self._file.exists():
                self._restore()

        self._output = self.create_publisher(Float32MultiArray, topics.TIME_SCALES, qos.TRACE)
        self.create_subscription(Float64MultiArray, topics.PILOT_TRACE, self._on_trace, qos.TRACE)
        self.create_service(SetBool, topics.ADAPTATION_ENABLE, self._on_enable)
        for name, action in (
            (topics.ADAPTATION_RESET, self._reset),
            (topics.ADAPTATION_SNAPSHOT, self._save),
            (topics.ADAPTATION_RESTORE, self._restore),
            *(() if self._lesson is None else self._lesson.actions()),
        ):
            self.create_service(Trigger, name, self._trigger_handler(action))
        self.create_steady_timer(_STATE_LOG_PERIOD_S, self._log_state_change)
        if self._file is not None:
            self.create_steady_timer(settings.snapshot_period_s, self._save_periodically)

    def _on_trace(self, message: Float64MultiArray) -> None:
        arrived_s = self.steady_s()
        settings = self.settings.current
        try:
            trace = trace_messages.unpack_trace(message, self._digest)
            if trace.flight in self._ended_flights:
                return
            learner_input = trace_messages.learner_input_from(trace)
            # Only a valid trace may end the flight that is followed.
            learner_input.validated(self._blocks)
            if trace.flight != self._flight:
                self._follow_flight(trace.flight)
            with self._contained('update'):
                update = self._make_update(learner_input, settings)
                answer = trace_messages.pack_time_scales(update, self._digest, trace.flight)
        except LiquidPilotError as error:
            self._reporter.problem('trace', str(error), WARNING)
            return
        self._output.publish(answer)
        self._reporter.resolved('trace')
        now_s = self.steady_s()
        self._reporter.health.tick(now_s, now_s - arrived_s)

    def _make_update(
        self, learner_input: LearnerInput, settings: AdaptationParameters
    ) -> TimeScaleUpdate:
        """Return the time scales after a tick: learned ones, or the trained ones if disabled."""
        if settings.enabled:
            if isinstance(self._learner, ConfigurableLearner):
                with self._contained('configure'):
                    self._learner.configure(settings.learner_settings())
            return checked_update(self._learner.update(learner_input))
        return trained_time_scales(learner_input.sequence, self._blocks, self._neurons)

    def _contained(self, call: str) -> AbstractContextManager[None]:
        """Return the context in which a method of the learner is called: its faults are ours."""
        return contained_faults(self.settings.current.rule, call)

    def _follow_flight(self, flight: str) -> None:
        """Follow a new flight; traces of the previous one are ignored from now on."""
        # A learner that cannot be reset answers nothing: what it learned was of another flight.
        if not self.settings.current.keep_on_pilot_reset:
            with self._contained('reset'):
                self._learner.reset()
        self._ended_flights.add(self._flight)
        self._flight = flight

    def _trigger_handler(
        self, action: Callable[[], str]
    ) -> Callable[[Trigger.Request, Trigger.Response], Trigger.Response]:
        """Return the handler of a service that performs an action and answers with its result."""

        def handle(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            try:
                response.success, response.message = True, action()
            except (LiquidPilotError, OSError) as error:
                response.success, response.message = False, str(error)
            return response

        return handle

    def _reset(self) -> str:
        with self._contained('reset'):
            self._learner.reset()
        return 'time constants are as trained'

    def _save(self) -> str:
        file = self._snapshot_file()
        with self._contained('snapshot'):
            # Encoded here, so that what is no text is a fault of the learner as well.
            content = self._persistent_learner().snapshot(self._digest).encode()
        write_atomically(file, content)
        return f'written to {file}'

    def _restore(self) -> str:
        file = self._snapshot_file()
        try:
            text = file.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise LiquidPilotError(f'snapshot: {file} cannot be read ({error})') from None
        with self._contained('restore'):
            self._persistent_learner().restore(text, self._digest)
        return f'restored from {file}'

    def _persistent_learner(self) -> PersistentLearner:
        """Return the learner; LiquidPilotError if its state cannot be saved."""
        if not isinstance(self._learner, PersistentLearner):
            raise LiquidPilotError(
                f'snapshot: the learner {self.settings.current.rule!r} cannot be saved; clear the '
                'parameter `snapshot`'
            )
        return self._learner

    def _snapshot_file(self) -> Path:
        if self._file is None:
            raise LiquidPilotError('the parameter `snapshot` names no file')
        return self._file

    def _save_periodically(self) -> None:
        try:
            self._save()
        except OSError as error:
            self._reporter.problem(
                'snapshot', f'snapshot: {self._file} cannot be written ({error.strerror})', WARNING
            )
        except LiquidPilotError as error:
            self._reporter.problem('snapshot', f'snapshot: {error}', WARNING)
        else:
            self._reporter.resolved('snapshot')

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        result = self.set_parameters([Parameter('enabled', value=bool(request.data))])[0]
        response.success = result.successful
        response.message = result.reason or ('learning' if request.data else 'as trained')
        return response

    def _on_lesson_problem(self, problem: str) -> None:
        if problem:
            self._reporter.problem('lesson', problem, WARNING)
        else:
            self._reporter.resolved('lesson')

    def _log_state_change(self) -> None:
        state, reason = self._state()
        if state == _FAILED:
            self._reporter.problem('learner', reason, WARNING)
        else:
            self._reporter.resolved('learner')
        if state != self._logged_state:
            self._logged_state = state
            self.get_logger().info(f'{state}: {reason}')

    def _state(self) -> tuple[str, str]:
        if not self.settings.current.enabled:
            return 'disabled', 'the trained time constants are proposed'
        try:
            with self._contained('describe'):
                return checked_description(self._learner)
        except LiquidPilotError as error:
            return _FAILED, str(error)

    def _describe(self) -> tuple[str, dict[str, str]]:
        if not hasattr(self, '_output'):
            return 'loading', {}
        state, reason = self._state()
        return state, {'reason': reason, **(self._lesson.values() if self._lesson else {})}

    def close(self) -> None:
        """Save what was learned."""
        if hasattr(self, '_output') and self._file is not None:
            self._save_periodically()


def main() -> int:
    """Entry point of the executable."""
    return node_base.run('adaptation', AdaptationNode)


if __name__ == '__main__':
    node_base.exit_process(main())
