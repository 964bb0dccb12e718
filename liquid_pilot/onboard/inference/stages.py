"""The stages of the engine, and how they are made for a pilot.

A tick runs them in this order:

    preprocess   camera image -> image of the encoder's size
    frontend     image -> features; when adapting: match, temporal filter, encoder, novelty gate
    friction     IMU -> friction estimate of a car
    core_scales  time scales, novelty and friction -> log-scales of the core
    retention    features, and who has the vehicle -> how fast the time of the core passes
    core         features and IMU -> outputs
    correction   state of the core, outputs -> outputs as a lesson has corrected them
    scale        outputs -> command
    speed_limit  command -> command for the estimated friction

A stage that is off is a null stage that passes its input through. The state of a stage is passed in
and out by the engine, `EngineState`.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from liquid_pilot.interfaces import CameraGeometry, LiquidPilotError
from liquid_pilot.onboard.adaptation.frontend import (
    AdaptiveFrontend,
    FrontendOutput,
    FrontendStage,
    PassThroughFrontend,
)
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.onboard.adaptation.time_scales import CoreScales
from liquid_pilot.onboard.inference.aimed_encoder import AimedEncoder
from liquid_pilot.onboard.inference.correction import (
    CorrectionStage,
    NoCorrection,
    TrustRegion,
    make_correction_stage,
    no_correction,
)
from liquid_pilot.onboard.inference.encoder import Encoder
from liquid_pilot.onboard.inference.recurrent_cores import (
    COMMAND_OUTPUTS,
    IMU_INPUTS,
    Core,
    make_core,
)
from liquid_pilot.onboard.inference.retention import NoRetention, Retention, RetentionStage
from liquid_pilot.onboard.perception.camera_mount import STRAIGHT, CameraMount
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor
from liquid_pilot.onboard.perception.pixel_depth import FULL_BITS
from liquid_pilot.onboard.vehicles.action_scaling import ActionScaling
from liquid_pilot.onboard.vehicles.friction_estimator import (
    FrictionEstimator,
    FrictionStage,
    FrictionState,
    NoFrictionEstimate,
)
from liquid_pilot.onboard.vehicles.registry import get_vehicle
from liquid_pilot.onboard.vehicles.speed_limiter import (
    NoSpeedLimit,
    SpeedLimiter,
    SpeedLimitStage,
)
from liquid_pilot.pilot_file import PilotFile


class CoreScalesStage(Protocol):
    """The stage that decides the log-scales of the core."""

    def combine(
        self,
        scales: CoreScales | None,
        frontend: FrontendOutput,
        friction: FrictionState | None,
    ) -> CoreScales | None:
        """Return the log-scales of the core in this tick.

        Args:
            scales: log-scales that the learner proposes; None: as trained.
            frontend: output of the frontend for the frame.
            friction: the friction estimate; None: there is none.

        Returns:
            The log-scales; None: as trained.
        """
        ...


class NoveltyCoreScales:
    """The shipped stage: the learner's log-scales, and slower neurons for a novel frame.

    Args:
        neurons: number of neurons N of a liquid core; 0 for another core, whose time constants
            cannot be scaled.
    """

    def __init__(self, neurons: int) -> None:
        self._neurons = neurons

    def combine(
        self,
        scales: CoreScales | None,
        frontend: FrontendOutput,
        friction: FrictionState | None,
    ) -> CoreScales | None:
        """Return the learner's log-scales, with the frontend's added to those of cm.

        See `CoreScalesStage.combine`.
        """
        novelty = frontend.log_core_time_scale
        if not (self._neurons and novelty):
            return scales
        if scales is None:
            zero = np.zeros(self._neurons, np.float32)
            scales = CoreScales(zero, zero)
        return CoreScales(scales.log_cm + np.float32(novelty), scales.log_gleak)


class Stages(NamedTuple):
    """The stages of one engine; the module names their order in a tick."""

    preprocess: Preprocessor
    frontend: FrontendStage
    friction: FrictionStage
    core_scales: CoreScalesStage
    core: Core
    scale: ActionScaling
    speed_limit: SpeedLimitStage
    encode: AimedEncoder
    """The encoder that the frontend uses."""
    retention: RetentionStage = NoRetention()
    correction: CorrectionStage = NoCorrection()


def make_stages(
    pilot: PilotFile,
    source_camera: CameraGeometry | None,
    threads: int,
    adaptation: AdaptationSettings | None,
    mono16_bits: int = FULL_BITS,
    mount: CameraMount = STRAIGHT,
) -> Stages:
    """Return the stages of a pilot.

    Args:
        pilot: the pilot file.
        source_camera: the camera that flies; None: unknown.
        threads: threads of the encoder.
        adaptation: settings of a pilot that adapts; None: it flies as trained.
        mono16_bits: number of bits that count in pixels of 16 bits.
        mount: how the camera that flies is turned against the vehicle.

    Raises:
        LiquidPilotError: the parts of the pilot do not fit together, or it cannot adapt.
        ObservationError: the camera cannot serve the pilot.
    """
    specification, core = pilot.specification, make_core(pilot)
    inputs = specification.features + IMU_INPUTS
    if core.inputs != inputs or core.motors != COMMAND_OUTPUTS:
        raise LiquidPilotError(
            f'{pilot.path}: the core takes {core.inputs} inputs and gives '
            f'{core.motors} outputs; {specification.features} features and {IMU_INPUTS} IMU axes '
            f'make {inputs}, and a command has {COMMAND_OUTPUTS}'
        )
    camera = specification.camera
    preprocess = Preprocessor(camera, source_camera, specification.rectify, mono16_bits, mount)
    encoder = Encoder(
        pilot.encoder,
        camera.height,
        camera.width,
        specification.features,
        threads,
        f'{pilot.path}/encoder.onnx',
    )
    encode = AimedEncoder(encoder, camera, CameraMount.from_degrees(*specification.camera_aim_deg))
    frontend: FrontendStage = PassThroughFrontend(encode)
    if adaptation is not None:
        period_s = 1.0 / specification.rate_hz
        statistics = pilot.require_statistics()
        frontend = AdaptiveFrontend(statistics, encode, camera, period_s, adaptation.frontend)
    friction, speed_limit = make_speed_stages(pilot, adaptation)
    return Stages(
        preprocess,
        frontend,
        friction,
        NoveltyCoreScales(core.neurons if core.liquid else 0),
        core,
        ActionScaling.of(specification),
        speed_limit,
        encode,
        make_retention(pilot, adaptation),
        make_correction_stage(
            no_correction(core.neurons, core.motors), TrustRegion(), specification.output_trim
        ),
    )


def make_retention(pilot: PilotFile, adaptation: AdaptationSettings | None) -> RetentionStage:
    """Return the stage that slows the time of the core, or the null stage.

    Raises:
        LiquidPilotError: the pilot has no training statistics.
    """
    if adaptation is None or not adaptation.frontend.slow_core_while_held:
        return NoRetention()
    return Retention(pilot.require_statistics(), adaptation.frontend)


def make_speed_stages(
    pilot: PilotFile, adaptation: AdaptationSettings | None
) -> tuple[FrictionStage, SpeedLimitStage]:
    """Return the stages that estimate friction and limit the speed by it.

    They are null stages unless the vehicle is a car and the governor is on.
    """
    specification = pilot.specification
    car_model = get_vehicle(specification.vehicle).car_model
    if adaptation is None or not adaptation.friction_speed_governor or car_model is None:
        return NoFrictionEstimate(), NoSpeedLimit()
    return FrictionEstimator(car_model, specification.limits), SpeedLimiter(car_model)
