"""The task of a class of vehicle in simulation, and the protocols of its parts.

A vehicle is added by its spec and its task (docs/how_to/own_vehicle.md). No other code in the
simulation depends on the vehicle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar
from xml.etree.ElementTree import Element

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import AttitudeThrust, Command, VehicleState
from liquid_pilot.simulation.base.action_noise import ActionNoiseSettings
from liquid_pilot.simulation.base.appearance import Appearance, Lighting
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.top_view import TopView

if TYPE_CHECKING:
    import mujoco


@dataclass(frozen=True)
class MissionRules:
    """Rules of success. They were fixed before the first pilot was trained.

    >>> MissionRules(time_limit_s=10.0).arrival_radius_m
    1.5
    """

    arrival_radius_m: float = 1.5
    """Horizontal distance to the target at which the mission succeeds."""
    time_limit_s: float = 40.0
    """Time of flight after which the mission ends as a timeout."""
    area_radius_m: float = 40.0
    """Horizontal distance from the start at which the mission ends as a crash."""
    ceiling_m: float = 8.0
    """Height above which the mission ends as a crash."""
    success_reason: str = ''
    """Text that a success is reported with; empty: the arrival radius."""


class Layout(Protocol):
    """Positions of everything in a scene, drawn from a seed. World frame ENU, m."""

    @property
    def seed(self) -> int:
        """Seed of the scene."""

    @property
    def start_enu_m(self) -> tuple[float, float, float]:
        """Position of the start."""

    @property
    def start_yaw_rad(self) -> float:
        """Heading at the start, counter-clockwise from east."""

    @property
    def target_distance_m(self) -> float:
        """Length of the route from the start to the end of the mission."""

    def obstacle_discs(self) -> npt.NDArray[np.float64]:
        """Return (n, 3) x, y and radius of all upright obstacles."""

    def decoy_distance_m(self, position_enu_m: tuple[float, ...]) -> float:
        """Return the horizontal distance to the decoy; infinite without a decoy."""

    def lateral_offsets_m(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
        """Return the (n,) offsets of a path to the left of the route's centerline.

        Args:
            points: (n, 2) east and north, in the order of the path.

        Returns:
            The offsets; None if the route has no centerline.
        """

    def top_view(self) -> TopView:
        """Return the scene as primitives of a plot seen from above."""


LayoutT = TypeVar('LayoutT', bound=Layout)
LayoutT_contra = TypeVar('LayoutT_contra', contravariant=True)


class RouteProgress(Protocol):
    """Progress of one flight along its route, and the events of its task meanwhile."""

    def update(self, position_enu_m: tuple[float, ...]) -> npt.NDArray[np.float64]:
        """Follow the vehicle. Call it once per tick.

        Args:
            position_enu_m: position of the vehicle.

        Returns:
            (2,) east and north of the point to go to next.
        """

    def remaining_m(self, position_enu_m: tuple[float, ...]) -> float:
        """Return the length of the route from a position to its end."""

    def bearing_rad(self, state: VehicleState) -> float:
        """Return the bearing of the point to go to, counter-clockwise from the nose."""

    def violation(self, state: VehicleState) -> str | None:
        """Return the name of a forbidden place that the vehicle is in; None elsewhere.

        It ends the mission in the same way as a contact.
        """

    def at_decision_point(self, time_s: float) -> bool:
        """Return whether the vehicle now has to act on what was shown only at the start."""

    def handover_command(self, time_s: float, stamp_ns: int) -> Command | None:
        """Return the command that replaces the pilot's; None while the pilot has the vehicle.

        Two calls with the same arguments return the same.
        """

    def body_visibility(self, time_s: float) -> Mapping[str, bool]:
        """Return whether each switchable body of the scene is visible, by name."""


class SceneParts(NamedTuple):
    """The parts of an MJCF scene other than the vehicle."""

    assets: str
    """Content of `<asset>`."""
    bodies: str
    """Content of `<worldbody>`."""
    textures: dict[str, bytes]
    """Files that the assets refer to, by name."""
    lighting: Lighting


class Vehicle(Protocol[LayoutT_contra]):
    """A vehicle in MuJoCo with its inner control loops."""

    body: str
    """Name of its body in the model."""
    settings: Any
    """Its parameters, among them `collision_radius_m`, the radius of its hull."""

    def set_layout(self, layout: LayoutT_contra) -> None:
        """Prepare for a flight in a scene."""

    def mjcf(self, vertical_fov_rad: float) -> tuple[str, str, str]:
        """Return the MJCF of the vehicle.

        Args:
            vertical_fov_rad: vertical field of view of the camera.

        Returns:
            The body (with a free joint and a camera 'forward'), the actuators, and the sensors of
            the IMU.
        """

    def reset_pose(
        self, data: mujoco.MjData, position: tuple[float, float, float], yaw_rad: float
    ) -> None:
        """Put the vehicle at rest at a pose.

        Args:
            data: state of the model.
            position: start of the layout, world frame ENU, m.
            yaw_rad: heading, counter-clockwise from east.
        """

    def state(self, data: mujoco.MjData, stamp_ns: int) -> VehicleState:
        """Return the true state."""

    def actuate(
        self, data: mujoco.MjData, setpoint: Command | AttitudeThrust, state: VehicleState
    ) -> None:
        """Run one physics step of the inner control loops.

        Args:
            data: state of the model, which is changed.
            setpoint: the setpoint, of a kind that the vehicle accepts.
            state: true state of the vehicle.
        """

    def apply_wind(
        self, data: mujoco.MjData, body_id: int, wind_enu_m_s: tuple[float, float, float]
    ) -> None:
        """Apply the drag of one physics step, against the moving air.

        Args:
            data: state of the model, which is changed.
            body_id: index of the body of the vehicle.
            wind_enu_m_s: wind in the world frame (ENU), m/s.
        """


class GroundVehicle(Vehicle[LayoutT_contra], Protocol[LayoutT_contra]):
    """A vehicle on tyres, for tasks with the conditions 'friction' and 'patches'."""

    friction_factor: Callable[[float, float], float]
    """Share of dry friction at east and north, m."""


class SteeredVehicle(Vehicle[LayoutT_contra], Protocol[LayoutT_contra]):
    """A vehicle whose steering can have a trim, for the conditions 'trim_left' and 'trim_right'."""

    turn_trim: float
    """By how much it turns without being told to, as a share of its full turn, positive to the
    left. `set_layout` makes it zero."""


class Expert(Protocol):
    """A controller that knows the layout, and demonstrates the task."""

    def command(self, state: VehicleState) -> Command:
        """Return the expert's command at a state. Call it in the order of the flight."""


