"""The targets of `fuzz.py`, by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import fuzz_files as files
import fuzz_messages as messages
from fuzz_inputs import Target


class Plan(NamedTuple):
    """A target and the number of its inputs in a whole run."""

    make: Callable[[Path], Target]
    inputs: int
    batch: int


TARGETS = {
    'image': Plan(messages.Images, 200_000, 5000),
    'camera_info': Plan(messages.CameraInfos, 20_000, 1000),
    'compressed_image': Plan(messages.CompressedImages, 120_000, 4000),
    'labelled_array': Plan(messages.LabelledArrays, 150_000, 10_000),
    'diagnostics': Plan(messages.Diagnostics, 50_000, 10_000),
    'pilot_file': Plan(files.PilotFiles, 30_000, 1000),
    'condition': Plan(files.Conditions, 180_000, 20_000),
    'mapping': Plan(files.Mappings, 60_000, 4000),
    'mavlink': Plan(messages.Mavlink, 160_000, 5000),
    'bag': Plan(files.Bags, 40_000, 1000),
}
"""All targets, by name: a million inputs and more in all."""
