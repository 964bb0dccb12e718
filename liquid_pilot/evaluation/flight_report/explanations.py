"""What the pilot looked at, and what drove its command, at the moments that a report shows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from liquid_pilot.evaluation.flight_report.flight_record import FlightMoment, FlightRecord
from liquid_pilot.explanation.core_paths import CorePaths, CoreTick, PathDecomposition
from liquid_pilot.explanation.overlay import overlay
from liquid_pilot.explanation.pixels import PixelExplainer
from liquid_pilot.explanation.strongest_paths import path_text, strongest_paths
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
    """The strongest paths through the neurons."""


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
                explained.drivers = self._drivers(found, rejected)
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

    def _drivers(self, found: PathDecomposition, rejected: bool) -> Drivers:
        assert self.paths is not None
        command = TURN
        camera = found.from_inputs[:, command, :-IMU_INPUTS].sum(axis=1)
        imu = found.from_inputs[:, command, -IMU_INPUTS:].sum(axis=1)
        window = len(camera) > 1
        parts = [
            Part('last good picture' if rejected else 'this picture', float(camera[-1])),
            *([Part('last second', float(camera[:-1].sum()))] if window else []),
            Part('IMU', float(imu.sum())),
            Part('older memory' if window else 'memory', float(found.from_state[command].sum())),
            Part('at rest', float(found.reference_command[command])),
        ]
        strongest = strongest_paths(self.paths, found, command, _PATHS)
        paths = [
            Part(path_text(self.paths, path).rpartition(' -> ')[0].replace('->', '→'), path.part)
            for path in strongest.paths
        ]
        return Drivers(float(found.command[command]), tuple(parts), tuple(paths))
