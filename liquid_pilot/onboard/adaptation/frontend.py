"""What stands before the core when a pilot adapts: photometric match, receptors, surprise gate.

Everything here acts within one tick; what learns over seconds is `onboard.adaptation.learner`. A frame that
the gate refuses leaves no trace: receptors, light and features stay as the last believed frame left
them, and the core's time constants are stretched for that tick.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from liquid_pilot.interfaces import CameraGeometry
from liquid_pilot.liquid import _sensitivity_kernels
from liquid_pilot.liquid.precompile import precompile_kernels
from liquid_pilot.onboard.adaptation import _filter_kernels as kernels
from liquid_pilot.onboard.adaptation.novelty_gate import (
    NoveltyGate,
    NoveltyGateSettings,
    NoveltyGateState,
)
from liquid_pilot.onboard.adaptation.photometric_match import LuminanceStats, PhotometricMatch
from liquid_pilot.onboard.adaptation.temporal_filter import TemporalFilter, TemporalFilterState
from liquid_pilot.onboard.adaptation.time_scales import TimeScales
from liquid_pilot.pilot_file.training_statistics import TrainingStatistics

_MAX_ELAPSED_S = 10.0
"""Longer ago than this is all the same."""


@dataclass(frozen=True)
class FrontendSettings:
    """Which parts act; each may be switched between two ticks."""

    photometric: bool = True
    receptors: bool = True
    follow_rotation: bool = True
    """What the receptors hold moves with the picture when the camera turns."""
    reject_novel_frames: bool = True
    """The gate refuses frames."""
    slow_core_on_novelty: bool = True
    """The gate stretches the core's time constants."""
    stretch: float = 16.0
    """Factor on them."""
    slowdown_on_blindness: bool = True
    """A vehicle that has been blind for a while slows down."""
    slowdown_on_blindness_after_s: float = 0.25
    slowdown_on_blindness_time_constant_s: float = 0.3
    """The command fades by this time constant."""
    govern: bool = True
    """A car drives slower where its tyres give way (`grip`)."""
    leak_friction_exponent: float = 0.0
    """A car's core leaks more there: log(gleak) rises by so much times -log(share of grip)."""
    carry_sensitivities: bool = False
    """The core's sensitivities are carried along, for the learner's slow part."""
    gate: NoveltyGateSettings = field(default_factory=NoveltyGateSettings)


class FrontendState(NamedTuple):
    """What the front leaves to the next tick; None for what has not begun."""

    light: LuminanceStats | None = None
    receptors: TemporalFilterState | None = None
    gate: NoveltyGateState | None = None


class FrontendOutput(NamedTuple):
    """What the front made of a frame."""

    features: np.ndarray
    """(F,) float32 that the core is to believe."""
    state: FrontendState
    error: np.ndarray
    """(R, C) float32, see `receptors`; zero for a frame that was refused."""
    gradient: np.ndarray
    elapsed_s: float
    """Since the last frame that was believed: what receptors and match were stepped by."""
    novel: bool
    log_core_time_scale: float
    """To add to the core's log time constants in this tick."""
    trust: float
    """Factor on the command: below 1 when nothing has been believed for a while."""
    gain: float
    """Of the photometric match."""
    distance: tuple[float, float, float]
    """Logarithms of the gate's distances."""

    @property
    def gate(self) -> tuple[float, ...]:
        """As `nodes.common.trace_messages.GATE` names them."""
        blind_s = self.state.gate.held_s if self.state.gate is not None else 0.0
        return (
            float(self.novel),
            self.elapsed_s,
            blind_s,
            self.log_core_time_scale,
            self.trust,
            self.gain,
            *self.distance,
        )


