"""What a class of vehicle has to do, and where: all that differs between vehicles in simulation.

A vehicle is added by its spec and its task (docs/vehicles.md); nothing else asks which vehicle it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from liquid_pilot.interfaces import AttitudeThrust, Command, VehicleState
from liquid_pilot.simulation.base.action_noise import ActionNoiseSettings
from liquid_pilot.simulation.base.appearance import Appearance, Lighting
from liquid_pilot.simulation.base.top_view import TopView

if TYPE_CHECKING:
    import mujoco


@dataclass(frozen=True)
class MissionRules:
    """What counts as what. Fixed before the first pilot was trained; metres and seconds."""

    arrival_radius_m: float = 1.5
    time_limit_s: float = 40.0
    area_radius_m: float = 40.0
    ceiling_m: float = 8.0
    reached: str = ''
    """What is said of a success; empty: how near to the target it came."""


class Layout(Protocol):
    """Where things stand, drawn from a seed."""

    seed: int
    start_enu_m: tuple[float, float, float]
    start_yaw_rad: float

    @property
    def target_distance_m(self) -> float:
        """Metres from the start to the end of the mission, as the vehicle has to go."""

    def trunks(self) -> np.ndarray:
        """(n, 3) of x, y and radius of all that stands upright in the vehicle's way."""

    def decoy_distance_m(self, position_enu_m: tuple[float, ...]) -> float:
        """Horizontal distance to what must not be come to; infinite where there is no such."""

    def lateral_offsets_m(self, points: np.ndarray) -> np.ndarray | None:
        """(n, 2) east and north -> (n,) to the left of the middle of the way; None without one."""

    def map(self) -> TopView:
        """From above."""


class RouteProgress(Protocol):
    """How far one flight has come, and what its task does meanwhile."""

    def update(self, position_enu_m: tuple[float, ...]) -> np.ndarray:
        """Where the vehicle is, tick by tick -> (2,) where it has to go next."""

    def remaining_m(self, position_enu_m: tuple[float, ...]) -> float:
        """Metres still to go."""

    def bearing_rad(self, state: VehicleState) -> float:
        """Of where it has to go, to the left of the nose."""

    def violation(self, state: VehicleState) -> str | None:
        """What ends the mission as a contact does: where it must not be; None while all is well."""

    def at_decision_point(self, time_s: float) -> bool:
        """Whether the moment to recall what was seen at the start has come."""

    def handling(self, time_s: float, stamp_ns: int) -> Command | None:
        """What somebody else commands instead of the pilot; None when the pilot has the vehicle."""

    def shown(self, time_s: float) -> Mapping[str, bool]:
        """Bodies of the scene that are switched on and off, and whether they are on now."""


class SceneParts(NamedTuple):
    """Of an MJCF scene, all but the vehicle."""

    assets: str
    """Inside `<asset>`."""
    bodies: str
    """Inside `<worldbody>`."""
    textures: dict[str, bytes]
    """Files that the assets name."""
    light: Lighting


class Vehicle(Protocol):
    """A vehicle in MuJoCo with its inner control loops."""

    body: str
    grip: Callable[[float, float], float]
    """Share of dry friction at east and north, of what stands on the ground."""
    settings: Any
    """With `collision_radius_m`, the radius of its hull."""

    def set_layout(self, layout: Layout) -> None:
        """The world that it is put into."""

    def mjcf(self, vertical_fov_rad: float) -> tuple[str, str, str]:
        """Body (with a free joint and a camera 'forward'), actuators, and the IMU's sensors."""

    def place(self, data: mujoco.MjData, position: tuple[float, float, float], yaw: float) -> None:
        """At rest: world ENU metres, yaw in radians about world z."""

    def state(self, data: mujoco.MjData, stamp_ns: int) -> VehicleState:
        """Ground truth."""

    def actuate(
        self, data: mujoco.MjData, setpoint: Command | AttitudeThrust, state: VehicleState
    ) -> None:
        """One physics step of the inner loops."""

    def apply_wind(
        self, data: mujoco.MjData, body_id: int, wind_enu_m_s: tuple[float, float, float]
    ) -> None:
        """Drag against the moving air."""


class Expert(Protocol):
    """Who knows the map, and shows how it is done."""

    def command(self, state: VehicleState) -> Command:
        """What is right in this state."""


class GazeboTask(NamedTuple):
    """A task in Gazebo."""

    add_models: Callable[[Any, Any, Any, Appearance], dict[str, bytes]]
    """Adds what stands there and the vehicle, at its start, to an SDF world of a layout, with the
    simulation's settings and a look; the files that these name."""
    steer_to_start: Callable[[VehicleState, Layout], Command]
    """What brings the vehicle to where a mission starts, and holds it there."""
    at_start: Callable[[VehicleState, Layout], bool]
    """Whether it rests there."""
    sky_radius_m: float
    """Radius of the sky about the origin: farther than the vehicle gets, and nearer than its
    camera sees."""


@dataclass(frozen=True)
class Task:
    """One class of vehicle: what it is, where it goes, and who shows it how."""

    vehicle: Callable[[], Vehicle]
    layout: Callable[[int, Mapping[str, float]], Layout]
    """Of a seed and the strengths of conditions that are part of the world, by their families."""
    scene: Callable[[Any, Appearance], SceneParts]
    way: Callable[[Any], RouteProgress]
    demonstrator: Callable[[Any], Expert]
    rules: MissionRules
    families: frozenset[str]
    """Conditions that it knows (`conditions.FAMILIES`)."""
    disturbance: ActionNoiseSettings = field(default_factory=ActionNoiseSettings)
    """Of demonstrations."""
    gazebo: GazeboTask | None = None
