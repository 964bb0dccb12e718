"""The embedded simulator: one world, one vehicle, its camera and IMU, in steps of one frame.

It knows nothing of ROS and nothing of the pilot. The same object serves the gymnasium
environment, missions flown in-process, and the simulator node.
"""

from __future__ import annotations

import math

import numpy as np

from liquid_pilot.interfaces import (
    NANOSECONDS_PER_SECOND,
    AttitudeThrust,
    CameraGeometry,
    Command,
    ImageBuffer,
    ImuSample,
    LiquidPilotError,
    Observation,
    SensorPacket,
    VehicleState,
)
from liquid_pilot.simulation.base.condition import Condition
from liquid_pilot.simulation.base.random_streams import random_stream
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.task import Layout
from liquid_pilot.simulation.conditions.frame_context import FrameContext
from liquid_pilot.simulation.conditions.pipeline import ConditionPipeline
from liquid_pilot.simulation.mujoco import mjcf
from liquid_pilot.simulation.mujoco.rendering import CameraRenderer, mujoco
from liquid_pilot.simulation.mujoco.sensors import Gusts, Imu
from liquid_pilot.simulation.tasks.registry import layout_of, task_of


class Simulation:
    """A vehicle in a seeded world. Deterministic: seed and setpoints decide everything.

    `reset` starts a flight, `advance` flies one control period and returns what was sensed at its
    end. Use it as a context manager, or call `close`, to free the OpenGL context.
    """

    def __init__(self, settings: SimulationSettings | None = None) -> None:
        self.settings = settings or SimulationSettings()
        s = self.settings
        self.camera = CameraGeometry.from_vertical_fov(
            s.camera_width, s.camera_height, s.camera_vertical_fov_rad
        )
        self.control_period_ns = NANOSECONDS_PER_SECOND // s.camera_rate_hz
        self.task = task_of(s.vehicle)
        self.vehicle = self.task.vehicle()
        self.layout: Layout | None = None
        self.model: mujoco.MjModel | None = None
        self.data: mujoco.MjData | None = None
        self._renderer: CameraRenderer | None = None

    def reset(
        self, seed: int, stamp_ns: int = 0, conditions: tuple[Condition, ...] | None = None
    ) -> SensorPacket:
        """Build the world of a seed, rest at its start, and sense for the first time.

        Args:
            seed: a whole number >= 0.
            stamp_ns: the clock's reading at the start; later packets count on from it.
            conditions: of this flight; None for those of the settings.
        """
        s = self.settings
        self._free_renderer()
        conditions = s.conditions if conditions is None else conditions
        self.layout = layout_of(s.vehicle, seed, conditions)
        self._weather = ConditionPipeline(seed, conditions, self.camera, 1.0 / s.physics_rate_hz)
        self.way = self.task.way(self.layout)
        self.vehicle.set_layout(self.layout)
        xml, textures = mjcf.build_mjcf(
            self.task.scene(self.layout, self._weather.look()),
            *self.vehicle.mjcf(s.camera_vertical_fov_rad),
            timestep_s=1.0 / s.physics_rate_hz,
            offscreen=(s.camera_width, s.camera_height),
            name=f'{s.vehicle} {seed}',
        )
        self.model = mujoco.MjModel.from_xml_string(xml, textures)
        self.data = mujoco.MjData(self.model)
        self._body = self.model.body(self.vehicle.body).id
        self._renderer = CameraRenderer(self.model, 'forward', s.camera_width, s.camera_height)
        self._imu = Imu(random_stream(seed, 'imu'))
        self._wind = Gusts(random_stream(seed, 'wind'), 1.0 / s.physics_rate_hz)
        self._stamp_ns, self._start_ns = stamp_ns, stamp_ns
        self._setpoint: Command | AttitudeThrust = self._hover()
        self._setpoint_age_steps = 0
        self._pending_imu: tuple[ImuSample, ...] = ()
        self.vehicle.place(self.data, self.layout.start_enu_m, self.layout.start_yaw_rad)
        mujoco.mj_forward(self.model, self.data)
        return self._packet((self._imu.read(stamp_ns, self.data.sensordata),), None)

    def advance(self, setpoint: Command | AttitudeThrust | None) -> SensorPacket:
        """Fly one control period (1 / camera_rate_hz).

        Args:
            setpoint: the newest setpoint, or None when no new one came. The last one then holds
                until `command_timeout_s`, after which the vehicle hovers by itself.

        Raises:
            LiquidPilotError: before `reset`, or for a setpoint that is not finite.
        """
        if self.data is None:
            raise LiquidPilotError('call reset before advance')
        setpoint = self.way.handling(self.flight_time_s, self._stamp_ns) or setpoint
        if setpoint is not None:
            self._setpoint, self._setpoint_age_steps = _checked(setpoint), 0
        s, data = self.settings, self.data
        step_ns = NANOSECONDS_PER_SECOND // s.physics_rate_hz
        timeout_steps = round(s.command_timeout_s * s.physics_rate_hz)
        imu, contact = [], None
        self._weather.begin(self.flight_time_s, self.model, self._body, self.vehicle)
        for step in range(1, s.physics_rate_hz // s.camera_rate_hz + 1):
            if self._setpoint_age_steps >= timeout_steps:
                self._setpoint = self._hover()
            state = self.vehicle.state(data, self._stamp_ns)
            self.vehicle.actuate(data, self._setpoint, state)
            wind = map(
                sum, zip(self._wind.step(), self._weather.wind(self.flight_time_s), strict=True)
            )
            self.vehicle.apply_wind(data, self._body, tuple(wind))
            mujoco.mj_step(self.model, data)
            self._stamp_ns += step_ns
            self._setpoint_age_steps += 1
            if step % (s.physics_rate_hz // s.imu_rate_hz) == 0:
                imu.append(self._imu.read(self._stamp_ns, data.sensordata))
            if data.ncon and contact is None:
                contact = self._contact_name()
        return self._packet(tuple(imu), contact)

    @property
    def flight_time_s(self) -> float:
        """Seconds since the last reset."""
        return (self._stamp_ns - self._start_ns) / NANOSECONDS_PER_SECOND

    def render_from(self, state: VehicleState) -> ImageBuffer:
        """The picture of the camera if the vehicle were there; the flight goes on as it was."""
        kept = self.data.qpos.copy()
        self.data.qpos[:7] = (*state.position_enu_m, *state.orientation_wxyz)
        self._update_kinematics()
        image = self._image(state)
        self.data.qpos[:] = kept
        self._update_kinematics()
        return image

    @property
    def at_decision_point(self) -> bool:
        """Whether, on a course, the moment to recall what was seen at the start has come."""
        return self.way.at_decision_point(self.flight_time_s)

    @property
    def render_time_s(self) -> float:
        """Wall time spent on drawing since the last reset."""
        return self._renderer.total_render_s if self._renderer else 0.0

    def close(self) -> None:
        """Free the OpenGL context; the simulation can be reset again afterwards."""
        self._free_renderer()

    def __enter__(self) -> Simulation:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _hover(self) -> Command:
        return Command(self._stamp_ns, 0.0, 0.0, 0.0, 0.0)

    def _free_renderer(self) -> None:
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _contact_name(self) -> str:
        """Name of what the vehicle touches now."""
        names = [
            self.model.geom(geom).name or self.model.body(self.model.geom_bodyid[geom]).name
            for geom in self.data.contact[0].geom
        ]
        others = [name for name in names if name != 'airframe']
        return (others or ['something'])[0]

    def _update_kinematics(self) -> None:
        """Put bodies and cameras where the joints are."""
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_camlight(self.model, self.data)

    def _packet(self, imu: tuple, contact: str | None) -> SensorPacket:
        # mj_step leaves them one step behind.
        self._update_kinematics()
        state: VehicleState = self.vehicle.state(self.data, self._stamp_ns)
        self.way.update(state.position_enu_m)
        for body, shown in self.way.shown(self.flight_time_s).items():
            self._renderer.show(body, shown)
        return SensorPacket(
            self._stamp_ns,
            self._observe(state, imu),
            imu,
            state,
            self.way.remaining_m(state.position_enu_m),
            contact or self.way.violation(state),
        )

    def _observe(self, state: VehicleState, imu: tuple[ImuSample, ...]) -> Observation | None:
        """The frame that arrives now, with the samples since the one before it; None without."""
        timing = self._weather.timing
        if timing is None:
            return Observation(self._stamp_ns, self._image(state), imu)
        self._pending_imu += imu
        taken = None
        if timing.taken(self.flight_time_s):
            taken = self._stamp_ns, self._image(state)
        arrived = timing.arrived(self._stamp_ns, self.flight_time_s, taken)
        if arrived is None:
            return None
        stamp_ns, image = arrived
        own = tuple(sample for sample in self._pending_imu if sample.stamp_ns <= stamp_ns)
        self._pending_imu = self._pending_imu[len(own) :]
        return Observation(stamp_ns, image, own)

    def _image(self, state: VehicleState) -> ImageBuffer:
        s, now_s = self.settings, self.flight_time_s
        if self._weather.alters_image(now_s):
            depth = None
            if self._weather.needs_depth(now_s):
                picture, depth = self._renderer.render_with_depth(self.data)
            else:
                picture = (
                    np.frombuffer(self._renderer.render(self.data), np.uint8)
                    .reshape(s.camera_height, s.camera_width, 3)
                    .copy()
                )
            data = self._weather.picture(picture, FrameContext(now_s, state, depth)).tobytes()
        else:
            data = self._renderer.render(self.data)
        return ImageBuffer(data, s.camera_width, s.camera_height, 3 * s.camera_width, 'rgb8')


def _checked(setpoint: Command | AttitudeThrust) -> Command | AttitudeThrust:
    flat = [setpoint.yaw_rate_rad_s]
    if isinstance(setpoint, Command):
        flat += setpoint.values
    else:
        flat += [*setpoint.orientation_wxyz, setpoint.thrust_m_s2]
    if not all(map(math.isfinite, flat)):
        raise LiquidPilotError(f'setpoint is not finite: {setpoint}')
    return setpoint
