"""The temporal filter between the image and the encoder: a leaky integrator for each pixel.

The literature calls such an integrator a receptor: pixel x drives a receptor of potential p, with
one time constant tau for each block of the image,

    p <- p + a (x - p),    a = 1 - exp(-dt / tau)

which is the exact solution of tau dp/dt = x - p over the elapsed time dt at a constant x. As
trained, tau is short against the frame period, so a is near 1 and the encoder sees the frame. A
longer tau averages flicker. The potential is also a prediction of the next frame. The error of that
prediction has an exact gradient with respect to log(tau), by the sensitivity s = dp/dlog(tau) that
is carried along (forward mode, as in `liquid.sensitivity`):

    E = mean (x - p)^2 / 2,   dE/dlog(tau) = -mean (x - p) s
    s <- (1 - a) s + da/dlog(tau) (x - p),    da/dlog(tau) = -(dt / tau) exp(-dt / tau)
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.adaptation import _filter_kernels
from liquid_pilot.onboard.adaptation.gain_estimate import NEGLIGIBLE_NOISE, NOISE_WEIGHT
from liquid_pilot.onboard.adaptation.learner_messages import FloatArray
from liquid_pilot.onboard.adaptation.time_scales import FILTER_LOG_SCALE_RANGE, filter_gain


def block_edges(
    grid: tuple[int, ...], height: int, width: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return where the blocks of an image begin and end.

    Args:
        grid: (R, C), the numbers of rows and columns of blocks.
        height: height of the image, pixels.
        width: width of the image, pixels.

    Returns:
        (R + 1,) first row of each row of blocks, and the height; (C + 1,) the same of columns.

    Raises:
        LiquidPilotError: there are more blocks than pixels along an axis.
    """
    rows, columns = grid
    if rows > height or columns > width:
        raise LiquidPilotError(
            f'{rows} x {columns} blocks of the temporal filter are more than the {height} '
            f'x {width} pixels of the camera; fit the training statistics again'
        )
    top, left = (
        np.linspace(0, pixels, blocks + 1).round().astype(np.int64)
        for pixels, blocks in ((height, rows), (width, columns))
    )
    return top, left


class TemporalFilterState(NamedTuple):
    """The state of the temporal filter."""

    potential: FloatArray
    """(3, H, W) float32: p."""
    sensitivity: FloatArray
    """(3, H, W) float32: dp/dlog(tau) of the pixel's block; zero while the gain is estimated."""
    subpixel_shift_px: tuple[float, float] = (0.0, 0.0)
    """Image motion, right and down, that `potential` has not followed yet, pixels."""
    noise_share: FloatArray | None = None
    """(R, C) float32: variance of the noise in the potential, relative to that of a frame; None
    unless the gain is estimated."""

    def shifted(self, shift_px: tuple[float, float]) -> TemporalFilterState:
        """Return the state after image motion without a frame.

        Args:
            shift_px: motion right and down, pixels.
        """
        right, down = self.subpixel_shift_px
        return self._replace(subpixel_shift_px=(right + shift_px[0], down + shift_px[1]))


class TemporalFilterStep(NamedTuple):
    """The result of one step of the temporal filter."""

    state: TemporalFilterState
    """The state after the step."""
    error: FloatArray
    """(R, C) float32 frame-prediction error: mean of (x - p)^2 of each block before the step."""
    gradient: FloatArray
    """(R, C) float32 gradient of half the error with respect to log(tau)."""
    texture: FloatArray
    """(R, C) float32 standard deviation of each block of the frame about each colour's mean."""
    tau_s: FloatArray
    """(R, C) time constants of this step, s."""
    gain: FloatArray
    """(R, C) gains of this step."""
    noise: FloatArray | None = None
    """(R, C) float32 standard deviation of the noise of the frame; None unless it is estimated."""


