"""The logger of the nodes, in whose lines the texts of others are fit for a terminal."""

from __future__ import annotations

import os
from typing import Any

from rclpy.impl import rcutils_logger

from liquid_pilot.utils.foreign_text import plain_text

# rclpy tells throttled lines apart by their callers, among which this file must not count.
rcutils_logger._internal_callers.append(os.path.realpath(__file__))


class PlainLogger(rcutils_logger.RcutilsLogger):
    """A logger of rclpy, each of whose messages is one line without control characters.

    What a node says quotes what others sent: names, encodings, reasons.
    """

    def log(self, message: Any, severity: Any, **options: Any) -> bool:
        """Log a message; the options are those of rclpy."""
        logged: bool = super().log(plain_text(str(message)), severity, **options)
        return logged
