"""What the pilot looked at, and what drove its command, at the moments that a report shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from liquid_pilot.evaluation.flight_report.flight_record import FlightMoment, FlightRecord
from liquid_pilot.explanation.core_paths import CorePaths, CoreTick, PathDecomposition
from liquid_pilot.explanation.overlay import overlay
from liquid_pilot.explanation.pixels import PixelExplainer
from liquid_pilot.explanation.strongest_paths import CorePath, path_text, strongest_paths
from liquid_pilot.interfaces import ImageBuffer, LiquidPilotError
from liquid_pilot.onboard.adaptation.novelty_gate import NoveltyGateSettings
from liquid_pilot.onboard.inference.recurrent_cores import IMU_INPUTS
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor
from liquid_pilot.pilot_file import PilotFile

WINDOW_S = 1.0
"""Time over which the inputs of a command are told apart from what the core remembered before."""
COMMANDS = ('forward', 'sideways', 'vertical', 'turn')
UNITS = ('m/s', 'm/s', 'm/s', 'rad/s')
TURN = 3
"""Number of the value of a command that is explained: why did it turn?"""
_PATHS = 2
_FULL = 0.85
"""Share of the window that counts as all of it: a tick at its edge may be missing."""
_SEARCHED = 500
"""Number of the strongest paths among which those in the direction of a turn are picked."""
SHOWN_RAD_S = 0.005
"""Size below which a turn, or a part of it, is zero in two decimals."""
Float = npt.NDArray[np.floating]


class Part(NamedTuple):
    """One part of a command."""

    label: str
    value: float


class Drivers(NamedTuple):
    """What drove a turn, compared with the core at rest at its training's mean; in rad/s."""

    value: float
    """Yaw rate that was commanded; to the left is positive."""
    parts: tuple[Part, ...]
    """Parts that add up to it."""
    paths: tuple[Part, ...]
    """The strongest paths through the neurons in the direction of the turn; may be empty."""


@dataclass
class Explained:
    """A moment with its explanation; None where there is none."""

    moment: FlightMoment
    picture: npt.NDArray[np.uint8] | None = None
    """(H, W, 3) the frame with what counted in it laid over."""
    drivers: Drivers | None = None
    rejected: bool = False
    """Whether the novelty gate rejected the frame, so that nothing in it counted."""
    accepted_s: float = math.nan
    """Time of flight of the last frame that the gate accepted, where it rejected this one."""


