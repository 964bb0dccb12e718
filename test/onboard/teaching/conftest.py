"""Small pilots with statistics of a training, and one with another core."""

from gru_pilots import gru_pilot  # noqa: F401
from small_pilots import adaptive_pilot, pilot  # noqa: F401
