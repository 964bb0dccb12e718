"""Whether a picture can be believed: it shows something, it is alive, and it is no noise.

A frame can be valid in every byte and still be blind: the lens is covered, the exposure is wrong,
the driver repeats an old picture under new stamps, the sensor gives noise. `PictureCheck` looks at
the encoder's input, of one frame after the other:

- texture: the standard deviation of the green plane
- life: whether the green plane changes while the gyroscope turns
- coherence: the correlation of the coarse structure with that of the picture before; a scene keeps
  it from one frame to the next, noise does not

What is seen for a moment is no fault: blank frames, a leaf before the lens. A fault begins when it
lasts for longer than the limit, and ends when the picture has been good again for a while. The
encoder's features cannot tell: those of white noise are nearer to training than those of snow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from liquid_pilot.utils.persistence import Persistence
from liquid_pilot.utils.settings import setting

Float32Array = npt.NDArray[np.float32]

_COARSE_SIZE = (16, 9)
"""Width and height of the coarse structure, in blocks."""
_MIN_FRAMES = 5
"""Number of frames in a row that are needed for a fault, however slow the camera is."""
_MAX_PAIR_TURN_RAD = 0.15
"""Turn between two frames above which they may show different scenes, rad."""
_MAX_PAIR_GAP_S = 0.35
"""Time between two frames above which they may show different scenes, s."""
_TURN_MEMORY_S = 2.0
"""Time constant with which a turn is forgotten, s, so that a bias does not add up to a turn."""


@dataclass(frozen=True)
class PictureLimits:
    """Limits of the checks of the picture."""

    min_picture_texture: float = setting(
        0.004,
        'standard deviation of the picture, whose values are 0 to 1, below which it shows nothing',
        low=0.0,
        high=0.5,
    )
    min_picture_coherence: float = setting(
        0.3,
        'correlation of the coarse structure of a picture with that of the one before, below which '
        'it is noise',
        low=-1.0,
        high=1.0,
    )
    max_blind_s: float = setting(
        2.0,
        'pictures without texture, or of noise, are not flown on after this time',
        's',
        low=0.1,
        high=60.0,
    )
    max_frozen_picture_s: float = setting(
        1.0,
        'a picture that stays the same while the gyroscope turns is not flown on after this time',
        's',
        low=0.1,
        high=60.0,
    )
    frozen_picture_turn_rad: float = setting(
        0.05, 'turn during which a picture cannot stay the same', 'rad', low=0.001, high=3.0
    )


class PictureCheck:
    """Looks at the pictures of one camera.

    `measure` takes a picture as it comes, `update` what the gyroscope says of the time before it.
    """

    def __init__(self, recovery_s: float = 0.5, limits: PictureLimits | None = None) -> None:
        """Start without a picture.

        Args:
            recovery_s: time for which the picture must be good before a fault ends, s.
            limits: the limits; None: the default ones.
        """
        self.limits = limits or PictureLimits()
        held_s = self.limits.max_blind_s
        self._blank = Persistence(held_s, recovery_s, _MIN_FRAMES)
        self._noise = Persistence(held_s, recovery_s, _MIN_FRAMES)
        self._frozen = Persistence(self.limits.max_frozen_picture_s, recovery_s, _MIN_FRAMES)
        self._plane: Float32Array | None = None
        self._coarse: Float32Array = np.zeros(_COARSE_SIZE[::-1], np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget all pictures and faults."""
        self._has_plane = False
        self.still = False
        """Whether the newest picture is the one before it, to the bit."""
        self._reference: Float32Array | None = None
        self._reference_s = -math.inf
        self._still_turn = (0.0, 0.0, 0.0)
        self._pair_turn = (0.0, 0.0, 0.0)
        self._last_s: float | None = None
        self.texture = math.nan
        """Standard deviation of the newest picture; NaN before the first."""
        self.coherence = math.nan
        """Newest correlation of two pictures; NaN before the second."""
        for fault in (self._blank, self._noise, self._frozen):
            fault.reset()

    def measure(self, picture: Float32Array) -> None:
        """Take the next picture.

        Args:
            picture: (1, 3, H, W) float32, RGB in [0, 1]; it is not kept.
        """
        green = picture[0, 1]
        self.texture = float(cv2.meanStdDev(green)[1][0, 0])
        cv2.resize(green, _COARSE_SIZE, dst=self._coarse, interpolation=cv2.INTER_AREA)
        if self._plane is None or self._plane.shape != green.shape:
            self._plane, self._has_plane = np.empty_like(green), False
        self.still = self._has_plane and bool((self._plane == green).all())
        if not self.still:
            np.copyto(self._plane, green)
            self._has_plane = True

    def update(self, now_s: float, rates_rad_s: Sequence[float]) -> str:
        """Return why the pictures up to the newest cannot be believed; empty when they can.

        Args:
            now_s: time of the picture by a clock that does not jump, s.
            rates_rad_s: (3,) mean angular velocity since the picture before it, rad/s.
        """
        limits = self.limits
        elapsed_s = 0.0 if self._last_s is None else max(now_s - self._last_s, 0.0)
        self._last_s = now_s
        x, y, z = (rate * min(elapsed_s, _TURN_MEMORY_S) for rate in rates_rad_s)
        keep = math.exp(-elapsed_s / _TURN_MEMORY_S) if self.still else 0.0
        still_x, still_y, still_z = self._still_turn
        self._still_turn = keep * still_x + x, keep * still_y + y, keep * still_z + z
        pair_x, pair_y, pair_z = self._pair_turn
        self._pair_turn = pair_x + x, pair_y + y, pair_z + z
        blank = not self.texture >= limits.min_picture_texture
        turned = math.hypot(*self._still_turn) >= limits.frozen_picture_turn_rad
        self._blank.update(blank, now_s)
        # A blank picture may stay the same.
        frozen = not blank and self.still and (turned or self._frozen.fault)
        self._frozen.update(frozen, now_s)
        if not blank:
            self._compare(now_s)
        return self._message()

    def _compare(self, now_s: float) -> None:
        """Compare the coarse structure with that of the last picture that had any."""
        coarse = self._coarse - self._coarse.mean()
        reference, gap_s = self._reference, now_s - self._reference_s
        turn_rad = math.hypot(*self._pair_turn)
        if reference is not None and gap_s <= _MAX_PAIR_GAP_S and turn_rad <= _MAX_PAIR_TURN_RAD:
            size = math.sqrt(float(np.vdot(coarse, coarse)) * float(np.vdot(reference, reference)))
            self.coherence = float(np.vdot(coarse, reference)) / max(size, 1e-12)
            self._noise.update(self.coherence < self.limits.min_picture_coherence, now_s)
        self._reference, self._reference_s = coarse, now_s
        self._pair_turn = (0.0, 0.0, 0.0)

    def _message(self) -> str:
        limits = self.limits
        if self._blank.fault:
            return (
                'picture: it has shown nothing, only one colour, for more than '
                f'{limits.max_blind_s:g} s; uncover the lens, and check the exposure'
            )
        if self._frozen.fault:
            return (
                'picture: it stays the same under new stamps while the gyroscope turns; restart '
                'the camera driver'
            )
        if self._noise.fault:
            return (
                f'picture: it has been noise for more than {limits.max_blind_s:g} s, no two '
                'pictures are alike; give the camera light, check its cable, and that only one '
                'camera publishes'
            )
        return ''
