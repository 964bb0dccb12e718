"""The frontend of the engine, from the preprocessed image to the features.

`AdaptiveFrontend` is the one of a pilot that adapts: photometric match, temporal filter, encoder
and novelty gate. It acts within one tick; what learns over seconds is `onboard.adaptation.learner`.
A frame that the gate rejects leaves no trace: filter, luminance and features stay as the last
accepted frame left them, and the time constants of the core are scaled up for that tick.
`PassThroughFrontend` is the encoder alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import CameraGeometry
from liquid_pilot.liquid.precompile import precompile_kernels
from liquid_pilot.onboard.adaptation import precompile
from liquid_pilot.onboard.adaptation.frontend_settings import (
    CONSTANT,
    ESTIMATED,
    LEARNED,
    FrontendSettings,
)
from liquid_pilot.onboard.adaptation.learner_messages import FloatArray
from liquid_pilot.onboard.adaptation.novelty_gate import (
    GateStage,
    LogDistances,
    NoveltyGate,
    NoveltyGateState,
    OpenGate,
)
from liquid_pilot.onboard.adaptation.photometric_match import (
    LuminanceStats,
    NoPhotometricMatch,
    PhotometricMatch,
    PhotometricStage,
)
from liquid_pilot.onboard.adaptation.temporal_filter import (
    ConstantGain,
    EstimatedGain,
    FilterStage,
    TemporalFilter,
    TemporalFilterState,
    TemporalFilterStep,
)
from liquid_pilot.pilot_file.training_statistics import TrainingStatistics

Encode = Callable[[FloatArray], npt.NDArray[np.float32]]
"""The encoder: (1, 3, H, W) float32 to features (F,)."""
_MAX_ELAPSED_S = 10.0
"""Bound of the elapsed time, s."""
_GREY_LEVELS = np.float32(255.0)
_NO_BLOCKS: FloatArray = np.zeros((0, 0), np.float32)


class FrontendState(NamedTuple):
    """The state of the frontend; a part is None until it is first used, and while it is off."""

    luminance: LuminanceStats | None = None
    temporal_filter: TemporalFilterState | None = None
    gate: NoveltyGateState | None = None


class FrontendOutput(NamedTuple):
    """The output of the frontend for one frame."""

    features: npt.NDArray[np.float32]
    """(F,) features for the core."""
    state: FrontendState
    """The state after the frame."""
    error: FloatArray
    """(R, C) frame-prediction error (see `temporal_filter`); zero for a rejected frame, and of
    shape (0, 0) without a temporal filter."""
    gradient: FloatArray
    """(R, C) gradient of half the error with respect to log(tau); zero or empty as `error`."""
    elapsed_s: float
    """Time since the last accepted frame, by which filter and match were stepped, s."""
    novel: bool = False
    """Whether the novelty gate finds the frame unlike training."""
    log_core_time_scale: float = 0.0
    """Logarithm of the factor on the core's time constants in this tick."""
    speed_factor: float = 1.0
    """Factor on the command in [0, 1]; below 1 after a while of novel frames."""
    gain: float = 1.0
    """The gain of the photometric match."""
    log_distances: LogDistances = (0.0, 0.0, 0.0)
    """Logarithms of the novelty gate's distances."""
    filter_tau_s: FloatArray = _NO_BLOCKS
    """(R, C) time constants by which the temporal filter was stepped, s; (0, 0) without one."""
    filter_gain: FloatArray = _NO_BLOCKS
    """(R, C) gains that follow from them; (0, 0) while they are learned, and without a filter."""
    filter_noise: FloatArray = _NO_BLOCKS
    """(R, C) estimated standard deviation of the noise, grey levels of 255; (0, 0) unless the gain
    is estimated."""

    @property
    def gate(self) -> tuple[float, ...]:
        """The values in the order of `nodes.common.trace_messages.GATE_FIELDS`."""
        return (
            float(self.novel),
            self.elapsed_s,
            self.state.gate.rejected_s if self.state.gate is not None else 0.0,
            self.log_core_time_scale,
            self.speed_factor,
            self.gain,
            *self.log_distances,
        )


