"""The settings of the adaptive frontend, apart from it: who only reads them loads no compiler."""

from __future__ import annotations

from dataclasses import dataclass, field

from liquid_pilot.onboard.adaptation.novelty_gate import NoveltyGateSettings
from liquid_pilot.utils.settings import setting

LEARNED, ESTIMATED, CONSTANT = 'learned', 'estimated', 'constant'
"""Values of the setting `filter_gain`."""


@dataclass(frozen=True)
class FrontendSettings:
    """Settings of the adaptive frontend; each may change between two ticks."""

    photometric: bool = setting(
        True, 'bring the luminance of the image back to that of training', live=True
    )
    temporal_filter: bool = setting(
        True, 'filter the image before the encoder; false: the encoder sees the frame', live=True
    )
    filter_gain: str = setting(
        LEARNED,
        'gain of the temporal filter: learned over seconds by the adaptation node; estimated in '
        'each frame from noise and motion; or constant',
        choices=(LEARNED, ESTIMATED, CONSTANT),
        live=True,
    )
    constant_filter_factor: float = setting(
        1.0,
        'factor on the trained time constants of the temporal filter while its gain is constant',
        low=1.0,
        high=9.0,
        live=True,
    )
    compensate_rotation: bool = setting(
        True, 'move the filtered image with the rotation of the camera', live=True
    )
    reject_novel_frames: bool = setting(
        True, 'reject frames that the novelty gate finds unlike training', live=True
    )
    slow_core_on_novelty: bool = setting(
        True, 'scale the time constants of the core up for a novel frame', live=True
    )
    core_time_scale_on_novelty: float = setting(
        16.0,
        'factor on the time constants of the core for a novel frame',
        low=1.0,
        high=100.0,
        live=True,
    )
    slow_core_while_held: bool = setting(
        False,
        'slow the core down while another has the vehicle (override, stop, not engaged) and the '
        'picture stays the same, so that it does not forget',
        live=True,
    )
    core_time_scale_while_held: float = setting(
        16.0,
        'factor by which the time of the core is slowed then',
        low=1.0,
        high=100.0,
        live=True,
    )
    scene_change_threshold: float = setting(
        0.6,
        'distance of the features, in deviations of training, beyond which the picture has changed',
        low=0.0,
        high=100.0,
        live=True,
    )
    settling_time_s: float = setting(
        0.5,
        'time after a change of the picture in which the core keeps its own speed',
        's',
        low=0.0,
        high=60.0,
        live=True,
    )
    slowdown_on_blindness: bool = setting(
        True, 'slow the vehicle down while all frames are novel', live=True
    )
    slowdown_on_blindness_after_s: float = setting(
        0.25,
        'time of novel frames after which the vehicle slows down',
        's',
        low=0.0,
        high=10.0,
        live=True,
    )
    slowdown_on_blindness_time_constant_s: float = setting(
        0.3, 'time constant of the slowdown', 's', low=0.01, high=10.0, live=True
    )
    gate: NoveltyGateSettings = field(default_factory=NoveltyGateSettings)
    """The settings of the novelty gate."""
