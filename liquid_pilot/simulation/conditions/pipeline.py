"""The conditions of one flight, in the order in which they act.

world (range, target, forest) -> optics (season, fog, blur, rain, snow, dirt) -> exposure (night,
bright, contrast) -> sensor noise -> jpeg -> blink, occlusion -> timing (rate, dropped, latency).
Independently of the picture, wind, mass, motor and friction act on the vehicle. The order does not
depend on the order in which the conditions are listed. Each family draws from a random stream of
its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from liquid_pilot.interfaces import CameraGeometry
from liquid_pilot.simulation.base.appearance import DEFAULT_APPEARANCE, Appearance
from liquid_pilot.simulation.base.condition import FRICTION_FAMILIES, Condition, check_combination
from liquid_pilot.simulation.base.random_streams import random_stream
from liquid_pilot.simulation.base.task import GroundVehicle, Vehicle
from liquid_pilot.simulation.conditions import exposure, vehicle_faults
from liquid_pilot.simulation.conditions.camera_faults import (
    Blink,
    FrameTiming,
    Occlusion,
    TimedStrength,
)
from liquid_pilot.simulation.conditions.frame_context import FrameContext, ImageEffect, Picture
from liquid_pilot.simulation.conditions.optics import Blur, Dirt, Fog, Season
from liquid_pilot.simulation.conditions.precipitation import RAIN, SNOW, Precipitation
from liquid_pilot.simulation.conditions.severities import strength

if TYPE_CHECKING:
    import mujoco

_LITRES_PER_M3 = 1000.0
_ONSET_TOLERANCE_S = 1e-9
"""A frame at the instant of an onset is affected, whatever the rounding."""
EffectFactory = Callable[[np.random.Generator, CameraGeometry, float], ImageEffect]


def _shape(camera: CameraGeometry) -> tuple[int, int, int]:
    return camera.height, camera.width, 3


IMAGE_EFFECTS: dict[str, EffectFactory] = {
    'season': lambda rng, camera, s: Season(rng, s),
    'fog': lambda rng, camera, s: Fog(camera, s),
    'blur': Blur,
    'rain': lambda rng, camera, s: Precipitation(rng, camera, RAIN, s * _LITRES_PER_M3),
    'snow': lambda rng, camera, s: Precipitation(rng, camera, SNOW, s * _LITRES_PER_M3),
    'dirt': Dirt,
    'night': lambda rng, camera, s: exposure.Night(rng, _shape(camera), s),
    'bright': lambda rng, camera, s: exposure.ToneCurve(exposure.exposure_table(s)),
    'contrast': lambda rng, camera, s: exposure.ToneCurve(exposure.contrast_table(s)),
    'noise': lambda rng, camera, s: exposure.SensorNoise(rng, _shape(camera), s),
    'jpeg': lambda rng, camera, s: exposure.Jpeg(s),
    'blink': lambda rng, camera, s: Blink(rng, s),
    'occlusion': lambda rng, camera, s: Occlusion(rng, s),
}
"""The factory of each effect on the picture, by family, in the order in which they are applied."""
_DEPTH_FAMILIES = frozenset({'fog', 'rain', 'snow'})


def appearance_of(seed: int, conditions: tuple[Condition, ...]) -> Appearance:
    """Return the appearance of a seed's scene in these conditions."""
    check_combination(conditions)
    strengths = {c.family: strength(c) for c in conditions}
    appearance = DEFAULT_APPEARANCE
    if 'forest' in strengths:
        appearance = appearance.towards_other_forest(_stream(seed, 'forest'), strengths['forest'])
    if 'target' in strengths:
        appearance = appearance.towards_other_target(_stream(seed, 'target'), strengths['target'])
    return appearance


def _stream(seed: int, family: str) -> np.random.Generator:
    # The first eight bytes of a purpose select the stream; two of them mark a condition.
    return random_stream(seed, f'c:{family}')


class ConditionPipeline:
    """Applies the conditions of one flight to the scene, the vehicle, the pictures and the timing.

    Its random streams are derived from the seed and do not shift those of the flight.

    Args:
        seed: seed of the flight.
        conditions: conditions of the flight.
        camera: geometry of the picture.
        physics_step_s: duration of a physics step, s.
    """

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
        self._pending = [f for f in ('mass', 'motor', *FRICTION_FAMILIES) if f in self._strength]
        """Conditions of the vehicle that have not begun."""
        self.timing: FrameTiming | None = None
        """Timing of the frames; None: every frame arrives at once."""
        if self._strength.keys() & {'rate', 'dropped', 'latency'}:
            self.timing = FrameTiming(
                self._stream('dropped'), *map(self._timed_strength, ('rate', 'dropped', 'latency'))
            )

    def _stream(self, family: str) -> np.random.Generator:
        return _stream(self._seed, family)

    def _timed_strength(self, family: str) -> TimedStrength | None:
        if family not in self._strength:
            return None
        return TimedStrength(self._strength[family], self._onset_s[family])

    def _active(self, family: str, time_s: float) -> bool:
        return time_s >= self._onset_s.get(family, math.inf) - _ONSET_TOLERANCE_S

    def appearance(self) -> Appearance:
        """Return the appearance of this flight's scene."""
        return appearance_of(self._seed, self._conditions)

    def apply_to_vehicle(
        self, time_s: float, model: mujoco.MjModel, body: int, vehicle: Vehicle[Any]
    ) -> None:
        """Apply the conditions of the vehicle that begin now. Each is applied once.

        Args:
            time_s: time of flight, s.
            model: the compiled model, which is changed.
            body: index of the vehicle's body.
            vehicle: the vehicle, whose ground becomes slippery.
        """
        for family in [f for f in self._pending if self._active(f, time_s)]:
            self._pending.remove(family)
            if family == 'mass':
                vehicle_faults.add_payload(model, body, self._strength[family])
            elif family == 'motor':
                vehicle_faults.reduce_rotor_thrust(
                    model, self._stream(family), self._strength[family]
                )
            else:
                uniform, patches = (
                    self._strength.get(f, 0.0) if self._active(f, time_s) else 0.0
                    for f in FRICTION_FAMILIES
                )
                # Only the tasks of ground vehicles support these families.
                cast(GroundVehicle[Any], vehicle).friction_factor = vehicle_faults.FrictionMap(
                    self._stream('patches'), uniform, patches
                )

    def wind(self, time_s: float) -> tuple[float, float, float]:
        """Return the additional wind in the world frame (ENU), m/s. Call it once per physics step.

        Args:
            time_s: time of flight, s.
        """
        if self._mean_wind is None or not self._active('wind', time_s):
            return 0.0, 0.0, 0.0
        return self._mean_wind.step()

    def alters_image(self, time_s: float) -> bool:
        """Return whether pictures at a time of flight differ from the rendered ones."""
        return any(self._active(family, time_s) for family, _ in self._effects)

    def needs_depth(self, time_s: float) -> bool:
        """Return whether pictures at a time of flight need the distance of each pixel."""
        return any(
            family in _DEPTH_FAMILIES and self._active(family, time_s)
            for family, _ in self._effects
        )

    def apply_image_effects(self, rgb: Picture, context: FrameContext) -> Picture:
        """Return the picture that the camera delivers.

        Args:
            rgb: (H, W, 3) uint8 rendered picture, which may be changed.
            context: circumstances of the frame, with depth if `needs_depth` says so.
        """
        for family, effect in self._effects:
            if self._active(family, context.time_s):
                rgb = effect(rgb, context)
        return rgb
