"""The small pilots of the other floors."""

from clock_pilots import clock_pilot, lrc_clock_pilot  # noqa: F401
from gru_pilots import gru_pilot  # noqa: F401
from small_pilots import adaptive_pilot, pilot  # noqa: F401