class TemporalFilter:
    """The temporal filter of one camera.

    Args:
        tau_s: (R, C) time constants of the blocks as trained, s.
        height: height of the image, pixels.
        width: width of the image, pixels.

    Raises:
        LiquidPilotError: there are more blocks than pixels along an axis.
    """

    def __init__(self, tau_s: FloatArray, height: int, width: int) -> None:
        self.tau_s: npt.NDArray[np.float32] = np.array(tau_s, np.float32)
        self._shape = (3, height, width)
        self._min_tau_s, self._max_tau_s = (
            self.tau_s * np.float32(math.exp(log_scale)) for log_scale in FILTER_LOG_SCALE_RANGE
        )
        self._no_sensitivity = np.zeros(self._shape, np.float32)
        self._top, self._left = block_edges(self.tau_s.shape, height, width)

    def time_constants(self, log_scale: FloatArray | None) -> FloatArray:
        """Return the time constants of the blocks.

        Args:
            log_scale: (R, C) added to log(tau); None: as trained.

        Returns:
            (R, C), s.
        """
        return self.tau_s if log_scale is None else self.tau_s * np.exp(log_scale)

    def step(
        self,
        image: FloatArray,
        state: TemporalFilterState | None,
        dt_s: float,
        log_scale: FloatArray | None = None,
        shift_px: tuple[float, float] = (0.0, 0.0),
    ) -> TemporalFilterStep:
        """Filter one frame.

        Args:
            image: (3, H, W) float32.
            state: the last state. None for the first frame, which becomes the potential.
            dt_s: elapsed time since the last step, s.
            log_scale: (R, C) added to log(tau); None: as trained.
            shift_px: image motion right and down since the last step, from the camera's rotation,
                pixels. The potential follows it by whole pixels.
        """
        tau_s = self.time_constants(log_scale)
        gain, gain_slope = filter_gain(np.float32(dt_s) / tau_s)
        state, (right, down) = self._moved(image, state, shift_px)
        potential, sensitivity = np.empty((2, *self._shape), np.float32)
        error, gradient, texture = np.empty((3, *self.tau_s.shape), np.float32)
        _filter_kernels.filter_step(
            image.reshape(-1),
            state.potential.reshape(-1),
            state.sensitivity.reshape(-1),
            self._top,
            self._left,
            right,
            down,
            gain,
            gain_slope,
            potential.reshape(-1),
            sensitivity.reshape(-1),
            error,
            gradient,
            texture,
        )
        state = TemporalFilterState(potential, sensitivity, state.subpixel_shift_px)
        return TemporalFilterStep(state, error, gradient, texture, tau_s, gain)

    def estimated_step(
        self,
        image: FloatArray,
        state: TemporalFilterState | None,
        dt_s: float,
        shift_px: tuple[float, float] = (0.0, 0.0),
    ) -> TemporalFilterStep:
        """Filter one frame with the gain that `gain_estimate` describes.

        The time constants stay within the trust region. There is no gradient: it is zero.

        Args:
            image: (3, H, W) float32.
            state: the last state. None for the first frame, which becomes the potential.
            dt_s: elapsed time since the last step, s.
            shift_px: image motion right and down since the last step, pixels.
        """
        grid = self.tau_s.shape
        state, (right, down) = self._moved(image, state, shift_px)
        share = state.noise_share
        if share is None:
            # All of the noise of the last frame is in the potential.
            share = np.ones(grid, np.float32)
        potential = np.empty(self._shape, np.float32)
        share_after, noise, gain, tau_s, error, texture = np.empty((6, *grid), np.float32)
        _filter_kernels.estimated_filter_step(
            image.reshape(-1),
            state.potential.reshape(-1),
            self._top,
            self._left,
            right,
            down,
            dt_s,
            NOISE_WEIGHT,
            NEGLIGIBLE_NOISE**2,
            self._min_tau_s,
            self._max_tau_s,
            share,
            potential.reshape(-1),
            share_after,
            noise,
            gain,
            tau_s,
            error,
            texture,
        )
        state = TemporalFilterState(
            potential, self._no_sensitivity, state.subpixel_shift_px, share_after
        )
        no_gradient = np.zeros(grid, np.float32)
        return TemporalFilterStep(state, error, no_gradient, texture, tau_s, gain, noise)

    def _moved(
        self,
        image: FloatArray,
        state: TemporalFilterState | None,
        shift_px: tuple[float, float],
    ) -> tuple[TemporalFilterState, tuple[int, int]]:
        """Return the state to start a step from, and the whole pixels to shift it by."""
        if state is None:
            state, shift_px = TemporalFilterState(image, self._no_sensitivity), (0.0, 0.0)
        state = state.shifted(shift_px)
        total = state.subpixel_shift_px
        right, down = (round(pixels) for pixels in total)
        rest = (total[0] - right, total[1] - down)
        return state._replace(subpixel_shift_px=rest), (right, down)


class FilterStage(Protocol):
    """The part of the frontend that filters images; it decides where the gain comes from."""

    def step(
        self,
        image: FloatArray,
        state: TemporalFilterState | None,
        dt_s: float,
        log_scale: FloatArray | None,
        shift_px: tuple[float, float],
    ) -> TemporalFilterStep:
        """Filter one frame; see `TemporalFilter.step`."""
        ...


class EstimatedGain:
    """The temporal filter with an estimated gain; time scales of a learner are not used.

    Args:
        temporal_filter: the filter.
    """

    def __init__(self, temporal_filter: TemporalFilter) -> None:
        self._filter = temporal_filter

    def step(
        self,
        image: FloatArray,
        state: TemporalFilterState | None,
        dt_s: float,
        log_scale: FloatArray | None,
        shift_px: tuple[float, float],
    ) -> TemporalFilterStep:
        """Filter one frame; see `TemporalFilter.estimated_step`."""
        return self._filter.estimated_step(image, state, dt_s, shift_px)


class ConstantGain:
    """The temporal filter with constant time constants; those of a learner are not used.

    Args:
        temporal_filter: the filter.
        factor: factor on the trained time constants.
    """

    def __init__(self, temporal_filter: TemporalFilter, factor: float) -> None:
        self._filter = temporal_filter
        self._log_scale = np.full_like(temporal_filter.tau_s, math.log(factor))

    def step(
        self,
        image: FloatArray,
        state: TemporalFilterState | None,
        dt_s: float,
        log_scale: FloatArray | None,
        shift_px: tuple[float, float],
    ) -> TemporalFilterStep:
        """Filter one frame; see `TemporalFilter.step`."""
        return self._filter.step(image, state, dt_s, self._log_scale, shift_px)
