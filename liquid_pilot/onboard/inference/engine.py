"""The engine: one control tick from a frame and the IMU to a command.

The state of a flight is passed in and out. The stages of a tick are in `onboard.inference.stages`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

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
from liquid_pilot.onboard.adaptation.frontend import (
    AdaptiveFrontend,
    FrontendOutput,
    FrontendState,
)
from liquid_pilot.onboard.adaptation.learner_messages import LearnerInput
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.onboard.adaptation.time_scales import TimeScales
from liquid_pilot.onboard.inference.aimed_encoder import TURNS
from liquid_pilot.onboard.inference.correction import Correction, TrustRegion
from liquid_pilot.onboard.inference.recurrent_cores import IMU_INPUTS, Core
from liquid_pilot.onboard.inference.stages import (
    Stages,
    make_retention,
    make_speed_stages,
    make_stages,
)
from liquid_pilot.onboard.inference.taught_stages import checked_columns, taught_stages
from liquid_pilot.onboard.perception.camera_mount import STRAIGHT, CameraMount
from liquid_pilot.onboard.perception.imu import mean_imu
from liquid_pilot.onboard.perception.pixel_depth import FULL_BITS
from liquid_pilot.onboard.vehicles.friction_estimator import FrictionState
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.utils.release_memory import release_code_pages


class StampError(ObservationError):
    """A frame that is not newer than the last one.

    Args:
        message: the message.
        repeated: whether its stamp equals the last one; False: it is older.
    """

    def __init__(self, message: str, repeated: bool) -> None:
        super().__init__(message)
        self.repeated = repeated


class EngineState(NamedTuple):
    """The states of all stages, which one tick leaves to the next."""

    core: Any
    """The state of the core: (N,) float32 of the shipped ones."""
    last_stamp_ns: int | None
    """Stamp of the last frame; None before the first."""
    frontend: FrontendState = FrontendState()
    """The state of the frontend; empty of a pilot that does not adapt."""
    friction: FrictionState | None = None
    """The state of a car's friction estimator; None while friction is not estimated."""
    retention: Any = None
    """The state of the retention: `RetentionState` of the shipped one; None before the first frame,
    and while it is off."""


class Tick(NamedTuple):
    """The result of one tick; the arrays are its own."""

    command: Command
    """The command, before the guard."""
    state: EngineState
    """The state after the tick."""
    features: npt.NDArray[np.float32]
    """(F,) the encoder's output; of a rejected frame: that of the last accepted one."""
    imu: npt.NDArray[np.float64]
    """(6,) mean angular velocity (rad/s), then specific force (m/s^2), body FLU."""
    core_inputs: npt.NDArray[np.float32]
    """(F + 6,) features, then the normalised IMU."""
    dt_s: float
    """Elapsed time within the pilot's bounds, s; the retention may slow the time of the core."""
    frontend_output: FrontendOutput
    """Output of the frontend for the frame; its log-scale of the core includes the retention's."""
    core_output: npt.NDArray[np.float32]
    """(M,) outputs of the core, before a lesson's correction and the scale."""


