"""The conditions of one flight, in the order in which they act.

world (range, target, forest) -> optics (season, fog, blur, rain, snow, dirt) -> scene effects of
other packages -> exposure (night, bright, contrast) -> sensor noise -> jpeg -> blink, occlusion ->
picture effects of other packages -> timing (rate, dropped, latency). Independently of the picture,
wind, mass, motor, friction and trim act on the vehicle, and the wind of other packages. The camera
is mounted before the flight. The order does not depend on the order in which the conditions are
listed. Each family draws from a random stream of its own.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from liquid_pilot.interfaces import CameraGeometry
from liquid_pilot.simulation.base.appearance import DEFAULT_APPEARANCE, Appearance
from liquid_pilot.simulation.base.condition import (
    CONDITIONS,
    FAMILIES,
    FRICTION_FAMILIES,
    TRIM_FAMILIES,
    Condition,
    check_combination,
)
from liquid_pilot.simulation.base.condition_spec import ImageEffectFactory, WindSource
from liquid_pilot.simulation.base.frame_context import FrameContext, ImageEffect, Picture
from liquid_pilot.simulation.base.random_streams import random_stream
from liquid_pilot.simulation.base.task import GroundVehicle, SteeredVehicle, Vehicle
from liquid_pilot.simulation.conditions import exposure, mounting, vehicle_faults
from liquid_pilot.simulation.conditions.camera_faults import (
    Blink,
    FrameTiming,
    Occlusion,
    TimedStrength,
)
from liquid_pilot.simulation.conditions.optics import Blur, Dirt, Fog, Season
from liquid_pilot.simulation.conditions.precipitation import RAIN, SNOW, Precipitation
from liquid_pilot.simulation.conditions.severities import strength

if TYPE_CHECKING:
    import mujoco

_LITRES_PER_M3 = 1000.0
_ONSET_TOLERANCE_S = 1e-9
"""A frame at the instant of an onset is affected, whatever the rounding."""


def _shape(camera: CameraGeometry) -> tuple[int, int, int]:
    return camera.height, camera.width, 3


IMAGE_EFFECTS: dict[str, ImageEffectFactory] = {
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
_FIRST_OF_EXPOSURE = 'night'
"""The family before which the scene effects of other packages are applied."""
_VEHICLE_FAMILIES = ('mass', 'motor', *FRICTION_FAMILIES, *TRIM_FAMILIES)
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
    if family in FAMILIES:
        return random_stream(seed, f'c:{family}')
    # The name of a family of another package may begin like one of this package.
    return random_stream(seed, f'x{hashlib.sha256(family.encode()).hexdigest()[:7]}')


class _ExternalEffect:
    """The effect of another package, whose errors name the package, and whose result is checked.

    Args:
        family: family of the condition.
        effect: the effect.
    """

    def __init__(self, family: str, effect: ImageEffect) -> None:
        self._family, self._effect = family, effect

    def __call__(self, rgb: Picture, context: FrameContext) -> Picture:
        """Return the picture after the effect.

        Raises:
            LiquidPilotError: the effect failed, or did not return a picture of the same size.
        """
        shape = rgb.shape
        try:
            result = self._effect(rgb, context)
        except Exception as error:
            place = CONDITIONS.describe_error(self._family, error)
            CONDITIONS.fail(self._family, f'its effect failed ({place})', error)
        if getattr(result, 'shape', None) != shape or result.dtype != np.uint8:
            CONDITIONS.fail(
                self._family, f'its effect must return a picture of shape {shape} and type uint8'
            )
        return result


def _effect_factories(families: Collection[str]) -> list[tuple[str, ImageEffectFactory]]:
    """Return the factories of the effects on the picture in the order in which they are applied."""
    external: dict[str, list[tuple[str, ImageEffectFactory]]] = {'scene': [], 'picture': []}
    for family in sorted(set(families) - set(FAMILIES)):
        spec = CONDITIONS[family]
        if spec.image is not None:
            external[spec.stage].append((family, partial(_make_effect, family, spec.image)))
    factories: list[tuple[str, ImageEffectFactory]] = []
    for family, make in IMAGE_EFFECTS.items():
        if family == _FIRST_OF_EXPOSURE:
            factories += external['scene']
        if family in families:
            factories.append((family, make))
    return factories + external['picture']


def _make_effect(
    family: str,
    make: ImageEffectFactory,
    rng: np.random.Generator,
    camera: CameraGeometry,
    strength: float,
) -> ImageEffect:
    """Make the effect of another package."""
    effect = CONDITIONS.make(family, ('__call__',), make, rng, camera, strength)
    return _ExternalEffect(family, effect)


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
            for family, make in _effect_factories(self._strength)
        ]
        self._depth_families = _DEPTH_FAMILIES.union(
            family
            for family in self._strength
            if family not in FAMILIES and CONDITIONS[family].needs_depth
        )
        self._winds = [
            (family, self._make_wind(family, physics_step_s))
            for family in sorted(self._strength)
            if family == 'wind' or (family not in FAMILIES and CONDITIONS[family].wind)
        ]
        self._pending = [f for f in _VEHICLE_FAMILIES if f in self._strength]
        """Conditions of the vehicle that have not begun."""
        self.timing: FrameTiming | None = None
        """Timing of the frames; None: every frame arrives at once."""
        if self._strength.keys() & {'rate', 'dropped', 'latency'}:
            self.timing = FrameTiming(
                self._stream('dropped'), *map(self._timed_strength, ('rate', 'dropped', 'latency'))
            )

    def _stream(self, family: str) -> np.random.Generator:
        return _stream(self._seed, family)

    def _make_wind(self, family: str, step_s: float) -> WindSource:
        strength = self._strength[family]
        if family == 'wind':
            return vehicle_faults.MeanWind(self._stream(family), step_s, strength)
        # Its stream differs from that of the picture, which is drawn from at another rate.
        stream = self._stream(f'{family} wind')
        source: WindSource = CONDITIONS.make(
            family, ('step',), CONDITIONS[family].wind, stream, step_s, strength
        )
        return source

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
            vehicle: the vehicle, whose ground becomes slippery, or whose steering gets a trim.
        """
        for family in [f for f in self._pending if self._active(f, time_s)]:
            self._pending.remove(family)
            if family == 'mass':
                vehicle_faults.add_payload(model, body, self._strength[family])
            elif family == 'motor':
                vehicle_faults.reduce_rotor_thrust(
                    model, self._stream(family), self._strength[family]
                )
            elif family in TRIM_FAMILIES:
                acting = {f: s for f, s in self._strength.items() if self._active(f, time_s)}
                cast(SteeredVehicle[Any], vehicle).turn_trim = mounting.turn_trim(acting)
            else:
                uniform, patches = (
                    self._strength.get(f, 0.0) if self._active(f, time_s) else 0.0
                    for f in FRICTION_FAMILIES
                )
                # Only the tasks of ground vehicles support these families.
                cast(GroundVehicle[Any], vehicle).friction_factor = vehicle_faults.FrictionMap(
                    self._stream('patches'), uniform, patches
                )

    def mount_camera(self, model: mujoco.MjModel, camera: str) -> None:
        """Mount a camera as the conditions say.

        Args:
            model: the compiled model, which is changed; call this once for each model.
            camera: name of the camera.
        """
        mounting.mount_camera(model, camera, self._strength)

    def wind(self, time_s: float) -> tuple[float, float, float]:
        """Return the additional wind in the world frame (ENU), m/s. Call it once per physics step.

        Args:
            time_s: time of flight, s.
        """
        total = (0.0, 0.0, 0.0)
        for family, source in self._winds:
            if self._active(family, time_s):
                wind = source.step()
                total = (total[0] + wind[0], total[1] + wind[1], total[2] + wind[2])
        return total

    def alters_image(self, time_s: float) -> bool:
        """Return whether pictures at a time of flight differ from the rendered ones."""
        return any(self._active(family, time_s) for family, _ in self._effects)

    def needs_depth(self, time_s: float) -> bool:
        """Return whether pictures at a time of flight need the distance of each pixel."""
        return any(
            family in self._depth_families and self._active(family, time_s)
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