class GazeboTask(NamedTuple, Generic[LayoutT]):
    """The world of a task in Gazebo."""

    add_models: Callable[[Element, LayoutT, SimulationSettings, Appearance], dict[str, bytes]]
    """Function that adds the scene and the vehicle at its start to an SDF world. It returns the
    files that the models refer to, by name."""
    steer_to_start: Callable[[VehicleState, LayoutT], Command]
    """Function that returns the command that brings the vehicle to the start of a mission and holds
    it there."""
    at_start: Callable[[VehicleState, LayoutT], bool]
    """Function that returns whether the vehicle is at rest at the start."""
    sky_radius_m: float
    """Radius of the sky dome about the origin. It is larger than the area that the vehicle reaches
    and smaller than the range of its camera."""


@dataclass(frozen=True)
class Task(Generic[LayoutT]):
    """The task of one class of vehicle: the vehicle, its scene, its expert and its rules."""

    vehicle: Callable[[], Vehicle[LayoutT]]
    layout: Callable[[int, Mapping[str, float]], LayoutT]
    """Function that draws a layout from a seed and the strengths of its conditions, by family."""
    scene: Callable[[LayoutT, Appearance], SceneParts]
    route_progress: Callable[[LayoutT], RouteProgress]
    expert: Callable[[LayoutT], Expert]
    rules: MissionRules
    families: frozenset[str]
    """Families of conditions that the task supports (keys of `condition.FAMILIES`)."""
    action_noise: ActionNoiseSettings = field(default_factory=ActionNoiseSettings)
    """Noise on the expert's commands in demonstrations."""
    gazebo: GazeboTask[LayoutT] | None = None
    """The world in Gazebo; None: there is none."""