class FrontendStage(Protocol):
    """The stage of the engine from the image to the features."""

    def initial_state(self) -> FrontendState:
        """Return the state before the first frame."""
        ...

    def process(
        self,
        image: FloatArray,
        state: FrontendState,
        dt_s: float,
        rates_flu_rad_s: npt.NDArray[np.float64],
        log_scale: FloatArray | None = None,
    ) -> FrontendOutput:
        """Process one frame; see `AdaptiveFrontend.process`."""
        ...

    def warm_up(self) -> None:
        """Compile or load everything that a frame needs."""
        ...


class PassThroughFrontend:
    """The frontend of a pilot that does not adapt: the encoder alone."""

    def __init__(self, encode: Encode) -> None:
        self._encode = encode

    def initial_state(self) -> FrontendState:
        """Return the empty state."""
        return FrontendState()

    def process(
        self,
        image: FloatArray,
        state: FrontendState,
        dt_s: float,
        rates_flu_rad_s: npt.NDArray[np.float64],
        log_scale: FloatArray | None = None,
    ) -> FrontendOutput:
        """Return the encoder's features of one frame; see `AdaptiveFrontend.process`."""
        return FrontendOutput(self._encode(image), state, _NO_BLOCKS, _NO_BLOCKS, dt_s)

    def warm_up(self) -> None:
        """Do nothing: there is no kernel to compile."""


