"""One control tick: frame and IMU in, body velocity command out; the state passes through."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from liquid_pilot.interfaces import (
    NANOSECONDS_PER_SECOND,
    CameraGeometry,
    Command,
    ImageBuffer,
    ImuSample,
    LiquidPilotError,
    Observation,
    ObservationError,
)
from liquid_pilot.liquid.sensitivity import LtcSensitivity, StateWithSensitivities
from liquid_pilot.onboard.adaptation.frontend import (
    AdaptiveFrontend,
    FrontendOutput,
    FrontendSettings,
    FrontendState,
)
from liquid_pilot.onboard.adaptation.learner_messages import LearnerInput
from liquid_pilot.onboard.adaptation.next_input_predictor import NextInputPredictor, PredictionLoss
from liquid_pilot.onboard.adaptation.time_scales import CORE_LOG_SCALE_RANGE, CoreScales, TimeScales
from liquid_pilot.onboard.inference.encoder import Encoder
from liquid_pilot.onboard.inference.recurrent_cores import make_core
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor
from liquid_pilot.onboard.perception.imu import mean_imu
from liquid_pilot.onboard.vehicles.action_scaling import ActionScaling
from liquid_pilot.onboard.vehicles.friction_estimator import FrictionEstimator, FrictionState
from liquid_pilot.onboard.vehicles.registry import get_vehicle
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.utils.release_memory import release_code_pages


class StampError(ObservationError):
    """A frame that is not newer than the last one; `repeated` tells the same from an older one."""

    def __init__(self, message: str, repeated: bool) -> None:
        super().__init__(message)
        self.repeated = repeated


class EngineState(NamedTuple):
    """All that one tick leaves to the next."""

    core: np.ndarray
    """(N,) float32."""
    last_stamp_ns: int | None
    """Stamp of the last frame; None before the first."""
    front: FrontendState | None = None
    """Of an adapting pilot's front; None without."""
    sensitivities: StateWithSensitivities | None = None
    """The core with its sensitivities, while they are carried along."""
    grip: FrictionState | None = None
    """Of a car whose grip is judged."""


class Tick(NamedTuple):
    """What one tick made; the arrays are its own."""

    command: Command
    state: EngineState
    features: np.ndarray
    """(F,) float32, the encoder's output."""
    imu: np.ndarray
    """(6,) float64: mean angular velocity (rad/s), then specific force (m/s^2), FLU."""
    core_inputs: np.ndarray
    """(F + 6,) float32: features, then the IMU normalised."""
    dt_s: float
    """Elapsed time that the core was stepped by."""
    frontend_output: FrontendOutput | None = None
    """What the front of an adapting pilot made of the frame."""
    foresight: PredictionLoss | None = None
    """What became of the core's last prediction, while its sensitivities are carried along."""


