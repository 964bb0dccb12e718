"""Parameters of the pilot node."""

from __future__ import annotations

from dataclasses import dataclass

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common.flight_settings import FlightSettings
from liquid_pilot.onboard.adaptation.frontend_settings import FrontendSettings
from liquid_pilot.onboard.adaptation.novelty_gate import NoveltyGateSettings
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.onboard.inference.correction import TrustRegion
from liquid_pilot.onboard.perception.camera_mount import CameraMount, CameraMountSettings
from liquid_pilot.onboard.perception.compressed_image import CompressedLimits
from liquid_pilot.onboard.perception.picture_checks import PictureLimits
from liquid_pilot.onboard.perception.pixel_depth import PixelDepth
from liquid_pilot.onboard.safety.imu_checks import ImuLimits
from liquid_pilot.onboard.safety.sensor_plausibility import ImuFlightLimits
from liquid_pilot.onboard.teaching.settings import TeachingSettings
from liquid_pilot.utils.settings import declared_settings, extract, setting, setting_from


@dataclass(frozen=True)
class FrontendParameters:
    """Parameters of an adapting pilot's frontend, novelty gate and speed governor."""

    adaptation: bool = setting(
        False,
        'adapt: photometric match, temporal filter and novelty gate before the network, and time '
        'scales from the adaptation node; false: fly exactly as trained',
    )
    photometric: bool = setting_from(FrontendSettings, 'photometric', live=True)
    temporal_filter: bool = setting_from(FrontendSettings, 'temporal_filter', live=True)
    filter_gain: str = setting_from(FrontendSettings, 'filter_gain', live=True)
    constant_filter_factor: float = setting_from(
        FrontendSettings, 'constant_filter_factor', live=True
    )
    compensate_rotation: bool = setting_from(FrontendSettings, 'compensate_rotation', live=True)
    reject_novel_frames: bool = setting_from(FrontendSettings, 'reject_novel_frames', live=True)
    slow_core_on_novelty: bool = setting_from(FrontendSettings, 'slow_core_on_novelty', live=True)
    core_time_scale_on_novelty: float = setting_from(
        FrontendSettings, 'core_time_scale_on_novelty', live=True
    )
    slow_core_while_held: bool = setting_from(FrontendSettings, 'slow_core_while_held', live=True)
    core_time_scale_while_held: float = setting_from(
        FrontendSettings, 'core_time_scale_while_held', live=True
    )
    scene_change_threshold: float = setting_from(
        FrontendSettings, 'scene_change_threshold', live=True
    )
    settling_time_s: float = setting_from(FrontendSettings, 'settling_time_s', live=True)
    slowdown_on_blindness: bool = setting_from(FrontendSettings, 'slowdown_on_blindness', live=True)
    slowdown_on_blindness_after_s: float = setting_from(
        FrontendSettings, 'slowdown_on_blindness_after_s', live=True
    )
    slowdown_on_blindness_time_constant_s: float = setting_from(
        FrontendSettings, 'slowdown_on_blindness_time_constant_s', live=True
    )
    training_threshold_factor: float = setting_from(
        NoveltyGateSettings, 'training_threshold_factor', live=True
    )
    baseline_threshold_factor: float = setting_from(
        NoveltyGateSettings, 'baseline_threshold_factor', live=True
    )
    max_rejection_s: float = setting_from(NoveltyGateSettings, 'max_rejection_s', live=True)
    friction_speed_governor: bool = setting_from(
        AdaptationSettings, 'friction_speed_governor', live=True
    )
    adaptation_timeout_s: float = setting(
        2.0,
        'in lock-step: fly on as trained when the adaptation node is silent for this long',
        's',
        low=0.1,
        high=60.0,
        live=True,
    )

    def adaptation_settings(self) -> AdaptationSettings | None:
        """Return the settings of the engine; None for a pilot that does not adapt."""
        if not self.adaptation:
            return None
        gate = NoveltyGateSettings(
            self.training_threshold_factor, self.baseline_threshold_factor, self.max_rejection_s
        )
        return AdaptationSettings(
            extract(FrontendSettings, self, gate=gate),
            friction_speed_governor=self.friction_speed_governor,
        )