class AdaptiveFrontend:
    """The frontend of a pilot that adapts.

    Args:
        statistics: training statistics of the pilot.
        encode: the encoder.
        camera: the camera that the pilot was trained with; it looks along the vehicle's x axis.
        period_s: frame period of training, s.
        settings: settings of the frontend; None for the defaults.
    """

    def __init__(
        self,
        statistics: TrainingStatistics,
        encode: Encode,
        camera: CameraGeometry,
        period_s: float,
        settings: FrontendSettings | None = None,
    ) -> None:
        self._statistics = statistics
        self._encode = encode
        self._filter = TemporalFilter(statistics.filter_tau_s, camera.height, camera.width)
        self._period_s = period_s
        self._focal_px = camera.fx, camera.fy
        self._max_shift_px = camera.width, camera.height
        self._image_size = camera.height, camera.width
        self._zero_grid: FloatArray = np.zeros(statistics.filter_tau_s.shape, np.float32)
        self.configure(settings or FrontendSettings())

    def warm_up(self) -> None:
        """Compile the kernels in another process, unless they are cached."""
        precompile_kernels(precompile.KERNELS, precompile.__name__)

    def configure(self, settings: FrontendSettings) -> None:
        """Use other settings from the next tick on."""
        self.settings = settings
        self._photometric: PhotometricStage = NoPhotometricMatch()
        if settings.photometric:
            self._photometric = PhotometricMatch(self._statistics, *self._image_size)
        self._filter_stage: FilterStage = self._filter
        if settings.filter_gain == ESTIMATED:
            self._filter_stage = EstimatedGain(self._filter)
        elif settings.filter_gain == CONSTANT:
            self._filter_stage = ConstantGain(self._filter, settings.constant_filter_factor)
        self._gate: GateStage = OpenGate()
        if (
            settings.reject_novel_frames
            or settings.slow_core_on_novelty
            or settings.slowdown_on_blindness
        ):
            self._gate = NoveltyGate(self._statistics, self._period_s, settings.gate)

    def initial_state(self) -> FrontendState:
        """Return the state before the first frame."""
        return FrontendState()

    def process(
        self,
        image: FloatArray,
        state: FrontendState,
        dt_s: float,
        rates_flu_rad_s: npt.NDArray[np.float64],
        log_scale: FloatArray | None = None,
    ) -> FrontendOutput:
        """Process one frame.

        Args:
            image: (1, 3, H, W) float32 in [0, 1]; it is changed in place.
            state: the state after the last frame.
            dt_s: elapsed time since the last frame, s.
            rates_flu_rad_s: (3,) mean angular velocity since the last frame, rad/s, body FLU.
            log_scale: (R, C) values that were learned, added to the logarithms of the time
                constants of the temporal filter; None: as trained.
        """
        settings = self.settings
        rejected_s = (
            state.gate.rejected_s
            if state.gate is not None and settings.reject_novel_frames
            else 0.0
        )
        elapsed_s = min(dt_s + rejected_s, _MAX_ELAPSED_S)
        luminance, gain = self._photometric.process(image[0], state.luminance, elapsed_s)
        shift_px = (
            self.image_shift_px(rates_flu_rad_s, dt_s)
            if settings.compensate_rotation
            else (0.0, 0.0)
        )
        step = self._filter_stage.step(
            image[0], state.temporal_filter, elapsed_s, log_scale, shift_px
        )
        if settings.temporal_filter:
            image = step.state.potential[None]
        features = self._encode(image)
        novel, gate, log_distances = self._gate.evaluate(features, step.texture, state.gate, dt_s)
        log_core_time_scale, speed_factor = self._response(novel, gate)
        filtered: TemporalFilterState | None = step.state
        error, gradient = step.error, step.gradient
        if novel and settings.reject_novel_frames and gate is not None:
            # Luminance and filter stay as if the frame had not arrived.
            features, error, gradient = gate.last_accepted, self._zero_grid, self._zero_grid
            luminance = state.luminance if settings.photometric else None
            filtered = state.temporal_filter and state.temporal_filter.shifted(shift_px)
        return FrontendOutput(
            features,
            FrontendState(luminance, filtered, gate),
            error,
            gradient,
            elapsed_s,
            novel,
            log_core_time_scale,
            speed_factor,
            gain,
            log_distances,
            step.tau_s,
            *self._own_gain(step),
        )

    def _own_gain(self, step: TemporalFilterStep) -> tuple[FloatArray, FloatArray]:
        """Return gain and noise of the temporal filter, as the output shows them."""
        if self.settings.filter_gain == LEARNED:
            return _NO_BLOCKS, _NO_BLOCKS
        return step.gain, _NO_BLOCKS if step.noise is None else step.noise * _GREY_LEVELS

    def _response(self, novel: bool, gate: NoveltyGateState | None) -> tuple[float, float]:
        """Return the log-scale of the core and the speed factor that answer a frame."""
        settings, log_core_time_scale, speed_factor = self.settings, 0.0, 1.0
        if not novel or gate is None:
            return log_core_time_scale, speed_factor
        if settings.slowdown_on_blindness:
            late_s = max(gate.rejected_s - settings.slowdown_on_blindness_after_s, 0.0)
            speed_factor = math.exp(-late_s / settings.slowdown_on_blindness_time_constant_s)
        if settings.slow_core_on_novelty:
            log_core_time_scale = math.log(settings.core_time_scale_on_novelty)
        return log_core_time_scale, speed_factor

    def image_shift_px(
        self, rates_flu_rad_s: npt.NDArray[np.float64], dt_s: float
    ) -> tuple[float, float]:
        """Return the image motion by yaw and pitch of the camera; roll is neglected.

        Args:
            rates_flu_rad_s: (3,) mean angular velocity, rad/s, body FLU.
            dt_s: elapsed time, s.

        Returns:
            Motion right and down, at most the size of the image, pixels.
        """
        _, pitch, yaw = rates_flu_rad_s.tolist()
        (fx, fy), (max_right, max_down) = self._focal_px, self._max_shift_px
        return (
            min(max(fx * yaw * dt_s, -max_right), max_right),
            min(max(fy * -pitch * dt_s, -max_down), max_down),
        )
