"""The conditions of one flight put together, in the order in which they act.

world (range, target, forest) -> optics (season, fog, blur, rain, snow, dirt) -> exposure (night,
bright, contrast) -> sensor noise -> jpeg -> blink, occlusion -> timing (rate, dropped, latency);
and, apart from the picture, what acts on the vehicle (wind, mass, motor). The order is this one
however the conditions are listed. Each family draws from a stream of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from liquid_pilot.interfaces import CameraGeometry
from liquid_pilot.simulation.base.appearance import DEFAULT_APPEARANCE, Appearance
from liquid_pilot.simulation.base.condition import FRICTION_FAMILIES, Condition, check_combination
from liquid_pilot.simulation.base.random_streams import random_stream
from liquid_pilot.simulation.base.task import Vehicle
from liquid_pilot.simulation.conditions import exposure, vehicle_faults
from liquid_pilot.simulation.conditions.camera_faults import Blink, FrameTiming, Occlusion
from liquid_pilot.simulation.conditions.frame_context import FrameContext, ImageEffect
from liquid_pilot.simulation.conditions.optics import Blur, Dirt, Fog, Season
from liquid_pilot.simulation.conditions.precipitation import RAIN, SNOW, Precipitation
from liquid_pilot.simulation.conditions.severities import strength
from liquid_pilot.simulation.mujoco.rendering import mujoco

_LITRES = 1000.0
_ONSET_TOLERANCE_S = 1e-9
"""An onset at the instant of a frame is in that frame, whatever the rounding."""
EffectFactory = Callable[[np.random.Generator, CameraGeometry, float], ImageEffect]


def _shape(camera: CameraGeometry) -> tuple[int, int, int]:
    return camera.height, camera.width, 3


IMAGE_EFFECTS: dict[str, EffectFactory] = {
    'season': lambda rng, camera, s: Season(rng, s),
    'fog': lambda rng, camera, s: Fog(camera, s),
    'blur': Blur,
    'rain': lambda rng, camera, s: Precipitation(rng, camera, RAIN, s * _LITRES),
    'snow': lambda rng, camera, s: Precipitation(rng, camera, SNOW, s * _LITRES),
    'dirt': Dirt,
    'night': lambda rng, camera, s: exposure.Night(rng, _shape(camera), s),
    'bright': lambda rng, camera, s: exposure.ToneCurve(exposure.exposure_table(s)),
    'contrast': lambda rng, camera, s: exposure.ToneCurve(exposure.contrast_table(s)),
    'noise': lambda rng, camera, s: exposure.SensorNoise(rng, _shape(camera), s),
    'jpeg': lambda rng, camera, s: exposure.Jpeg(s),
    'blink': lambda rng, camera, s: Blink(rng, s),
    'occlusion': lambda rng, camera, s: Occlusion(rng, s),
}
"""Family to what it does to the picture, in the order in which it is done."""
_DEPTH_FAMILIES = frozenset({'fog', 'rain', 'snow'})


def appearance_of(seed: int, conditions: tuple[Condition, ...]) -> Appearance:
    """The colours and the target of a seed's scene in these conditions."""
    check_combination(conditions)
    strengths = {c.family: strength(c) for c in conditions}
    look = DEFAULT_APPEARANCE
    if 'forest' in strengths:
        look = look.towards_other_forest(_stream(seed, 'forest'), strengths['forest'])
    if 'target' in strengths:
        look = look.towards_other_target(_stream(seed, 'target'), strengths['target'])
    return look


def _stream(seed: int, family: str) -> np.random.Generator:
    # A purpose counts by its first eight letters; two mark it as a condition's.
    return random_stream(seed, f'c:{family}')


class ConditionPipeline:
    """The conditions of one flight. Streams are the seed's, so none of the flight's is shifted."""

    def __init__(
        self,
        seed: int,
        conditions: tuple[Condition, ...],
        camera: CameraGeometry,
        physics_step_s: float,
    ) -> None:
        check_combination(conditions)
        self._seed, self._conditions = seed, conditions
        self._strength = {c.family: strength(c) for c in conditions}
        self._onset_s = {c.family: c.onset_s for c in conditions}
        self._effects = [
            (family, make(self._stream(family), camera, self._strength[family]))
            for family, make in IMAGE_EFFECTS.items()
            if family in self._strength
        ]
        self._mean_wind = None
        if 'wind' in self._strength:
            self._mean_wind = vehicle_faults.MeanWind(
                self._stream('wind'), physics_step_s, self._strength['wind']
            )
        self._to_begin = [f for f in ('mass', 'motor', *FRICTION_FAMILIES) if f in self._strength]
        self.timing: FrameTiming | None = None
        if self._strength.keys() & {'rate', 'dropped', 'latency'}:
            self.timing = FrameTiming(
                self._stream('dropped'), *map(self._with_onset, ('rate', 'dropped', 'latency'))
            )

    def _stream(self, family: str) -> np.random.Generator:
        return _stream(self._seed, family)

    def _with_onset(self, family: str) -> tuple[float, float] | None:
        if family not in self._strength:
            return None
        return self._strength[family], self._onset_s[family]

    def _on(self, family: str, time_s: float) -> bool:
        return time_s >= self._onset_s.get(family, math.inf) - _ONSET_TOLERANCE_S

    def look(self) -> Appearance:
        """The colours and the target of this flight's scene."""
        return appearance_of(self._seed, self._conditions)

    def begin(self, time_s: float, model: mujoco.MjModel, body: int, vehicle: Vehicle) -> None:
        """Change the vehicle and its ground, once, when the time has come."""
        for family in [f for f in self._to_begin if self._on(f, time_s)]:
            self._to_begin.remove(family)
            if family == 'mass':
                vehicle_faults.add_payload(model, body, self._strength[family])
            elif family == 'motor':
                vehicle_faults.reduce_rotor_thrust(
                    model, self._stream(family), self._strength[family]
                )
            else:
                lost = (
                    self._strength.get(f, 0.0) if self._on(f, time_s) else 0.0
                    for f in FRICTION_FAMILIES
                )
                vehicle.grip = vehicle_faults.FrictionMap(self._stream('patches'), *lost)

    def wind(self, time_s: float) -> tuple[float, float, float]:
        """What blows more than on any day, in the world frame (ENU), m/s; a call a physics step."""
        if self._mean_wind is None or not self._on('wind', time_s):
            return 0.0, 0.0, 0.0
        return self._mean_wind.step()

    def alters_image(self, time_s: float) -> bool:
        """Whether the picture at this time is not as rendered."""
        return any(self._on(family, time_s) for family, _ in self._effects)

    def needs_depth(self, time_s: float) -> bool:
        """Whether the picture at this time wants the distance of each pixel."""
        return any(
            family in _DEPTH_FAMILIES and self._on(family, time_s) for family, _ in self._effects
        )

    def picture(self, rgb: np.ndarray, view: FrameContext) -> np.ndarray:
        """(H, W, 3) uint8 as rendered to what the camera gives."""
        for family, effect in self._effects:
            if self._on(family, view.time_s):
                rgb = effect(rgb, view)
        return rgb
