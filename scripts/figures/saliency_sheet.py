"""The sheet of saliency maps of docs/explanation/saliency.md."""

from __future__ import annotations

import io
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from liquid_pilot import pilot_file
from liquid_pilot.explanation.core_paths import CorePaths
from liquid_pilot.explanation.overlay import overlay
from liquid_pilot.explanation.pixels import PixelExplainer
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.rollout import InProcessPilot
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.utils.image_sheet import SheetPicture, SheetRow, image_sheet

METHODS = ('visual_backprop', 'gradient', 'occlusion')
YAW_RATE = 3
"""Index of the command that the maps are of."""


class ShownFrame(NamedTuple):
    """One tick of a mission."""

    label: str
    pilot: str
    seed: int
    conditions: str
    tick: int


FRAMES = (
    ShownFrame('forest,\nclear', 'forest-ltc', 7, 'clear', 50),
    ShownFrame('forest,\nsnow', 'forest-ltc', 7, 'snow:2', 20),
    ShownFrame('road,\nclear', 'road-ltc', 3, 'clear', 20),
)


def see(frame: ShownFrame) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.floating]]:
    """Fly to a moment, as trained.

    Returns:
        (1, 3, H, W) preprocessed picture, and (F,) derivatives of the yaw rate by the features.
    """
    pilot = pilot_file.load(pilot_file.resolve(frame.pilot))
    paths = CorePaths(pilot)
    pictures: list[npt.NDArray[np.float32]] = []
    with Simulation(SimulationSettings(vehicle=pilot.specification.vehicle)) as simulation:
        flying = InProcessPilot(pilot, simulation)
        flying.engine.watch_picture = lambda picture: pictures.append(picture.copy())
        packet = simulation.reset(frame.seed, conditions=parse(frame.conditions))
        state = flying.engine.initial_state().core
        for _ in range(frame.tick):
            packet = simulation.advance(flying.setpoint(packet))
            state = flying.tick.state.core.copy()
        flying.setpoint(packet)
    tick = flying.tick
    parts = paths.decompose(state, tick.core_inputs, tick.dt_s)
    return pictures[-1], parts.by_input[YAW_RATE, : pilot.specification.features]


def saliency_sheet() -> bytes:
    """Return the sheet as a WebP file."""
    rows = []
    for frame in FRAMES:
        picture, by_feature = see(frame)
        explainer = PixelExplainer(pilot_file.load(pilot_file.resolve(frame.pilot)))
        rgb = np.uint8(255.0 * picture[0].transpose(1, 2, 0) + 0.5)
        large = cv2.resize(rgb, (256, 144), interpolation=cv2.INTER_CUBIC)
        maps = [explainer.explain(picture, method, by_feature) for method in METHODS]
        shown = [large, *(overlay(large, saliency) for saliency in maps)]
        rows.append(SheetRow(frame.label, [SheetPicture(each) for each in shown]))
    heads = ('camera', *(method.replace('_', ' ') for method in METHODS))
    buffer = io.BytesIO()
    page = Image.fromarray(image_sheet('', heads, rows, 200))
    page.save(buffer, 'WEBP', quality=50, method=6)
    return buffer.getvalue()
