"""How many bits of a pixel of 16 bits a camera uses, and whether that is what was said.

A camera of 10 or 12 bits often sends its values as they are in pixels of 16 bits (mono16, 16UC1, a
PNG of 16 bits). Read as 16 bits they are nearly black. So a parameter says how many bits count, and
the values are looked at: too small ones for long, and ones that do not fit, are named.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liquid_pilot.interfaces import ImageBuffer
from liquid_pilot.utils.persistence import Persistence
from liquid_pilot.utils.settings import setting

FULL_BITS = 16
"""Bits of a deep pixel that all count unless it is said otherwise."""
DEEP_ENCODINGS = ('mono16', '16UC1')
"""Encodings whose pixels have 16 bits."""
_DARK_BITS = 4
"""Number of highest bits that are zero in all pixels of a picture that is nearly black."""
_HOLD_S, _RECOVERY_S, _MIN_FRAMES = 3.0, 1.0, 10


@dataclass(frozen=True)
class PixelDepth:
    """The depth of the pixels of a camera."""

    mono16_bits: int = setting(
        FULL_BITS,
        'lowest bits that count in pixels of 16 bits (mono16, 16UC1, PNG): 12 for a camera of 12 '
        'bits whose driver leaves the upper four empty; larger values are white',
        'bits',
        low=8,
        high=FULL_BITS,
    )


def max_value(bits: int) -> int:
    """Return the value of a white pixel of this many bits."""
    return (1 << bits) - 1


def is_deep_png(data: bytes | bytearray | memoryview) -> bool:
    """Return whether data are a PNG whose pixels have 16 bits in each channel."""
    # The ninth byte of the first part, whose data begin at byte 16.
    return len(data) > 24 and bytes(data[1:4]) == b'PNG' and data[24] == FULL_BITS


def largest_value(image: ImageBuffer) -> int | None:
    """Return the largest pixel of an image of 16 bits; None for other images, and broken ones."""
    if image.encoding not in DEEP_ENCODINGS or min(image.width, image.height) < 1:
        return None
    height, width, step = image.height, image.width, image.step
    try:
        data = np.frombuffer(image.data, np.uint8)
    except (TypeError, ValueError, BufferError):
        return None
    if step < 2 * width or data.size < step * (height - 1) + 2 * width:
        # The preprocessing says what is wrong with it.
        return None
    dtype = np.dtype('>u2' if image.is_bigendian else '<u2')
    pixels: np.ndarray = np.ndarray((height, width), dtype, data, 0, (step, 2))
    return int(pixels.max())


def largest_decoded(image: ImageBuffer, mono16_bits: int) -> int:
    """Return about the largest pixel of a PNG of 16 bits, of which 8 bits were decoded.

    Args:
        image: the image that was decoded, of 8 bits.
        mono16_bits: number of bits that it was decoded by.
    """
    largest = int(np.asarray(image.data).max())
    return round(largest * max_value(mono16_bits) / 255)


def too_shallow(bits: int, largest: int, mono16_bits: int) -> str:
    """Return the sentence about pictures that are too dark because their values use few bits.

    Args:
        bits: number of bits up to which the values are too small.
        largest: largest value of all pixels; 0 says nothing, because black has no depth.
        mono16_bits: number of bits that count now.

    Returns:
        The sentence; empty where the values use more bits.
    """
    used = largest.bit_length()
    if not 0 < used <= bits:
        return ''
    return (
        f'no pixel of {FULL_BITS} bits exceeds {largest} ({used} bits), and {mono16_bits} bits '
        f'count (mono16_bits), so that the pictures are dark; set mono16_bits to the number that '
        'the camera has, such as 12, or give it light'
    )


def too_deep(largest: int, mono16_bits: int) -> str:
    """Return the sentence about values that do not fit into the bits that count; empty: all fit."""
    if largest <= max_value(mono16_bits):
        return ''
    return (
        f'pixels of {FULL_BITS} bits reach {largest} and only {mono16_bits} bits count '
        f'(mono16_bits), so that all above {max_value(mono16_bits)} are white; set mono16_bits to '
        f'{largest.bit_length()}'
    )


class DepthWatch:
    """Looks at the largest value of one picture after the other. Times are steady, in seconds."""

    def __init__(self, mono16_bits: int = FULL_BITS) -> None:
        """Start without a picture.

        Args:
            mono16_bits: number of bits that count.
        """
        self._bits = mono16_bits
        self._dark = Persistence(_HOLD_S, _RECOVERY_S, _MIN_FRAMES)
        self._white = Persistence(_HOLD_S, _RECOVERY_S, _MIN_FRAMES)
        self._largest = 0
        """Largest value since the pictures are as they are."""

    def update(self, largest: int, now_s: float) -> None:
        """Take the largest value of a picture.

        Args:
            largest: largest of its pixels.
            now_s: the time, s.
        """
        dark = bool(too_shallow(self._bits - _DARK_BITS, largest, self._bits))
        white = bool(too_deep(largest, self._bits))
        faults = self._dark.update(dark, now_s), self._white.update(white, now_s)
        if dark or white:
            self._largest = max(self._largest, largest)
        elif not any(faults):
            self._largest = 0

    def text(self) -> str:
        """Return what is wrong with the values, and what to do; empty: nothing."""
        if self._dark.fault:
            return too_shallow(self._bits - _DARK_BITS, self._largest, self._bits)
        return too_deep(self._largest, self._bits) if self._white.fault else ''