class Explainer:
    """Explains the moments of missions of one pilot.

    Args:
        pilot: the pilot file that flew.
    """

    def __init__(self, pilot: PilotFile) -> None:
        self._pilot = pilot
        self.problems: list[str] = []
        """Why something cannot be explained, each in a sentence."""
        self._preprocess = Preprocessor(pilot.specification.camera)
        self._pixels: PixelExplainer | None = None
        self.paths: CorePaths | None = None
        """The paths of a liquid core; None of another one."""
        try:
            self._pixels = PixelExplainer(pilot)
        except LiquidPilotError as error:
            self.problems.append(f'What the pilot looked at cannot be shown: {error}.')
        try:
            self.paths = CorePaths(pilot)
        except LiquidPilotError as error:
            self.problems.append(f'What drove its commands cannot be shown: {error}.')

    @property
    def trained_filter_s(self) -> float:
        """Geometric mean of the temporal filter's time constants as trained, s; NaN without one."""
        statistics = self._pilot.training_statistics
        return (
            math.nan
            if statistics is None
            else float(np.exp(np.log(statistics.filter_tau_s).mean()))
        )

    @property
    def novelty_thresholds(self) -> Float | None:
        """(3,) distances of features, change and texture beyond which a frame may be novel."""
        statistics = self._pilot.training_statistics
        if statistics is None:
            return None
        factor = NoveltyGateSettings().training_threshold_factor
        return np.asarray(statistics.ood_thresholds, np.float64) * factor

    def core_inputs(self, readings: Float) -> Float:
        """Return the inputs of the core from readings (..., F + 6), whose IMU is in SI units."""
        specification, inputs = self._pilot.specification, np.array(readings, np.float64)
        inputs[..., -IMU_INPUTS:] -= specification.imu_mean
        inputs[..., -IMU_INPUTS:] /= specification.imu_scale
        return inputs

    def trained_tau_s(self, record: FlightRecord) -> Float:
        """Return the time constants (T, N) that the core would have had as trained, s."""
        if self.paths is None or not len(record.readings) or not len(record.state):
            return np.empty(0)
        inputs, tick = self.core_inputs(record.readings), self.paths.tick
        return np.array(
            [
                tick.time_constants(state, each)
                if np.isfinite(each).all() and np.isfinite(state).all()
                else np.full(len(state), np.nan)
                for state, each in zip(record.state.astype(np.float64), inputs, strict=True)
            ]
        )

    def explain(self, record: FlightRecord) -> list[Explained]:
        """Return the moments of a mission, each explained as far as it can be."""
        return [self._explain(record, moment) for moment in record.moments]

    def _explain(self, record: FlightRecord, moment: FlightMoment) -> Explained:
        rejected = bool(len(record.time_s)) and bool(record.novel[self._index(record, moment)])
        explained = Explained(moment, rejected=rejected)
        if rejected:
            index = self._index(record, moment)
            accepted = np.flatnonzero(~record.novel[:index])
            explained.accepted_s = float(record.time_s[accepted[-1]]) if len(accepted) else math.nan
        by_feature = None
        # An explanation that fails leaves its place empty, and the page is made.
        try:
            found = self._decompose(record, moment)
            if found is not None and self.paths is not None:
                span_s = self._window_span_s(record, moment, len(found.from_inputs))
                explained.drivers = self._drivers(found, rejected, span_s)
                by_feature = found.by_input[TURN, :-IMU_INPUTS]
                if not np.abs(by_feature).any():
                    by_feature = None
        except (LiquidPilotError, ValueError, FloatingPointError, IndexError) as error:
            self.problems.append(f'What drove a command cannot be shown: {error}.')
        if self._pixels is None or rejected or not moment.rgb.size:
            return explained
        try:
            picture = self._preprocessed(moment.rgb)
            saliency = self._pixels.explain(picture, by_feature=by_feature)
            explained.picture = overlay(moment.rgb, saliency)
        except (LiquidPilotError, ValueError, FloatingPointError) as error:
            self.problems.append(f'What the pilot looked at cannot be shown: {error}.')
        return explained

    def _preprocessed(self, rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        height, width = rgb.shape[:2]
        return self._preprocess(ImageBuffer(rgb.tobytes(), width, height, 3 * width, 'rgb8'))

    def _decompose(self, record: FlightRecord, moment: FlightMoment) -> PathDecomposition | None:
        """Return the decomposition of a command over the last second."""
        if self.paths is None or not math.isfinite(moment.dt_s) or not moment.state.size:
            return None
        ticks = self._window(record, moment)
        state = moment.state if len(ticks) == 1 else self._state_before(record, moment, len(ticks))
        return self.paths.decompose_window(state.astype(np.float64), ticks)

    def _window(self, record: FlightRecord, moment: FlightMoment) -> list[CoreTick]:
        """Return the ticks of the last second before a moment, with the moment's own one."""
        last = CoreTick(
            self.core_inputs(moment.readings),
            moment.dt_s,
            self._log_cm(moment.state_after, moment.readings, moment.tau_s),
        )
        index = self._index(record, moment)
        steps = np.diff(record.time_s, prepend=record.time_s[:1])
        ticks: list[CoreTick] = []
        if len(record.readings) == len(record.time_s) == len(record.tau_s):
            for k in range(index - 1, 0, -1):
                rows = record.readings[k], record.state[k], record.tau_s[k], record.state[k - 1]
                apart_s = float(record.time_s[index] - record.time_s[k])
                if apart_s > WINDOW_S or not all(np.isfinite(row).all() for row in rows):
                    break
                log_cm = self._log_cm(record.state[k], record.readings[k], record.tau_s[k])
                ticks.append(
                    CoreTick(self.core_inputs(record.readings[k]), float(steps[k]), log_cm)
                )
        return [*reversed(ticks), last]

    def _log_cm(self, state: Float, readings: Float, tau_s: Float) -> Float | None:
        """Return the log-scales of cm from the time constants; see `core_paths.trace_tick`."""
        assert self.paths is not None
        trained_s = self.paths.tick.time_constants(
            state.astype(np.float64), self.core_inputs(readings)
        )
        log_cm: Float = np.log(tau_s.astype(np.float64) / trained_s)
        # Time constants are kept with eleven bits.
        return log_cm if bool(np.abs(log_cm).max() > 2e-3) else None

    @staticmethod
    def _index(record: FlightRecord, moment: FlightMoment) -> int:
        return int(np.argmin(np.abs(record.time_s - np.float32(moment.time_s))))

    def _state_before(self, record: FlightRecord, moment: FlightMoment, ticks: int) -> Float:
        return record.state[self._index(record, moment) - ticks]

    def _window_span_s(self, record: FlightRecord, moment: FlightMoment, ticks: int) -> float:
        """Return the time over which the inputs before a moment are told apart, s."""
        index = self._index(record, moment)
        return float(record.time_s[index] - record.time_s[index - ticks + 1]) if ticks > 1 else 0.0

    def _drivers(self, found: PathDecomposition, rejected: bool, span_s: float) -> Drivers:
        assert self.paths is not None
        command = TURN
        camera = found.from_inputs[:, command, :-IMU_INPUTS].sum(axis=1)
        imu = found.from_inputs[:, command, -IMU_INPUTS:].sum(axis=1)
        recent, older = window_names(span_s)
        parts = [
            Part('last accepted' if rejected else 'this picture', float(camera[-1])),
            *([Part(recent, float(camera[:-1].sum()))] if recent else []),
            Part('IMU', float(imu.sum())),
            Part(older, float(found.from_state[command].sum())),
            Part('at rest', float(found.reference_command[command])),
        ]
        value = float(found.command[command])
        paths = [
            Part(path_text(self.paths, path).rpartition(' -> ')[0].replace('->', '→'), path.part)
            for path in along(
                value, strongest_paths(self.paths, found, command, _SEARCHED).paths, _PATHS
            )
        ]
        return Drivers(value, tuple(parts), tuple(paths))


def along(value: float, paths: Sequence[CorePath], count: int) -> list[CorePath]:
    """Return the first paths that push where a turn goes; none of a turn that is zero.

    Args:
        value: yaw rate that was commanded, rad/s.
        paths: the paths, the strongest first.
        count: number of paths to return.
    """
    if abs(value) < SHOWN_RAD_S:
        return []
    way = math.copysign(1.0, value)
    return [path for path in paths if way * path.part >= SHOWN_RAD_S][:count]


def window_names(span_s: float) -> tuple[str, str]:
    """Return the names of what came shortly before a moment, and of what came before that.

    Args:
        span_s: time over which the inputs before the moment are told apart, s.

    >>> window_names(1.0), window_names(0.1), window_names(0.0)
    (('last second', 'older memory'), ('last 0.10 s', 'all before that'), ('', 'all before'))
    """
    if span_s <= 0.0:
        return '', 'all before'
    if span_s < _FULL * WINDOW_S:
        return f'last {span_s:.2f} s', 'all before that'
    return 'last second', 'older memory'