class Engine:
    """A loaded pilot. Two calls with the same state and observation give the same bits.

    `source_camera` is the camera that flies (see set_camera). An object holds buffers: use it
    from one thread. LiquidPilotError when the pilot's parts do not fit together.
    """

    def __init__(
        self,
        pilot: PilotFile,
        source_camera: CameraGeometry | None = None,
        threads: int = 1,
        front: FrontendSettings | None = None,
    ) -> None:
        specification = pilot.specification
        self.pilot = pilot
        self.core = make_core(pilot)
        if self.core.inputs != specification.features + 6 or self.core.motors != 4:
            raise LiquidPilotError(
                f'{pilot.path}: the core takes {self.core.inputs} inputs and gives '
                f'{self.core.motors} outputs; {specification.features} features and 6 IMU axes '
                f'make {specification.features + 6}, and a command has 4'
            )
        camera = specification.camera
        self._preprocess = Preprocessor(camera, source_camera, specification.rectify)
        self._encode = Encoder(
            pilot.encoder,
            camera.height,
            camera.width,
            specification.features,
            threads,
            f'{pilot.path}/encoder.onnx',
        )
        self.front: AdaptiveFrontend | None = None
        if front is not None:
            self.front = AdaptiveFrontend(
                pilot.known(), self._encode, camera, 1.0 / specification.rate_hz, front
            )
        handling = get_vehicle(specification.vehicle).handling
        self._friction_estimator: FrictionEstimator | None = None
        if front is not None and handling is not None:
            self._friction_estimator = FrictionEstimator(handling, specification.limits)
        self._predictor: NextInputPredictor | None = None
        if front is not None and pilot.training_statistics.foresees:
            self._predictor = NextInputPredictor(pilot.training_statistics)
            self._sensitivity = LtcSensitivity(pilot.parameters, specification.unfolds)
        self._imu_mean = np.asarray(specification.imu_mean, np.float64)
        self._imu_scale = np.asarray(specification.imu_scale, np.float64)
        self._action_scaling = ActionScaling(
            tuple(map(float, specification.command_scale)), specification.steering
        )
        self._dt_first_s = 1.0 / specification.rate_hz
        self._dt_range_s = (specification.dt_min_s, specification.dt_max_s)

    @property
    def source_camera(self) -> CameraGeometry | None:
        """The camera that flies, as last set."""
        return self._preprocess.source

    def set_camera(self, camera: CameraGeometry | None) -> None:
        """Take the flying camera's intrinsics; None: unknown, the image's centre is used.

        ObservationError, with both fields of view in degrees, when it sees too little.
        """
        self._preprocess.set_source(camera)

    @property
    def scalable_neurons(self) -> int:
        """N of a core whose time constants can be scaled, else 0."""
        return self.core.neurons if self.core.liquid else 0

    def warm_up(self) -> None:
        """Compile or load everything, so that the first tick takes no longer than the others."""
        camera = self.pilot.specification.camera
        self.core.warm_up()
        if self.front is not None:
            self.front.warm_up()
        if self._predictor is not None:
            self._sensitivity.warm_up()
        if self.front is not None:
            release_code_pages('libllvmlite')
        source = self._preprocess.source
        self._preprocess.set_source(None)
        black = bytes(3 * camera.width * camera.height)
        image = ImageBuffer(black, camera.width, camera.height, 3 * camera.width, 'rgb8')
        imu = ImuSample(0, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
        self.tick(self.initial_state(), Observation(0, image, (imu,)))
        self._preprocess.set_source(source)

    def initial_state(self) -> EngineState:
        """Before the first frame, or after a reset."""
        return EngineState(self.core.initial_state(), None, self.front and FrontendState())

    def tick(
        self, state: EngineState, observation: Observation, scales: TimeScales | None = None
    ) -> Tick:
        """One frame and the IMU since the one before it -> the command that answers it.

        dt is the stamps' difference within the pilot's bounds (first frame: one period of its
        rate). ObservationError, and nothing changes, when the frame or the IMU must not be flown
        on, and when the command is not finite; StampError when the stamp does not advance.
        """
        stamp_ns = observation.stamp_ns
        dt_s = self._elapsed_s(state.last_stamp_ns, stamp_ns)
        imu = mean_imu(observation.imu)
        image = self._preprocess(observation.image)
        frontend_output = front = None
        if self.front is None:
            features = self._encode(image)
        else:
            frontend_output = self.front.see(
                image, state.front, dt_s, imu[:3], scales and scales.receptors
            )
            features, front = frontend_output.features, frontend_output.state
        grip = None
        if self._friction_estimator is not None and (
            self.front.settings.govern or self.front.settings.leak_friction_exponent
        ):
            grip = self._friction_estimator.see(
                state.grip or self._friction_estimator.initial_state(), observation.imu
            )
        core_scales = self._combined_core_scales(scales, frontend_output, grip)
        inputs = np.empty(features.size + 6, np.float32)
        inputs[:-6] = features
        inputs[-6:] = (imu - self._imu_mean) / self._imu_scale
        # An overflow is judged below, not warned about by numpy twenty times a second.
        with np.errstate(over='ignore', invalid='ignore'):
            sensitivities = foresight = None
            if self._predictor is not None and self.front.settings.carry_sensitivities:
                before = state.sensitivities or self._sensitivity.initial_state(state.core)
                foresight = self._predictor.judge(before, inputs)
                sensitivities = self._sensitivity.step_sensitivity(
                    before, inputs, dt_s, *(core_scales or (None, None))
                )
                core, output = sensitivities.v, self._sensitivity.output(sensitivities.v)
            else:
                core, output = self.core.step(state.core, inputs, dt_s, core_scales)
            total = float(core.sum())
        values = self._action_scaling.command(
            output.tolist(), 1.0 if frontend_output is None else frontend_output.trust
        )
        if grip is not None:
            if self.front.settings.govern:
                values = self._friction_estimator.govern(grip, values)
            grip = self._friction_estimator.told(grip, values, dt_s)
        # The sum tells whether every neuron is finite: a command may still look well when not.
        if not all(map(math.isfinite, (*values, total))):
            raise ObservationError(
                f'pilot: the network gave {values}, which is not finite; reset the pilot, and '
                'check the IMU scale and the pilot file'
            )
        return Tick(
            Command(stamp_ns, *values),
            EngineState(core, stamp_ns, front, sensitivities, grip),
            features,
            imu,
            inputs,
            dt_s,
            frontend_output,
            foresight,
        )

    def _combined_core_scales(
        self,
        scales: TimeScales | None,
        frontend_output: FrontendOutput | None,
        grip: FrictionState | None,
    ) -> CoreScales | None:
        """What was proposed, the gate's stretch and the leak by the grip; None: as trained."""
        proposed = scales and scales.core
        stretch = frontend_output.log_core_time_scale if frontend_output is not None else 0.0
        leak = 0.0
        if grip is not None and self.front.settings.leak_friction_exponent:
            leak = min(
                -self.front.settings.leak_friction_exponent * math.log(grip.share),
                CORE_LOG_SCALE_RANGE[1],
            )
        if not (self.core.liquid and (stretch or leak)):
            return proposed
        zero = np.zeros(self.core.neurons, np.float32)
        log_cm, log_gleak = proposed or (zero, zero)
        return CoreScales(log_cm + np.float32(stretch), log_gleak + np.float32(leak))

    def time_constants(self, tick: Tick, scales: TimeScales | None = None) -> np.ndarray:
        """(N,) seconds: the core's at the end of that tick, flown with those scales."""
        return self.core.time_constants(
            tick.state.core,
            tick.core_inputs,
            self._combined_core_scales(scales, tick.frontend_output, tick.state.grip),
        )

    def _elapsed_s(self, last_ns: int | None, now_ns: int) -> float:
        if last_ns is None:
            return self._dt_first_s
        if now_ns <= last_ns:
            gap_s = (last_ns - now_ns) / NANOSECONDS_PER_SECOND
            what = f'{gap_s:.3f} s before' if gap_s else 'the same as'
            raise StampError(
                f"camera: the frame's stamp is {what} the last one's; if the clock was reset, "
                'reset the pilot',
                repeated=now_ns == last_ns,
            )
        least, most = self._dt_range_s
        return min(max((now_ns - last_ns) / NANOSECONDS_PER_SECOND, least), most)


def learner_input_of(tick: Tick, sequence: int) -> LearnerInput:
    """What an adapting pilot's tick, the `sequence`th, tells the learner."""
    frontend_output, foresight = tick.frontend_output, tick.foresight
    return LearnerInput(
        sequence,
        frontend_output.elapsed_s,
        frontend_output.error,
        frontend_output.gradient,
        frontend_output.novel,
        np.empty(0) if foresight is None else foresight.gradient,
    )
