"""The scores of the saliency maps, forest by forest."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from liquid_pilot.explanation import saliency_scores as scores
from liquid_pilot.explanation.core_paths import CoreTick
from liquid_pilot.explanation.flights.explanation import YAW
from liquid_pilot.explanation.flights.saliency_frames import RANDOM
from liquid_pilot.explanation.other_cores import STEP, to_command
from liquid_pilot.explanation.pixels import PixelExplainer, blurred
from liquid_pilot.onboard.inference.recurrent_cores import IMU_INPUTS, make_core
from liquid_pilot.pilot_file import PilotFile
from studies.common import Display
from studies.transparency.flights import MASKS, core_ticks, frame_ticks, load_flight, replay
from studies.transparency.study import ENCODER, Study

FEATURES, OF_YAW = 'features', 'yaw'
"""The two kinds of maps: of all features, and of the yaw rate."""
Row = dict[str, list[float]]


class CachedExplainer(PixelExplainer):
    """An explainer that computes the features of the same pictures once.

    Occlusion shows the same pictures to the encoder for every command.

    Args:
        explainer: the explainer that it works like.
    """

    def __init__(self, explainer: PixelExplainer) -> None:
        self.layers = explainer.layers
        self._known: dict[bytes, np.ndarray] = {}

    def features(self, pictures: np.ndarray) -> np.ndarray:
        """Return the features (B, F) of pictures (B, 3, H, W)."""
        key = hashlib.blake2b(np.ascontiguousarray(pictures)).digest()
        if key not in self._known:
            self._known[key] = super().features(pictures)
        return self._known[key]

    def forget(self) -> None:
        """Free what is known."""
        self._known.clear()


def held_weights(
    pilot: PilotFile, before: np.ndarray, ticks: list[CoreTick], command: int = YAW
) -> np.ndarray:
    """Return the derivatives (F,) of a command by the features, held over a window.

    Args:
        pilot: the pilot.
        before: (N,) state of its core before the window.
        ticks: the ticks of the window, the last one that of the command.
        command: number of the value of the command.
    """
    core, scale = make_core(pilot), to_command(pilot)

    def value(number: int, change: float) -> float:
        state, output = np.asarray(before, np.float32), np.zeros(core.motors, np.float32)
        for tick in ticks:
            inputs = np.array(tick.inputs, np.float32)
            inputs[number] += change
            state, output = core.step(state, inputs, tick.dt_s)
        return float(scale(output)[command])

    return np.array(
        [
            (value(number, STEP) - value(number, -STEP)) / (2.0 * STEP)
            for number in range(core.inputs - IMU_INPUTS)
        ]
    )


def centre_map(height: int, width: int, deviation: float) -> np.ndarray:
    """Return the map that always points to the middle of the picture, (H, W)."""
    y, x = np.mgrid[0:height, 0:width]
    y, x = (y + 0.5) / height - 0.5, (x + 0.5) / width - 0.5
    centre: np.ndarray = np.exp(-(x**2 + y**2) / (2.0 * deviation**2))
    return centre


def score_missing(study: Study, display: Display) -> None:
    """Score the maps of all forests that have no record."""
    explainers = {
        group.name: PixelExplainer(study.pilot(next(iter(group.pilots.values()))))
        for group in study.groups
    }
    for number, forest in enumerate(study.forests):
        if study.record('maps', str(forest)) is None:
            study.write_record('maps', str(forest), _score_forest(study, forest, explainers))
        display.announce('maps', number + 1, len(study.forests), math.nan)


def _score_forest(
    study: Study, forest: int, explainers: dict[str, PixelExplainer]
) -> dict[str, Any]:
    """Return the scores of one forest: 'ARM, KIND, METHOD' to score to its mean over the frames."""
    flight = load_flight(study, forest)
    at = frame_ticks(study, len(flight['dt_s']))
    slow = forest % 2 if len(at) > 1 else 0
    rows: dict[str, Row] = defaultdict(lambda: defaultdict(list))
    for group in study.groups_of(forest):
        ticks = core_ticks(flight, group.name)
        trained = CachedExplainer(explainers[group.name])
        shuffled = CachedExplainer(explainers[group.name].randomised(forest))
        replays = {arm: replay(study.pilot(name), ticks) for arm, name in group.pilots.items()}
        for frame, tick in enumerate(at):
            first = max(0, tick + 1 - study.plan['maps']['window_ticks'])
            kinds: dict[str, np.ndarray | None] = {
                f'{arm}, {OF_YAW}': held_weights(
                    study.pilot(name), replays[arm].before[first], ticks[first : tick + 1]
                )
                for arm, name in group.pilots.items()
            }
            alone = group.name if group.name in study.shipped else ENCODER
            kinds[f'{alone}, {FEATURES}'] = None
            scorer = FrameScorer(
                study.plan['maps'],
                np.float32(flight['pictures'][frame])[None],
                dict(zip(MASKS, np.float32(flight['masks'][frame]), strict=True)),
                trained,
                shuffled if frame == slow else None,
                forest,
            )
            for kind, weights in kinds.items():
                for method, found in scorer.scores(study.methods, weights).items():
                    for score, value in found.items():
                        rows[f'{kind}, {method}'][score].append(value)
            trained.forget()
            shuffled.forget()
    return {
        'forest': forest,
        'maps': {
            name: {score: _mean(values) for score, values in row.items()}
            for name, row in rows.items()
        },
    }


class FrameScorer:
    """Scores the maps of one frame.

    Args:
        plan: the part 'maps' of the plan.
        picture: (1, 3, H, W) the picture.
        masks: (H, W) share of each pixel that shows the object, by name.
        trained: explainer of the encoder.
        shuffled: explainer of the encoder with shuffled weights; None: the slow scores are left
            out.
        seed: seed of the random map and of the noise.
    """

    def __init__(
        self,
        plan: dict[str, Any],
        picture: np.ndarray,
        masks: dict[str, np.ndarray],
        trained: PixelExplainer,
        shuffled: PixelExplainer | None,
        seed: int,
    ) -> None:
        self._plan, self._picture, self._masks = plan, picture, masks
        self._trained, self._shuffled, self._seed = trained, shuffled, seed
        self._random = np.random.default_rng(seed).random(picture.shape[2:], np.float32)
        self._centre = centre_map(*picture.shape[2:], plan['centre_deviation'])
        self._baseline = blurred(picture)

    def scores(self, methods: list[str], weights: np.ndarray | None) -> dict[str, dict[str, float]]:
        """Return the scores of each method's map, and of the random map.

        Args:
            methods: the methods.
            weights: (F,) weights of the features; None: all features.
        """
        maps = {RANDOM: self._random} | {
            method: self._trained.explain(self._picture, method, weights) for method in methods
        }
        found = {method: self._place(saliency) for method, saliency in maps.items()}
        if self._shuffled is not None:
            for method, saliency in maps.items():
                found[method] |= self._curves(saliency, weights)
                if method != RANDOM:
                    found[method] |= self._slow(method, saliency, weights)
                    for name, sign in (('deletion', -1.0), ('insertion', 1.0)):
                        gain = sign * (found[method][name] - found[RANDOM][name])
                        found[method][f'{name} gain'] = gain
        return found

    def _place(self, saliency: np.ndarray) -> dict[str, float]:
        found: dict[str, float] = {}
        for name, mask in self._masks.items():
            if not mask.any():
                continue
            share, area = scores.saliency_share(saliency, mask), scores.area_share(mask)
            centre = scores.saliency_share(self._centre, mask)
            found |= {
                f'{name} share': share,
                f'{name} area': area,
                f'{name} centre': centre,
                f'{name} over area': share - area,
                f'{name} over centre': share - centre,
            }
            chance = scores.pointing_chance(mask)
            if chance > 0.0:
                found |= {
                    f'{name} hit': scores.pointing_hit(saliency, mask),
                    f'{name} chance': chance,
                    f'{name} centre hit': scores.pointing_hit(self._centre, mask),
                }
        return found

    def _curves(self, saliency: np.ndarray, weights: np.ndarray | None) -> dict[str, float]:
        layers = self._trained.layers

        def respond(pictures: np.ndarray) -> np.ndarray:
            features = layers.run(pictures).features
            return features if weights is None else features @ weights[:, None]

        arguments = (self._picture, saliency, respond, self._baseline, self._plan['curve_steps'])
        return {
            'deletion': scores.deletion_curve(*arguments).area,
            'insertion': scores.insertion_curve(*arguments).area,
        }

    def _slow(
        self, method: str, saliency: np.ndarray, weights: np.ndarray | None
    ) -> dict[str, float]:
        def explain(explainer: PixelExplainer) -> Callable[[np.ndarray], np.ndarray]:
            return lambda picture: explainer.explain(picture, method, weights)

        assert self._shuffled is not None
        other = explain(self._shuffled)(self._picture)
        found = {
            'stability': scores.noise_stability(
                explain(self._trained), self._picture, **self._plan['noise'], seed=self._seed
            ),
            'sanity rank': scores.rank_correlation(saliency, other),
            'sanity ssim': scores.ssim(saliency, other),
        }
        for name, mask in self._masks.items():
            if mask.any():
                found[f'{name} shuffled'] = scores.saliency_share(other, mask)
        return found


def _mean(values: list[float]) -> float | None:
    known = [value for value in values if math.isfinite(value)]
    return round(float(np.mean(known)), 6) if known else None