@dataclass(frozen=True)
class SensorCheckParameters:
    """Parameters of the checks whether picture and IMU can be believed."""

    check_sensors: bool = setting(
        True,
        'do not fly on a blind or frozen picture, nor on an IMU with impossible readings, units or '
        'axes; in lock-step nothing is checked (docs/explanation/sensor_checks.md)',
    )
    min_picture_texture: float = setting_from(PictureLimits, 'min_picture_texture')
    min_picture_coherence: float = setting_from(PictureLimits, 'min_picture_coherence')
    max_blind_s: float = setting_from(PictureLimits, 'max_blind_s')
    max_frozen_picture_s: float = setting_from(PictureLimits, 'max_frozen_picture_s')
    frozen_picture_turn_rad: float = setting_from(PictureLimits, 'frozen_picture_turn_rad')
    max_angular_velocity_rad_s: float = setting_from(ImuLimits, 'max_angular_velocity_rad_s')
    max_specific_force_m_s2: float = setting_from(ImuLimits, 'max_specific_force_m_s2')
    max_sustained_turn_rad_s: float = setting_from(ImuFlightLimits, 'max_sustained_turn_rad_s')
    max_frozen_imu_s: float = setting_from(ImuFlightLimits, 'max_frozen_imu_s')
    sensor_recovery_s: float = setting_from(ImuFlightLimits, 'sensor_recovery_s')
    gravity_tolerance: float = setting_from(ImuLimits, 'gravity_tolerance')
    max_tilt_deg: float = setting_from(ImuLimits, 'max_tilt_deg')
    max_gyro_bias_rad_s: float = setting_from(ImuLimits, 'max_gyro_bias_rad_s')
    max_gyro_noise_rad_s: float = setting_from(ImuLimits, 'max_gyro_noise_rad_s')
    max_force_noise_m_s2: float = setting_from(ImuLimits, 'max_force_noise_m_s2')
    min_turn_rad_s: float = setting_from(ImuLimits, 'min_turn_rad_s')
    max_opposite_correlation: float = setting_from(ImuLimits, 'max_opposite_correlation')

    def imu_limits(self) -> ImuLimits:
        """Return the limits of the IMU; its rate is checked by the guard."""
        names = declared_settings(SensorCheckParameters).keys() & declared_settings(ImuLimits)
        return ImuLimits(**{name: getattr(self, name) for name in names})


@dataclass(frozen=True)
class PilotParameters(SensorCheckParameters, FrontendParameters):
    """Parameters of the pilot node."""

    pilot: str = setting_from(FlightSettings, 'pilot')
    vehicle: str = setting(
        '', 'vehicle class that the pilot must have been trained for; empty: any'
    )
    image_transport: str = setting_from(FlightSettings, 'image_transport')
    use_camera_info: bool = setting(
        True,
        'wait for camera_info and crop the image to the field of view of training; false: use the '
        'centre of the image, whatever its field of view',
    )
    rectified: bool = setting_from(FlightSettings, 'rectified')
    camera_yaw_deg: float = setting_from(CameraMountSettings, 'camera_yaw_deg')
    camera_pitch_deg: float = setting_from(CameraMountSettings, 'camera_pitch_deg')
    camera_roll_deg: float = setting_from(CameraMountSettings, 'camera_roll_deg')
    mono16_bits: int = setting_from(PixelDepth, 'mono16_bits')
    max_compressed_pixels: int = setting_from(CompressedLimits, 'max_compressed_pixels', live=True)
    max_compressed_bytes: int = setting_from(CompressedLimits, 'max_compressed_bytes', live=True)
    lockstep: bool = setting(
        False,
        'for lock-step simulation only: wait for the IMU sample of each frame, and answer a '
        'repeated frame with the same command',
    )
    imu_timeout_s: float = setting(
        0.2,
        'a frame without an IMU sample younger than this is rejected',
        's',
        low=0.01,
        high=5.0,
        live=True,
    )
    camera_timeout_s: float = setting(
        0.5,
        'the camera is reported as silent after this long without a frame',
        's',
        low=0.05,
        high=60.0,
        live=True,
    )
    time_jump_s: float = setting(
        0.5,
        'frames with old stamps for this long mean that time jumped back: the network is reset',
        's',
        low=0.0,
        high=60.0,
        live=True,
    )
    publish_trace: bool = setting(
        True,
        'publish pilot/trace, the inputs and outputs of each tick; an adapting pilot always '
        'publishes it, for the adaptation node',
        live=True,
    )
    lesson: str = setting_from(TeachingSettings, 'lesson')
    max_taught_output: float = setting_from(TrustRegion, 'max_taught_output')
    max_taught_change: float = setting_from(TrustRegion, 'max_taught_change')
    max_taught_aim_deg: float = setting_from(TrustRegion, 'max_taught_aim_deg')
    threads: int = setting(1, 'number of threads of the encoder', low=1, high=64)

    def trust_region(self) -> TrustRegion:
        """Return how far a lesson may move the pilot."""
        return extract(TrustRegion, self)

    def camera_mount(self) -> CameraMount:
        """Return how the camera is turned.

        Raises:
            LiquidPilotError: it is turned, and camera_info is not used, which says what it sees.
        """
        mount = extract(CameraMountSettings, self).mount
        if not mount.is_straight and not self.use_camera_info:
            raise LiquidPilotError(
                'camera_yaw_deg, camera_pitch_deg and camera_roll_deg need the field of view of '
                'the camera: set use_camera_info to true and publish camera_info'
            )
        return mount
