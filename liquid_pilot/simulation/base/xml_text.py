"""Numbers and colours as text for scene files, the same for MJCF and SDF."""

from __future__ import annotations

from collections.abc import Iterable


def format_numbers(values: Iterable[float]) -> str:
    """Return numbers with nine significant digits, separated by spaces."""
    return ' '.join(f'{value:.9g}' for value in values)


def format_rgb(colour: Iterable[float]) -> str:
    """Return red, green and blue with three decimals, each clipped to [0, 1]."""
    return ' '.join(f'{min(max(float(channel), 0.0), 1.0):.3f}' for channel in colour)


def format_rgba(colour: Iterable[float]) -> str:
    """Return an opaque colour: red, green and blue as `format_rgb` writes them, and alpha 1."""
    return f'{format_rgb(colour)} 1'
