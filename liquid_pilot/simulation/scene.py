"""A forest as MJCF: the layout's trees, terrain colours, sky and light, and the red chair.

Colours are drawn from the layout's seed in a stream of their own. Textures are made here, with
numpy, from smoothed noise; nothing is read from disk.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from xml.sax.saxutils import quoteattr

import cv2
import numpy as np

from liquid_pilot.simulation.layout import (
    GATE_HALF_M,
    POST_RADIUS_M,
    Bush,
    ForestLayout,
    Tree,
    generator,
)

TARGET_BODY, DECOY_BODY = 'target', 'decoy'
_GATE = '0.10 0.25 0.80 1'
CONE_SIZES = 4
"""Pines are drawn from this many sizes of cone: a mesh cannot be scaled per tree."""

_GROUNDS = (  # pairs of colours that the ground's noise blends
    ((0.28, 0.38, 0.16), (0.42, 0.48, 0.22)),  # meadow
    ((0.34, 0.28, 0.18), (0.30, 0.36, 0.17)),  # forest floor
    ((0.50, 0.46, 0.28), (0.40, 0.42, 0.22)),  # dry grass
    ((0.22, 0.32, 0.14), (0.33, 0.28, 0.17)),  # moss and earth
)
_SKIES = (  # (zenith, horizon)
    ((0.25, 0.47, 0.80), (0.74, 0.84, 0.93)),
    ((0.35, 0.55, 0.83), (0.82, 0.87, 0.90)),
    ((0.55, 0.63, 0.72), (0.80, 0.82, 0.83)),
    ((0.30, 0.42, 0.68), (0.90, 0.83, 0.72)),
)


_TARGET_CLOTHS = ((0.10, 0.25, 0.80), (0.90, 0.80, 0.10), (0.92, 0.92, 0.92), (0.45, 0.12, 0.60))
_LEAVES = ((1.9, 1.25, 0.8), (0.6, 0.75, 1.6), (1.5, 1.5, 1.4))
"""What another forest's leaves are multiplied by: larch in autumn, blue spruce, pale birch."""
_COLOURS_FIRST = 0.6
"""Another target has its colour by this share of the way; its shape changes after that."""

_Triple = tuple[float, float, float]


@dataclass(frozen=True)
class SceneLook:
    """What a condition may change about the scene; `FAIR` changes nothing."""

    leaves: _Triple = (1.0, 1.0, 1.0)
    """Factors on the red, green and blue of leaves."""
    bark: _Triple = (1.0, 1.0, 1.0)
    ground: _Triple = (1.0, 1.0, 1.0)
    cloth: _Triple = (0.86, 0.07, 0.08)
    """Colour of the target."""
    stretch: tuple[float, float] = (1.0, 1.0)
    """Factors on the width and the height of the target."""

    def other_forest(self, rng: np.random.Generator, share: float) -> SceneLook:
        """This look, a share of the way to a forest that is drawn."""
        leaves = _LEAVES[rng.integers(len(_LEAVES))]
        bark, ground = (tuple(rng.uniform(0.6, 1.9) * rng.uniform(0.8, 1.2, 3)) for _ in range(2))
        return replace(self, **{name: _between(getattr(self, name), end, share) for name, end in (
            ('leaves', leaves), ('bark', bark), ('ground', ground))})

    def other_target(self, rng: np.random.Generator, share: float) -> SceneLook:
        """This look, a share of the way to another target that is drawn: first its colour."""
        cloth = _TARGET_CLOTHS[rng.integers(len(_TARGET_CLOTHS))]
        stretch = (2.2, 0.5) if rng.random() < 0.5 else (0.4, 1.8)
        shape = max(0.0, (share - _COLOURS_FIRST) / (1.0 - _COLOURS_FIRST))
        return replace(self, cloth=_between(self.cloth, cloth, min(1.0, share / _COLOURS_FIRST)),
                       stretch=_between(self.stretch, stretch, shape))


FAIR = SceneLook()


def _between(start: tuple[float, ...], end: tuple[float, ...], share: float) -> tuple[float, ...]:
    return tuple(float(a + share * (b - a)) for a, b in zip(start, end, strict=True))


def _rgba(colour: np.ndarray | tuple[float, ...], alpha: float = 1.0) -> str:
    return ' '.join(f'{min(max(c, 0.0), 1.0):.3f}' for c in colour) + f' {alpha:g}'


def _numbers(*values: float) -> str:
    return ' '.join(f'{value:.4f}' for value in values)


