"""The small pilots, for the tests of commands."""

from small_pilots import adaptive_pilot, pilot, rover_pilot, walk  # noqa: F401
