"""Receptors: leaky integrators between the image and the encoder.

Every pixel x has a receptor with the potential x', and every block of the image a time constant:

    x' <- x' + a (x - x'),    a = 1 - exp(-dt / tau)

the exact solution of tau dx'/dt = x - x' over the elapsed time dt with x held. As trained tau is
short against a frame, a is near 1 and the encoder sees the frame; a longer tau averages what
flickers. What the receptors hold is also their prediction of the next frame, so the error of that
prediction has an exact gradient by log(tau), from the sensitivity s = dx'/dlog(tau) that is
carried along (forward mode, as `liquid.sensitivity`):

    E = mean (x - x')^2 / 2,   dE/dlog(tau) = -mean (x - x') s
    s <- (1 - a) s + da/dlog(tau) (x - x'),    da/dlog(tau) = -(dt / tau) exp(-dt / tau)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.adaptation import _filter_kernels


class TemporalFilterState(NamedTuple):
    """What the receptors hold."""

    held: np.ndarray
    """(3, H, W) float32: x'."""
    slope: np.ndarray
    """(3, H, W) float32: dx'/dlog(tau) of the pixel's block."""
    rest: tuple[float, float] = (0.0, 0.0)
    """By how many pixels right and down the picture has moved beyond what `held` was moved."""

    def turned(self, moved: tuple[float, float]) -> TemporalFilterState:
        """The same after the camera has turned, without a frame."""
        return self._replace(rest=(self.rest[0] + moved[0], self.rest[1] + moved[1]))


class TemporalFilterStep(NamedTuple):
    """One step of the receptors."""

    state: TemporalFilterState
    error: np.ndarray
    """(R, C) float32: mean of (x - x')^2 of each block, before the step."""
    gradient: np.ndarray
    """(R, C) float32: of half of it by log(tau)."""
    texture: np.ndarray
    """(R, C) float32: standard deviation of each block of the frame, about each colour's mean."""


def filter_gain(ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """dt/tau -> a and da/dlog(tau)."""
    keep = np.exp(-ratio)
    return 1 - keep, -ratio * keep


class TemporalFilter:
    """The receptors of a camera of `height` x `width` pixels; tau_s (R, C) as trained, seconds."""

    def __init__(self, tau_s: np.ndarray, height: int, width: int) -> None:
        self.tau_s = np.array(tau_s, np.float32)
        rows, columns = self.tau_s.shape
        if rows > height or columns > width:
            raise LiquidPilotError(
                f'{rows} x {columns} receptor blocks are more than the {height} '
                f'x {width} pixels of the camera'
            )
        self._shape = (3, height, width)
        self._top = np.linspace(0, height, rows + 1).round().astype(np.int64)
        self._left = np.linspace(0, width, columns + 1).round().astype(np.int64)

    def time_constants(self, log_scale: np.ndarray | None) -> np.ndarray:
        """(R, C) seconds, with log_scale (R, C) added to log(tau); None: as trained."""
        return self.tau_s if log_scale is None else self.tau_s * np.exp(log_scale)

    def step(
        self,
        image: np.ndarray,
        state: TemporalFilterState | None,
        dt_s: float,
        log_scale: np.ndarray | None = None,
        moved: tuple[float, float] = (0.0, 0.0),
    ) -> TemporalFilterStep:
        """A frame (3, H, W) dt_s seconds later; log_scale (R, C) is added to log(tau).

        `moved`: by how many pixels, right and down, the camera's own rotation has moved the
        picture since; what is held goes with it, by whole pixels.

        With state None it is the first frame: they hold it, and nothing depends on tau yet.
        """
        ratio = np.float32(dt_s) / self.time_constants(log_scale)
        share, bend = filter_gain(ratio)
        if state is None:
            moved = (0.0, 0.0)
            state = TemporalFilterState(image, np.zeros(self._shape, np.float32))
        beyond = state.rest[0] + moved[0], state.rest[1] + moved[1]
        right, down = (round(pixels) for pixels in beyond)
        held, slope = np.empty((2, *self._shape), np.float32)
        error, gradient, texture = np.empty((3, *self.tau_s.shape), np.float32)
        _filter_kernels.filter_step(
            *(part.reshape(-1) for part in (image, state.held, state.slope)),
            self._top,
            self._left,
            right,
            down,
            share,
            bend,
            held.reshape(-1),
            slope.reshape(-1),
            error,
            gradient,
            texture,
        )
        rest = beyond[0] - right, beyond[1] - down
        return TemporalFilterStep(TemporalFilterState(held, slope, rest), error, gradient, texture)