class Engine:
    """A loaded pilot. Two calls with the same state and observation give the same bits.

    It holds buffers: use an object from one thread only.

    >>> from liquid_pilot import ImageBuffer, ImuSample, Observation, load_pilot
    >>> engine = Engine(load_pilot('forest-ltc'))
    >>> black = ImageBuffer(bytes(128 * 72 * 3), 128, 72, 3 * 128, 'rgb8')
    >>> imu = ImuSample(0, (0.0, 0.0, 0.0), (0.0, 0.0, 9.81))
    >>> tick = engine.tick(engine.initial_state(), Observation(0, black, (imu,)))
    >>> tick.command.stamp_ns, tick.features.shape, tick.dt_s
    (0, (32,), 0.05)

    Args:
        pilot: the pilot file.
        source_camera: the camera that flies; None: unknown, see `set_camera`.
        threads: threads of the encoder.
        adaptation: settings of a pilot that adapts; None: it flies as trained.
        replace_stages: function that takes the stages of the pilot and returns those that are used.
            Experiments replace the core by it, for example.
        watch_picture: function that is called in each tick with the preprocessed picture, (1, 3, H,
            W) float32 in [0, 1], which it must neither change nor keep.
        mono16_bits: number of bits that count in pixels of 16 bits (see PixelDepth).
        mount: how the camera that flies is turned against the vehicle.

    Raises:
        LiquidPilotError: the pilot's parts do not fit together, or it cannot adapt.
        ObservationError: the camera cannot serve the pilot.
    """

    def __init__(
        self,
        pilot: PilotFile,
        source_camera: CameraGeometry | None = None,
        threads: int = 1,
        adaptation: AdaptationSettings | None = None,
        replace_stages: Callable[[Stages], Stages] | None = None,
        watch_picture: Callable[[npt.NDArray[np.float32]], None] | None = None,
        mono16_bits: int = FULL_BITS,
        mount: CameraMount = STRAIGHT,
    ) -> None:
        specification = pilot.specification
        self.pilot = pilot
        self.watch_picture = watch_picture
        self._replace_stages = replace_stages
        self._own_stages = make_stages(
            pilot, source_camera, threads, adaptation, mono16_bits, mount
        )
        self._trained_core = self._own_stages.core
        self._use_stages()
        self._imu_mean = np.asarray(specification.imu_mean, np.float64)
        self._imu_scale = np.asarray(specification.imu_scale, np.float64)
        self._dt_first_s = 1.0 / specification.rate_hz
        self._dt_range_s = (specification.dt_min_s, specification.dt_max_s)

    def _use_stages(self) -> None:
        self._stages = self._own_stages
        if self._replace_stages is not None:
            self._stages = self._replace_stages(self._own_stages)

    @property
    def stages(self) -> Stages:
        """The stages, in the order of a tick."""
        return self._stages

    @property
    def core(self) -> Core:
        """The recurrent core."""
        return self._stages.core

    @property
    def adapting(self) -> bool:
        """Whether the pilot adapts."""
        return isinstance(self._own_stages.frontend, AdaptiveFrontend)

    @property
    def source_camera(self) -> CameraGeometry | None:
        """The camera that flies, as last set."""
        return self._stages.preprocess.source

    @property
    def scalable_neurons(self) -> int:
        """The number of neurons of a core whose time constants can be scaled, else 0."""
        return self.core.neurons if self.core.liquid else 0

    def set_camera(self, camera: CameraGeometry | None) -> None:
        """Take the intrinsics of the camera that flies.

        Args:
            camera: the camera; None: unknown, the centre of the image is used.

        Raises:
            ObservationError: it sees too little; the message gives both fields of view.
        """
        self._stages.preprocess.set_source(camera)

    def configure(self, adaptation: AdaptationSettings) -> None:
        """Use other settings of adaptation from the next tick on.

        Raises:
            LiquidPilotError: the pilot does not adapt.
        """
        frontend = self._own_stages.frontend
        if not isinstance(frontend, AdaptiveFrontend):
            raise LiquidPilotError(
                f'{self.pilot.path}: the pilot flies as trained and has no settings of adaptation; '
                'start it with adaptation'
            )
        frontend.configure(adaptation.frontend)
        friction, speed_limit = make_speed_stages(self.pilot, adaptation)
        self._own_stages = self._own_stages._replace(
            friction=friction,
            speed_limit=speed_limit,
            retention=make_retention(self.pilot, adaptation),
        )
        self._use_stages()

    def teach(self, correction: Correction, trust_region: TrustRegion) -> None:
        """Fly with a correction from the next tick on, in place of any other.

        Args:
            correction: what a lesson has taught; one of zeros: fly as trained.
            trust_region: how far it may move the pilot; what is beyond is cut.

        Raises:
            LiquidPilotError: it does not fit the pilot; nothing has changed.
        """
        self._own_stages = taught_stages(
            self._own_stages, self.pilot, self._trained_core, correction, trust_region
        )
        self._use_stages()

    def check_correction(self, correction: Correction, trust_region: TrustRegion) -> None:
        """Raise the LiquidPilotError that `teach` would raise."""
        checked_columns(correction, self.pilot, self._trained_core)
        trust_region.bounded(correction)

    @property
    def aim(self) -> CameraMount:
        """How the camera is believed to be turned, see `teach`."""
        return self._own_stages.encode.aim

    def turned_inputs(self, tick: Tick) -> npt.NDArray[np.float32]:
        """Return what the core had read in the last tick in pictures that are turned further.

        Args:
            tick: the last tick.

        Returns:
            (3, F + 6), one row for each of `aimed_encoder.TURNS`.
        """
        inputs = np.tile(tick.core_inputs, (len(TURNS), 1))
        inputs[:, :-IMU_INPUTS] = self._own_stages.encode.features_of_turns(TURNS)
        return inputs

    def warm_up(self) -> None:
        """Compile and load everything, so that the first tick takes no longer than the others."""
        camera, preprocess = self.pilot.specification.camera, self._stages.preprocess
        self.core.warm_up()
        self._stages.frontend.warm_up()
        if self.adapting:
            release_code_pages('libllvmlite')
        source = preprocess.source
        preprocess.set_source(None)
        black = bytes(3 * camera.width * camera.height)
        image = ImageBuffer(black, camera.width, camera.height, 3 * camera.width, 'rgb8')
        imu = ImuSample(0, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
        self.tick(self.initial_state(), Observation(0, image, (imu,)))
        preprocess.set_source(source)

    def initial_state(self) -> EngineState:
        """Return the state before the first frame, or after a reset."""
        stages = self._stages
        return EngineState(
            stages.core.initial_state(),
            None,
            stages.frontend.initial_state(),
            stages.friction.initial_state(),
        )

    def tick(
        self,
        state: EngineState,
        observation: Observation,
        scales: TimeScales | None = None,
        has_authority: bool = True,
    ) -> Tick:
        """Run one tick.

        The core is stepped by the difference of the stamps, within the pilot's bounds; for the
        first frame by one period of the pilot's rate.

        Args:
            state: the state after the last tick.
            observation: one frame, and the IMU samples since the one before it.
            scales: log-scales of the time constants; None: as trained.
            has_authority: whether the pilot's commands fly the vehicle; True where it is not known.

        Raises:
            StampError: the stamp does not advance.
            ObservationError: the frame or the IMU cannot be flown on, or the command is not finite.
                Nothing has changed.
        """
        stages = self._stages
        dt_s = self._elapsed_s(state.last_stamp_ns, observation.stamp_ns)
        imu = mean_imu(observation.imu)
        image = stages.preprocess(observation.image)
        if self.watch_picture is not None:
            self.watch_picture(image)
        frontend = stages.frontend.process(
            image, state.frontend, dt_s, imu[:3], scales and scales.temporal_filter
        )
        friction = stages.friction.update(state.friction, observation.imu)
        core_scales = stages.core_scales.combine(scales and scales.core, frontend, friction)
        features, core_dt_s = frontend.features, dt_s
        slower, retention = stages.retention.process(features, state.retention, dt_s, has_authority)
        if slower:
            core_dt_s = dt_s * math.exp(-slower)
            slower += frontend.log_core_time_scale
            frontend = frontend._replace(log_core_time_scale=slower)
        inputs = np.empty(features.size + IMU_INPUTS, np.float32)
        inputs[:-IMU_INPUTS] = features
        inputs[-IMU_INPUTS:] = (imu - self._imu_mean) / self._imu_scale
        # An overflow is found below; numpy need not warn of it in every tick.
        with np.errstate(over='ignore', invalid='ignore'):
            core, output = stages.core.step(state.core, inputs, core_dt_s, core_scales)
            neurons = stages.core.neuron_states(core)
            total = float(neurons.sum())
            corrected = stages.correction.correct(neurons, output)
        values = stages.scale.to_command(corrected.tolist(), frontend.speed_factor)
        values = stages.speed_limit.limit_speed(values, friction)
        friction = stages.friction.with_command(friction, values, dt_s)
        # The sum is finite only if every neuron is; a command may be finite without that.
        if not all(map(math.isfinite, (*values, total))):
            raise ObservationError(
                f'pilot: the network gave {values}, which is not finite; reset the pilot, and '
                'check the IMU scale and the pilot file'
            )
        return Tick(
            Command(observation.stamp_ns, *values),
            EngineState(core, observation.stamp_ns, frontend.state, friction, retention),
            features,
            imu,
            inputs,
            dt_s,
            frontend,
            output,
        )

    def time_constants(
        self, tick: Tick, scales: TimeScales | None = None
    ) -> npt.NDArray[np.float32]:
        """Return the time constants of the core at the end of a tick.

        Args:
            tick: the tick.
            scales: the log-scales that it was flown with.

        Returns:
            (N,), s; NaN for a core without any.
        """
        stages, state = self._stages, tick.state
        core_scales = stages.core_scales.combine(
            scales and scales.core, tick.frontend_output, state.friction
        )
        return stages.core.time_constants(state.core, tick.core_inputs, core_scales)

    def _elapsed_s(self, last_ns: int | None, now_ns: int) -> float:
        """Return the elapsed time between two stamps within the pilot's bounds."""
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
        shortest_s, longest_s = self._dt_range_s
        return min(max((now_ns - last_ns) / NANOSECONDS_PER_SECOND, shortest_s), longest_s)


def learner_input_of(tick: Tick, sequence: int) -> LearnerInput:
    """Return the input of a learner from a tick of an adapting pilot.

    Args:
        tick: the tick.
        sequence: its number in the flight, from 1.
    """
    frontend = tick.frontend_output
    return LearnerInput(
        sequence,
        frontend.elapsed_s,
        frontend.error,
        frontend.gradient,
        frontend.novel,
        dt_s=tick.dt_s,
        features=tick.features,
        imu=tick.imu,
        log_core_time_scale=frontend.log_core_time_scale,
        filter_gain=frontend.filter_gain,
        filter_noise=frontend.filter_noise,
    )