class AdaptiveFrontend:
    """The front of one pilot; `encode` maps (1, 3, H, W) float32 to features (F,)."""

    def __init__(
        self,
        statistics: TrainingStatistics,
        encode: Callable[[np.ndarray], np.ndarray],
        camera: CameraGeometry,
        period_s: float,
        settings: FrontendSettings | None = None,
    ) -> None:
        self.training_statistics = statistics
        self._encode = encode
        self._match = PhotometricMatch(statistics.light)
        self._receptors = TemporalFilter(statistics.receptor_tau_s, camera.height, camera.width)
        self._period_s = period_s
        self._focal = camera.fx, camera.fy
        self._max_shift_px = camera.width, camera.height
        self._nothing = np.zeros(statistics.receptor_tau_s.shape, np.float32)
        self.configure(settings or FrontendSettings())

    def warm_up(self) -> None:
        """See to it that the kernels need not be compiled in this process."""
        precompile_kernels(
            (
                kernels.filter_step,
                kernels.luminance_stats,
                kernels.apply_gain_offset,
                _sensitivity_kernels.step_sensitivity,
            ),
            'liquid_pilot.onboard.adaptation.precompile',
        )

    def configure(self, settings: FrontendSettings) -> None:
        """Take other settings, from the next tick on."""
        self.settings = settings
        self._gate = NoveltyGate(self.training_statistics, self._period_s, settings.gate)

    def time_constants(self, scales: TimeScales | None) -> np.ndarray:
        """(R, C) seconds, of the receptors at these scales."""
        return self._receptors.time_constants(scales and scales.receptors)

    def see(
        self,
        image: np.ndarray,
        state: FrontendState,
        dt_s: float,
        rates_flu_rad_s: np.ndarray,
        log_scale: np.ndarray | None = None,
    ) -> FrontendOutput:
        """One frame (1, 3, H, W), which is changed in place.

        Args:
            image: float32 in [0, 1].
            state: as the last frame left it.
            dt_s: elapsed since then.
            rates_flu_rad_s: (3,) mean angular velocity since then, of a camera that looks ahead.
            log_scale: (R, C) of the receptors.
        """
        settings, light, gain = self.settings, None, 1.0
        blind_s = (
            state.gate.held_s if state.gate is not None and settings.reject_novel_frames else 0.0
        )
        elapsed_s = min(dt_s + blind_s, _MAX_ELAPSED_S)
        if settings.photometric:
            light, gain = self._match(image[0], state.light, elapsed_s)
        moved = self.moved(rates_flu_rad_s, dt_s) if settings.follow_rotation else (0.0, 0.0)
        receptors, error, gradient, texture = self._receptors.step(
            image[0], state.receptors, elapsed_s, log_scale, moved
        )
        if settings.receptors:
            image = receptors.held[None]
        features = self._encode(image)
        if not (
            settings.reject_novel_frames
            or settings.slow_core_on_novelty
            or settings.slowdown_on_blindness
        ):
            return FrontendOutput(
                features,
                FrontendState(light, receptors),
                error,
                gradient,
                elapsed_s,
                False,
                0.0,
                1.0,
                gain,
                (0.0, 0.0, 0.0),
            )
        novel, gate, distance = self._gate.judge(features, texture, state.gate, dt_s)
        log_core_time_scale, trust = 0.0, 1.0
        if novel and settings.slowdown_on_blindness:
            late_s = max(gate.held_s - settings.slowdown_on_blindness_after_s, 0.0)
            trust = math.exp(-late_s / settings.slowdown_on_blindness_time_constant_s)
        if novel and settings.slow_core_on_novelty:
            log_core_time_scale = math.log(settings.stretch)
        if novel and settings.reject_novel_frames:
            # Light and receptors as if the frame had not been.
            features, error, gradient = gate.believed, self._nothing, self._nothing
            light = state.light if settings.photometric else None
            receptors = state.receptors and state.receptors.turned(moved)
        return FrontendOutput(
            features,
            FrontendState(light, receptors, gate),
            error,
            gradient,
            elapsed_s,
            novel,
            log_core_time_scale,
            trust,
            gain,
            distance,
        )

    def moved(self, rates_flu_rad_s: np.ndarray, dt_s: float) -> tuple[float, float]:
        """Pixels right and down by which yaw and pitch have moved the picture; roll is left out."""
        _, pitch, yaw = rates_flu_rad_s.tolist()
        return tuple(
            min(max(focal * rate * dt_s, -most), most)
            for focal, rate, most in zip(
                self._focal, (yaw, -pitch), self._max_shift_px, strict=True
            )
        )