def _noise(rng: np.random.Generator, size: int, octaves: tuple[int, ...]) -> np.ndarray:
    """(size, size) float32 in [0, 1]: sums of smoothed noise, tiling at the edges."""
    total = np.zeros((size, size), np.float32)
    for weight, cells in enumerate(octaves, start=1):
        grid = rng.random((cells, cells), dtype=np.float32)
        grid = np.pad(grid, ((0, 1), (0, 1)), mode='wrap')
        total += cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC) / weight
    total -= total.min()
    return total / total.max()


def _png(rgb: np.ndarray) -> bytes:
    return cv2.imencode('.png', (np.clip(rgb, 0, 1)[..., ::-1] * 255).astype(np.uint8))[1].tobytes()


def _textures(seed: int, look: SceneLook) -> dict[str, bytes]:
    """PNG images of ground, leaves and bark, keyed by the file name that the MJCF uses."""
    rng = generator(seed, 'textures')
    first, second = (np.array(c) for c in _GROUNDS[rng.integers(len(_GROUNDS))])
    tint = rng.uniform(0.85, 1.15, 3)
    blend = _noise(rng, 256, (4, 9, 23, 61))[..., None]
    grain = rng.uniform(0.86, 1.14, (256, 256, 1))
    ground = (first * blend + second * (1 - blend)) * tint * grain * np.array(look.ground)
    leaves = 0.55 + 0.45 * _noise(rng, 64, (9, 21))[..., None] * np.ones(3)
    stripes = 0.6 + 0.4 * _noise(rng, 64, (16, 32))[..., None] * np.ones(3)
    stripes = cv2.resize(stripes[:8], (64, 64), interpolation=cv2.INTER_LINEAR)
    return {'ground.png': _png(ground), 'leaves.png': _png(leaves), 'bark.png': _png(stripes)}


def _cone_vertices(radius: float, height: float, sides: int = 9) -> str:
    angles = [2 * math.pi * k / sides for k in range(sides)]
    ring = [(radius * math.cos(angle), radius * math.sin(angle), 0.0) for angle in angles]
    return ' '.join(_numbers(*v) for v in [*ring, (0.0, 0.0, height)])


def _cone_class(tree: Tree) -> int:
    return min(int((tree.crown_radius_m - 0.9) / 0.5 * CONE_SIZES), CONE_SIZES - 1)


def _cone_radius(size: int) -> float:
    return 0.9 + 0.5 * (size + 0.5) / CONE_SIZES


def _tree_geoms(tree: Tree, index: int, look: SceneLook) -> list[str]:
    """One to four geoms: trunk and crown."""
    light = 0.75 + 0.5 * tree.shade
    bark = np.array([0.36, 0.27, 0.19]) * light * look.bark
    name = f'tree_{index}'
    top = tree.crown_base_m + 0.5 * (tree.height_m - tree.crown_base_m)
    geoms = [
        f'<geom name="{name}" class="solid" type="cylinder" material="bark" '
        f'size="{_numbers(tree.trunk_radius_m, 0.5 * top)}" '
        f'pos="{_numbers(tree.x_m, tree.y_m, 0.5 * top)}" rgba="{_rgba(bark)}"/>'
    ]
    if tree.kind == 'pine':
        leaf = np.array([0.10, 0.30, 0.15]) * light * look.leaves
        size = _cone_class(tree)
        height = tree.height_m - tree.crown_base_m
        tiers = (0.0,) if tree.backdrop else (0.0, 0.36)
        for tier, share in enumerate(tiers):
            lit = _rgba(leaf * (1 + 0.18 * tier))
            geoms.append(
                f'<geom name="{name}_crown{tier}" class="solid" type="mesh" '
                f'mesh="cone_{size}_{tier}" material="leaves" rgba="{lit}" '
                f'pos="{_numbers(tree.x_m, tree.y_m, tree.crown_base_m + share * height)}"/>'
            )
    else:
        leaf = np.array([0.25, 0.42, 0.14]) * light * look.leaves
        half = 0.5 * (tree.height_m - tree.crown_base_m)
        radius = tree.crown_radius_m
        lobes = [(0.0, 0.0, half, 1.0)]
        if not tree.backdrop:
            side = 0.45 * radius
            lobes.append((side, 0.4 * side, 0.75 * half, 0.72))
            lobes.append((-side, -0.6 * side, 0.85 * half, 0.66))
        for lobe, (x, y, z, scale) in enumerate(lobes):
            tall = max(scale * half, 0.1)
            geoms.append(
                f'<geom name="{name}_crown{lobe}" class="solid" type="ellipsoid" '
                f'material="leaves" size="{_numbers(scale * radius, scale * radius, tall)}" '
                f'pos="{_numbers(tree.x_m + x, tree.y_m + y, tree.crown_base_m + max(z, tall))}" '
                f'rgba="{_rgba(leaf * (1 - 0.08 * lobe))}"/>'
            )
    return geoms


