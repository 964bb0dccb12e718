"""The embedded simulator: one scene, one vehicle, its camera and IMU, in steps of one frame.

It depends neither on ROS nor on the pilot. The gymnasium environment, missions in one process and
the simulator node all use it.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

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
from liquid_pilot.simulation.base.frame_context import FrameContext
from liquid_pilot.simulation.base.random_streams import random_stream
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.task import Layout, RouteProgress, Task, Vehicle
from liquid_pilot.simulation.conditions.pipeline import ConditionPipeline
from liquid_pilot.simulation.mujoco import mjcf
from liquid_pilot.simulation.mujoco.rendering import CameraRenderer, mujoco
from liquid_pilot.simulation.mujoco.segmentation import Segmentation, object_names
from liquid_pilot.simulation.mujoco.sensors import Gusts, Imu
from liquid_pilot.simulation.tasks.registry import layout_of, task_of
from liquid_pilot.utils.release_memory import release_free_heap


class Scene(NamedTuple):
    """The scene of one flight."""

    layout: Layout
    model: mujoco.MjModel
    data: mujoco.MjData
    body: int
    """Index of the vehicle's body."""
    renderer: CameraRenderer


class Simulation:
    """A vehicle in a seeded scene. A flight depends on its seed and its setpoints only.

    `reset` starts a flight. `advance` simulates one control period and returns the sensor data at
    its end. Use it as a context manager, or call `close`, to free textures, meshes and buffers.

    Args:
        settings: vehicle, rates, camera and conditions; None: the default ones.

    >>> from liquid_pilot.interfaces import Command
    >>> with Simulation() as simulation:
    ...     packet = simulation.reset(seed=7)
    ...     for _ in range(20):
    ...         packet = simulation.advance(Command(packet.stamp_ns, 1.0, 0.0, 0.0, 0.0))
    >>> packet.stamp_ns, packet.contact_body is None, len(packet.imu)
    (1000000000, True, 5)
    """

    def __init__(self, settings: SimulationSettings | None = None) -> None:
        self.settings = settings or SimulationSettings()
        s = self.settings
        self.camera = CameraGeometry.from_vertical_fov(
            s.camera_width, s.camera_height, s.camera_vertical_fov_rad
        )
        self.control_period_ns = NANOSECONDS_PER_SECOND // s.camera_rate_hz
        self.task: Task[Any] = task_of(s.vehicle)
        self.vehicle: Vehicle[Any] = self.task.vehicle()
        self._scene: Scene | None = None

    @property
    def layout(self) -> Layout | None:
        """Positions of everything in the scene; None before the first reset."""
        return self._scene.layout if self._scene else None

    @property
    def model(self) -> mujoco.MjModel | None:
        """The compiled MuJoCo model; None before the first reset."""
        return self._scene.model if self._scene else None

    @property
    def data(self) -> mujoco.MjData | None:
        """State of the MuJoCo model; None before the first reset."""
        return self._scene.data if self._scene else None

    def reset(
        self, seed: int, stamp_ns: int = 0, conditions: tuple[Condition, ...] | None = None
    ) -> SensorPacket:
        """Build the scene of a seed, and put the vehicle at rest at its start.

        Args:
            seed: seed of the flight, a whole number >= 0.
            stamp_ns: reading of the clock at the start, ns; later stamps continue from it.
            conditions: conditions of this flight; None: those of the settings.

        Returns:
            The sensor data at the start.

        Raises:
            LiquidPilotError: if the seed is not valid, or the task does not support a condition.
        """
        s = self.settings
        self.close()
        conditions = s.conditions if conditions is None else conditions
        layout = layout_of(s.vehicle, seed, conditions)
        self._conditions = ConditionPipeline(seed, conditions, self.camera, 1.0 / s.physics_rate_hz)
        self.route_progress: RouteProgress = self.task.route_progress(layout)
        self.vehicle.set_layout(layout)
        xml, textures = mjcf.build_mjcf(
            self.task.scene(layout, self._conditions.appearance()),
            *self.vehicle.mjcf(s.camera_vertical_fov_rad),
            timestep_s=1.0 / s.physics_rate_hz,
            offscreen=(s.camera_width, s.camera_height),
            name=f'{s.vehicle} {seed}',
        )
        model = mujoco.MjModel.from_xml_string(xml, textures)
        self._conditions.mount_camera(model, 'forward')
        data = mujoco.MjData(model)
        renderer = CameraRenderer(model, 'forward', s.camera_width, s.camera_height)
        body = model.body(self.vehicle.body).id
        scene = self._scene = Scene(layout, model, data, body, renderer)
        self._imu = Imu(random_stream(seed, 'imu'))
        self._wind = Gusts(random_stream(seed, 'wind'), 1.0 / s.physics_rate_hz)
        self._stamp_ns, self._start_ns = stamp_ns, stamp_ns
        self._setpoint: Command | AttitudeThrust = self._hover()
        self._setpoint_age_steps = 0
        self._pending_imu: tuple[ImuSample, ...] = ()
        self.vehicle.reset_pose(data, layout.start_enu_m, layout.start_yaw_rad)
        mujoco.mj_forward(model, data)
        # Worlds of all sizes come and go; without this the gaps in the heap grow with each flight.
        release_free_heap()
        return self._packet(scene, (self._imu.read(stamp_ns, data.sensordata),), None)

    def advance(self, setpoint: Command | AttitudeThrust | None) -> SensorPacket:
        """Simulate one control period (1 / camera_rate_hz).

        Args:
            setpoint: the newest setpoint; None: there is no new one. The last one then holds until
                `command_timeout_s`, after which the vehicle stops by itself.

        Returns:
            The sensor data at the end of the period.

        Raises:
            LiquidPilotError: if `reset` was not called, or a setpoint is not finite.
        """
        scene = self._require_scene()
        replacement = self.route_progress.handover_command(self.flight_time_s, self._stamp_ns)
        setpoint = replacement or setpoint
        if setpoint is not None:
            self._setpoint, self._setpoint_age_steps = _check_setpoint(setpoint), 0
        s, data = self.settings, scene.data
        step_ns = NANOSECONDS_PER_SECOND // s.physics_rate_hz
        timeout_steps = round(s.command_timeout_s * s.physics_rate_hz)
        imu, contact = [], None
        self._conditions.apply_to_vehicle(self.flight_time_s, scene.model, scene.body, self.vehicle)
        for step in range(1, s.physics_rate_hz // s.camera_rate_hz + 1):
            if self._setpoint_age_steps >= timeout_steps:
                self._setpoint = self._hover()
            state = self.vehicle.state(data, self._stamp_ns)
            self.vehicle.actuate(data, self._setpoint, state)
            gust, wind = self._wind.step(), self._conditions.wind(self.flight_time_s)
            self.vehicle.apply_wind(
                data, scene.body, (gust[0] + wind[0], gust[1] + wind[1], gust[2] + wind[2])
            )
            mujoco.mj_step(scene.model, data)
            self._stamp_ns += step_ns
            self._setpoint_age_steps += 1
            if step % (s.physics_rate_hz // s.imu_rate_hz) == 0:
                imu.append(self._imu.read(self._stamp_ns, data.sensordata))
            if data.ncon and contact is None:
                contact = contact_name(scene)
        return self._packet(scene, tuple(imu), contact)

    @property
    def flight_time_s(self) -> float:
        """Time of flight since the last reset, s."""
        return (self._stamp_ns - self._start_ns) / NANOSECONDS_PER_SECOND

    def render_from(self, state: VehicleState) -> ImageBuffer:
        """Return the picture that the camera would take at another state.

        The flight itself does not change.

        Args:
            state: state with the pose of the vehicle.
        """
        scene = self._require_scene()
        with _seen_from(scene, state):
            return self._image(scene, state)

    def segment(self, state: VehicleState | None = None) -> Segmentation:
        """Return what each pixel of the camera's picture shows, without effects on the picture.

        The flight itself does not change.

        Args:
            state: state with the pose of the vehicle; None: the present one.
        """
        scene = self._require_scene()
        if state is None:
            return Segmentation(scene.renderer.render_geoms(scene.data), object_names(scene.model))
        with _seen_from(scene, state):
            return self.segment()

    @property
    def pilot_has_authority(self) -> bool:
        """Whether the next setpoint flies the vehicle; False while the task commands it itself."""
        command = self.route_progress.handover_command(self.flight_time_s, self._stamp_ns)
        return command is None

    @property
    def at_decision_point(self) -> bool:
        """Whether the vehicle now has to act on what was shown only at the start."""
        return self.route_progress.at_decision_point(self.flight_time_s)

    @property
    def render_time_s(self) -> float:
        """Wall time of rendering since the last reset, s."""
        return self._scene.renderer.total_render_s if self._scene else 0.0

    def close(self) -> None:
        """Free textures, meshes and buffers. The simulation can be reset again afterwards."""
        if self._scene is not None:
            self._scene.renderer.close()

    def __enter__(self) -> Simulation:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _hover(self) -> Command:
        return Command(self._stamp_ns, 0.0, 0.0, 0.0, 0.0)

    def _require_scene(self) -> Scene:
        if self._scene is None:
            raise LiquidPilotError('call reset before advance')
        return self._scene

    def _packet(
        self, scene: Scene, imu: tuple[ImuSample, ...], contact: str | None
    ) -> SensorPacket:
        # mj_step leaves the poses one step behind.
        update_kinematics(scene)
        state = self.vehicle.state(scene.data, self._stamp_ns)
        return self._sense(scene, state, state, imu, contact)

    def _sense(
        self,
        scene: Scene,
        state: VehicleState,
        seen: VehicleState,
        imu: tuple[ImuSample, ...],
        contact: str | None,
    ) -> SensorPacket:
        """Return the sensor data of the instant that the scene shows.

        Args:
            scene: the scene, with the vehicle at the state `seen`.
            state: state that is scored.
            seen: state at the instant of the picture.
            imu: all IMU samples of this period.
            contact: name of what the vehicle has touched; None: nothing.
        """
        self.route_progress.update(state.position_enu_m)
        for body, visible in self.route_progress.body_visibility(self.flight_time_s).items():
            scene.renderer.set_body_visible(body, visible)
        return SensorPacket(
            self._stamp_ns,
            self._observe(scene, seen, imu),
            imu,
            state,
            self.route_progress.remaining_m(state.position_enu_m),
            contact or self.route_progress.violation(state),
        )

    def _observe(
        self, scene: Scene, state: VehicleState, imu: tuple[ImuSample, ...]
    ) -> Observation | None:
        """Return the frame that arrives now with the samples since the last one; None without."""
        timing = self._conditions.timing
        if timing is None:
            return Observation(self._stamp_ns, self._image(scene, state), imu)
        self._pending_imu += imu
        captured = None
        if timing.captures_frame(self.flight_time_s):
            captured = self._stamp_ns, self._image(scene, state)
        arrived = timing.arrived(self._stamp_ns, self.flight_time_s, captured)
        if arrived is None:
            return None
        stamp_ns, image = arrived
        samples = tuple(sample for sample in self._pending_imu if sample.stamp_ns <= stamp_ns)
        self._pending_imu = self._pending_imu[len(samples) :]
        return Observation(stamp_ns, image, samples)

    def _image(self, scene: Scene, state: VehicleState) -> ImageBuffer:
        s, now_s = self.settings, self.flight_time_s
        if self._conditions.alters_image(now_s):
            depth = None
            if self._conditions.needs_depth(now_s):
                picture, depth = scene.renderer.render_with_depth(scene.data)
            else:
                picture = (
                    np.frombuffer(scene.renderer.render(scene.data), np.uint8)
                    .reshape(s.camera_height, s.camera_width, 3)
                    .copy()
                )
            context = FrameContext(now_s, state, depth)
            data = self._conditions.apply_image_effects(picture, context).tobytes()
        else:
            data = scene.renderer.render(scene.data)
        return ImageBuffer(data, s.camera_width, s.camera_height, 3 * s.camera_width, 'rgb8')


def contact_name(scene: Scene) -> str:
    """Return the name of the object that the vehicle touches now."""
    model = scene.model
    names = [
        model.geom(geom).name or model.body(model.geom_bodyid[geom]).name
        for geom in scene.data.contact[0].geom
    ]
    others = [name for name in names if name != 'airframe']
    return (others or ['something'])[0]


@contextlib.contextmanager
def _seen_from(scene: Scene, state: VehicleState) -> Iterator[None]:
    """Put the vehicle at the pose of a state, and back afterwards."""
    data = scene.data
    pose = data.qpos.copy()
    data.qpos[:7] = (*state.position_enu_m, *state.orientation_wxyz)
    update_kinematics(scene)
    try:
        yield
    finally:
        data.qpos[:] = pose
        update_kinematics(scene)


def update_kinematics(scene: Scene) -> None:
    """Update the poses of bodies and cameras from the joints."""
    mujoco.mj_kinematics(scene.model, scene.data)
    mujoco.mj_camlight(scene.model, scene.data)


def _check_setpoint(setpoint: Command | AttitudeThrust) -> Command | AttitudeThrust:
    """Return the setpoint.

    Raises:
        LiquidPilotError: if a number of it is not finite.
    """
    values = [setpoint.yaw_rate_rad_s]
    if isinstance(setpoint, Command):
        values += setpoint.values
    else:
        values += [*setpoint.orientation_wxyz, setpoint.thrust_m_s2]
    if not all(map(math.isfinite, values)):
        raise LiquidPilotError(f'setpoint is not finite: {setpoint}')
    return setpoint
