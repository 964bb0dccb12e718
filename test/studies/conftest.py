"""Makes the studies importable, as their scripts do, and lends small pilots to their tests."""

import sys
from pathlib import Path

from clock_pilots import clock_pilot  # noqa: F401
from small_pilots import pilot  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))
