"""Saliency maps of simulated flights, scored against what the pictures really show."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from liquid_pilot.explanation import saliency_scores as scores
from liquid_pilot.explanation.flights.core_record import record_mission
from liquid_pilot.explanation.flights.explanation import YAW, feature_weights
from liquid_pilot.explanation.object_masks import preprocessed_mask
from liquid_pilot.explanation.pixels import PixelExplainer, blurred
from liquid_pilot.interfaces import (
    AttitudeThrust,
    Command,
    LiquidPilotError,
    SensorPacket,
    VehicleState,
)
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.base.condition import Condition
from liquid_pilot.simulation.base.vegetation import nearest_trees
from liquid_pilot.simulation.simulator import Simulation

RANDOM = 'random'
"""Name of the map that every method has to beat: each pixel is drawn evenly from [0, 1]."""
NEAREST_TREES, AHEAD_S = 3, 2.0
"""Number of trees that count as near to the path, and seconds of it that count from a tick on."""
_FLOAT_ERROR = 1e-6


class Frame(NamedTuple):
    """One tick of a flight, with what its picture shows."""

    time_s: float
    picture: npt.NDArray[np.float32]
    """(1, 3, H, W) what the encoder was given."""
    by_feature: npt.NDArray[np.float64]
    """(F,) derivatives of the yaw rate by the features, held over the window before the tick."""
    masks: dict[str, npt.NDArray[np.float32]]
    """(H, W) share of each pixel that shows the object: 'goal', the chair in a forest and the
    surface on a road; 'near trunks', those nearest to the path of the next seconds; and 'sky'."""


class StateRecorder(Simulation):
    """A simulation that keeps the state of the vehicle at each frame."""

    states: list[VehicleState]
    """The states since the last reset."""

    def reset(
        self, seed: int, stamp_ns: int = 0, conditions: tuple[Condition, ...] | None = None
    ) -> SensorPacket:
        """Build the scene of a seed; see `Simulation.reset`."""
        self.states = []
        return self._kept(super().reset(seed, stamp_ns, conditions))

    def advance(self, setpoint: Command | AttitudeThrust | None) -> SensorPacket:
        """Simulate one control period; see `Simulation.advance`."""
        return self._kept(super().advance(setpoint))

    def _kept(self, packet: SensorPacket) -> SensorPacket:
        if packet.observation is not None:
            self.states.append(packet.state)
        return packet


def mission_frames(
    pilot: PilotFile,
    simulation: StateRecorder,
    seed: int,
    every: int = 20,
    conditions: tuple[Condition, ...] | None = None,
) -> Iterator[Frame]:
    """Fly a mission, as trained, and yield some of its frames.

    Args:
        pilot: the pilot file.
        simulation: a simulation of the pilot's vehicle. Conditions that delay pictures are refused.
        seed: seed of the forest or road.
        every: number of ticks between two frames; the first one is in the middle of the first
            `every`.
        conditions: conditions of the mission; None: those of the simulation's settings.

    Raises:
        LiquidPilotError: a picture arrives later than it was taken, so that no mask fits it.
    """
    flight = record_mission(pilot, simulation, seed, conditions=conditions)
    preprocess = Preprocessor(pilot.specification.camera, simulation.camera)
    layout: Any = simulation.layout
    path = np.array([state.position_enu_m for state in simulation.states])
    start_ns = simulation.states[0].stamp_ns
    for tick in range(every // 2, len(flight.ticks), every):
        state, picture = simulation.states[tick], flight.pictures[tick]
        if abs((state.stamp_ns - start_ns) / 1e9 - flight.time_s[tick]) > _FLOAT_ERROR:
            raise LiquidPilotError(
                'pictures arrive late in these conditions, so that no mask fits them; leave out '
                'latency, rate and dropped frames'
            )
        if picture is None:
            continue
        seen = simulation.segment(state)
        ahead = path[tick : tick + round(AHEAD_S * pilot.specification.rate_hz) + 1]
        goal = seen.mask('target')
        masks = {
            'goal': goal if goal.any() else seen.mask('road'),
            'near trunks': seen.trunk_mask(nearest_trees(layout.trees, ahead, NEAREST_TREES)),
            'sky': seen.mask('sky'),
        }
        yield Frame(
            float(flight.time_s[tick]),
            picture.astype(np.float32)[None],
            feature_weights(pilot, flight, tick, YAW),
            {name: preprocessed_mask(mask, preprocess) for name, mask in masks.items()},
        )


def score_frame(
    explainer: PixelExplainer,
    frame: Frame,
    method: str,
    by_feature: npt.NDArray[np.floating] | None,
    slow: bool = True,
) -> dict[str, float]:
    """Return the scores of one map; a score that has no meaning here is NaN.

    Args:
        explainer: the explainer of the pilot.
        frame: the frame.
        method: one of `pixels.METHODS`, or RANDOM.
        by_feature: (F,) weights of the features; None: all features.
        slow: whether the scores that need further maps are made too: stability and sanity.

    Returns:
        For each mask: 'NAME share' of the saliency, 'NAME area', 'NAME hit' and 'NAME chance'; the
        areas 'deletion' and 'insertion'; 'stability'; and for shuffled weights of the last layer
        and of all layers 'last rank', 'last ssim', 'all rank' and 'all ssim'.
    """
    picture = frame.picture
    if method == RANDOM:
        # Another map for each picture, and the same one for the same picture.
        rng = np.random.default_rng(zlib.crc32(picture.tobytes()))
        saliency = rng.random(picture.shape[2:], np.float32)
    else:
        saliency = explainer.explain(picture, method, by_feature)
    found: dict[str, float] = {}
    for name, mask in frame.masks.items():
        there = bool(mask.any())
        found[f'{name} share'] = scores.saliency_share(saliency, mask)
        found[f'{name} area'] = scores.area_share(mask) if there else np.nan
        found[f'{name} hit'] = scores.pointing_hit(saliency, mask)
        found[f'{name} chance'] = scores.pointing_chance(mask) if there else np.nan
    weights = np.eye(explainer.layers.feature_count) if by_feature is None else by_feature[:, None]

    def respond(pictures: npt.NDArray[np.float32]) -> npt.NDArray[np.floating]:
        return explainer.features(pictures) @ weights

    baseline = blurred(picture)
    found['deletion'] = scores.deletion_curve(picture, saliency, respond, baseline).area
    found['insertion'] = scores.insertion_curve(picture, saliency, respond, baseline).area
    if slow and method != RANDOM:
        found['stability'] = scores.noise_stability(
            lambda noisy: explainer.explain(noisy, method, by_feature), picture, samples=2
        )
        shuffled = scores.randomised_maps(explainer, picture, method, by_feature)
        for name, entry in (('last', shuffled[0]), ('all', shuffled[-1])):
            found[f'{name} rank'] = entry.rank_correlation
            found[f'{name} ssim'] = entry.ssim
    return found