def _bush_geom(bush: Bush, index: int, look: SceneLook) -> str:
    leaf = np.array([0.24, 0.36, 0.13]) * (0.75 + 0.5 * bush.shade) * look.leaves
    return (
        f'<geom name="bush_{index}" class="solid" type="ellipsoid" material="leaves" '
        f'size="{_numbers(bush.radius_m, bush.radius_m, bush.height_m)}" '
        f'pos="{_numbers(bush.x_m, bush.y_m, 0.4 * bush.height_m)}" rgba="{_rgba(leaf)}"/>'
    )


def _course(layout: ForestLayout, look: SceneLook) -> str:
    """What a course adds to a forest: decoy, gate and hedges."""
    course = layout.course
    if course is None:
        return ''
    leaf = np.array([0.16, 0.33, 0.12]) * look.leaves
    parts = [_chair(layout, look, DECOY_BODY, course.decoy_enu_m)]
    parts += [
        f'<geom name="hedge_{index}" class="solid" type="box" material="leaves" '
        f'size="{_numbers(0.5 * h.length_m, 0.5 * h.thickness_m, 0.5 * h.height_m)}" '
        f'pos="{_numbers(h.x_m, h.y_m, 0.5 * h.height_m)}" euler="0 0 {h.yaw_rad:.6f}" '
        f'rgba="{_rgba(leaf)}"/>' for index, h in enumerate(course.hedges)]
    parts += [
        f'<geom name="gate_post_{index}" class="solid" type="cylinder" rgba="{_GATE}" '
        f'size="{POST_RADIUS_M} 1.4" pos="{_numbers(x, y, 1.4)}"/>'
        for index, (x, y) in enumerate(layout.posts())]
    if course.gate_enu_m is not None:
        parts.append(
            f'<geom name="gate_bar" class="solid" type="box" rgba="{_GATE}" '
            f'size="{POST_RADIUS_M} {GATE_HALF_M} 0.15" pos="{_numbers(*course.gate_enu_m, 2.8)}" '
            f'euler="0 0 {layout.gate_yaw_rad:.6f}"/>')
    return ''.join(parts)


def _chair(layout: ForestLayout, look: SceneLook, body: str = TARGET_BODY,
           place: _Triple | None = None) -> str:
    """A red camping chair, the target of Chahine et al. 2023: 0.75 m wide, 1.05 m tall."""
    x, y, z = place or layout.target_enu_m
    half = 0.5 * layout.target_yaw_rad
    wide, tall = look.stretch
    cloth, frame = _rgba(look.cloth), '0.12 0.12 0.13 1'
    arm = _rgba([0.8333 * part for part in look.cloth]) if look != FAIR else '0.72 0.05 0.06 1'

    def numbers(text: str) -> str:
        """Depth, width and height of each point or size in a text, stretched."""
        values = [float(value) for value in text.split()]
        return ' '.join(f'{value * (1.0, wide, tall)[k % 3]:g}' for k, value in enumerate(values))

    legs = ''.join(
        f'<geom class="solid" type="capsule" size="0.014" rgba="{frame}" fromto="'
        f'{numbers(f"{0.30 * a:.3f} {0.32 * b:.3f} 0 {-0.24 * a:.3f} {0.34 * b:.3f} 0.62")}"/>'
        for a in (-1, 1) for b in (-1, 1)
    )
    arms = ''.join(
        f'<geom class="solid" type="box" size="{numbers("0.26 0.035 0.012")}" '
        f'pos="{numbers(f"0.02 {0.36 * b} 0.63")}" rgba="{arm}"/>' for b in (-1, 1)
    )
    return (
        f'<body name="{body}" pos="{_numbers(x, y, z)}" '
        f'quat="{math.cos(half):.6f} 0 0 {math.sin(half):.6f}">'
        f'<geom class="solid" type="box" size="{numbers("0.28 0.33 0.02")}" '
        f'pos="{numbers("0.02 0 0.42")}" euler="0 0.10 0" rgba="{cloth}"/>'
        f'<geom class="solid" type="box" size="{numbers("0.02 0.33 0.34")}" '
        f'pos="{numbers("-0.30 0 0.74")}" euler="0 -0.22 0" rgba="{cloth}"/>{legs}{arms}</body>'
    )


def build(layout: ForestLayout, vehicle_mjcf: str, vehicle_actuators: str, vehicle_sensors: str,
          timestep_s: float, offscreen: tuple[int, int], look: SceneLook = FAIR
          ) -> tuple[str, dict[str, bytes]]:
    """The forest with one vehicle in it, as an MJCF string and its texture files.

    Args:
        layout: where things stand.
        vehicle_mjcf: a `<body>` with a free joint, placed at the world's origin.
        vehicle_actuators: content of `<actuator>`.
        vehicle_sensors: content of `<sensor>`.
        timestep_s: the physics time step.
        offscreen: (width, height) of the largest picture that will be rendered, in pixels.
        look: what a condition changes about it.
    """
    rng = generator(layout.seed, 'light')
    zenith, horizon = (np.array(c) for c in _SKIES[rng.integers(len(_SKIES))])
    brightness = rng.uniform(0.88, 1.08)
    azimuth, elevation = rng.uniform(-math.pi, math.pi), rng.uniform(0.6, 1.25)
    sun = (-math.cos(elevation) * math.cos(azimuth), -math.cos(elevation) * math.sin(azimuth),
           -math.sin(elevation))
    ambient, diffuse = rng.uniform(0.50, 0.62), rng.uniform(0.50, 0.75)
    cones = ''.join(
        f'<mesh name="cone_{size}_{tier}" vertex="'
        f'{_cone_vertices(_cone_radius(size) * (1 - 0.3 * tier), 4.2 * (1 - 0.3 * tier))}"/>'
        for size in range(CONE_SIZES) for tier in range(2)
    )
    geoms = [geom for i, tree in enumerate(layout.trees) for geom in _tree_geoms(tree, i, look)]
    geoms += [_bush_geom(bush, i, look) for i, bush in enumerate(layout.bushes)]
    width, height = offscreen
    xml = f"""<mujoco model={quoteattr(f'forest {layout.seed}')}>
  <compiler angle="radian"/>
  <option timestep="{timestep_s:g}" integrator="implicitfast"/>
  <size memory="8M"/>
  <visual>
    <headlight ambient="{_rgba((ambient,) * 3)[:-2]}" diffuse="0.12 0.12 0.12" specular="0 0 0"/>
    <quality shadowsize="0" offsamples="0" numslices="10" numstacks="6" numquads="1"/>
    <map znear="0.004" zfar="8" fogstart="25" fogend="60"/>
    <rgba fog="{_rgba(horizon * brightness)}" haze="{_rgba(horizon * brightness)}"/>
    <global offwidth="{width}" offheight="{height}"/>
  </visual>
  <statistic center="0 0 1" extent="10" meansize="0.3"/>
  <default>
    <default class="solid"><geom contype="1" conaffinity="0"/></default>
    <default class="visual"><geom contype="0" conaffinity="0" mass="0"/></default>
  </default>
  <asset>
    <texture name="sky" type="skybox" builtin="gradient" width="256" height="256"
             rgb1="{_rgba(zenith * brightness)[:-2]}" rgb2="{_rgba(horizon * brightness)[:-2]}"/>
    <texture name="ground" type="2d" file="ground.png"/>
    <texture name="leaves" type="cube" file="leaves.png"/>
    <texture name="bark" type="2d" file="bark.png"/>
    <material name="ground" texture="ground" texrepeat="10 10" specular="0"/>
    <material name="leaves" texture="leaves" specular="0"/>
    <material name="bark" texture="bark" texrepeat="2 4" specular="0"/>
    {cones}
  </asset>
  <worldbody>
    <light directional="true" castshadow="false" dir="{_numbers(*sun)}"
           diffuse="{_rgba((diffuse,) * 3)[:-2]}" specular="0 0 0" ambient="0 0 0"/>
    <geom name="ground" class="solid" type="plane" size="80 80 1" material="ground"/>
    {''.join(geoms)}
    {_chair(layout, look)}{_course(layout, look)}
    {vehicle_mjcf}
  </worldbody>
  <actuator>{vehicle_actuators}</actuator>
  <sensor>{vehicle_sensors}</sensor>
</mujoco>"""
    return xml, _textures(layout.seed, look)
