"""The course of a mission as markers: trees, other obstacles, road, target.

The topic `mission` gives the seed; with vehicle and condition it is enough to draw the course
again, without a physics engine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from std_msgs.msg import Header
from visualization_msgs.msg import Marker

from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND, VehicleState
from liquid_pilot.nodes.views import markers
from liquid_pilot.nodes.views.markers import Points
from liquid_pilot.simulation.base.anchor import Anchor, extrapolate
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.tasks.registry import layout_of, task_of
from liquid_pilot.utils.palette import GREY, LIGHT_GREY, ORANGE, PALE_GREY, SKY_BLUE, VERMILLION

Place = Callable[[Points], Points]
"""Function from (n, 3) points of the course to points of the odometry, m."""
TRUNKS, CROWNS, OBSTACLES, ROAD, TARGET, DECOY = (
    'trunks',
    'crowns',
    'obstacles',
    'road',
    'target',
    'decoy',
)
"""Groups of markers."""
_OBSTACLE_HEIGHT_M = 2.6
_TARGET_SIZE_M = (0.3, 1.0)
_ROAD_STEP = 2
"""Every point of the road of this step is drawn."""
_ABOVE_GROUND_M = 0.02


class Course:
    """The course of one seed.

    Args:
        vehicle: name of the vehicle, which has a task in simulation.
        seed: seed of the mission.
        condition: weather and faults of the run.

    Raises:
        LiquidPilotError: the vehicle has no task, or the condition is not one of it.
    """

    def __init__(self, vehicle: str, seed: int, condition: str) -> None:
        self._layout: Any = layout_of(vehicle, seed, parse(condition))
        task = task_of(vehicle)
        self._arrival_radius_m = task.rules.arrival_radius_m
        # A vehicle on springs stands above the ground of its start.
        self._ride_height_m = float(getattr(task.vehicle().settings, 'ride_height_m', 0.0))

    def anchored_on(self, vehicle: VehicleState, stamp_ns: int) -> Place:
        """Return the place of a course that begins where the vehicle is at an instant.

        Args:
            vehicle: newest odometry.
            stamp_ns: stamp of the first frame of the mission.
        """
        x, y, z = self._layout.start_enu_m
        half = 0.5 * self._layout.start_yaw_rad
        start = VehicleState(
            stamp_ns,
            (x, y, z + self._ride_height_m),
            (float(np.cos(half)), 0.0, 0.0, float(np.sin(half))),
            (0.0, 0.0, 0.0),
            (0.0, 0.0, 0.0),
        )
        seconds = (stamp_ns - vehicle.stamp_ns) / NANOSECONDS_PER_SECOND
        return Anchor.on_vehicle(self._layout, start, extrapolate(vehicle, seconds)).to_odometry

    def markers(self, header: Header, place: Place | None = None) -> list[Marker]:
        """Return the markers of the course.

        Args:
            header: world frame, and stamp of the first frame of the mission.
            place: where the course lies in the odometry; None: it has its coordinates.
        """
        found = [*self._trees(header), *self._other_obstacles(header)]
        found += [*self._roads(header), *self._landmarks(header)]
        if place is not None:
            for marker in found:
                _move(marker, place)
        return found

    def _ground_m(self, x: float, y: float) -> float:
        height = getattr(self._layout, 'height', None)
        return 0.0 if height is None else float(height(x, y))

    def _obstacle_trees(self) -> list[Any]:
        discs = set(map(tuple, self._layout.obstacle_discs().tolist()))
        return [
            tree
            for tree in getattr(self._layout, 'trees', ())
            if (tree.x_m, tree.y_m, tree.trunk_radius_m) in discs
        ]

    def _trees(self, header: Header) -> list[Marker]:
        found = []
        for number, tree in enumerate(self._obstacle_trees()):
            ground = self._ground_m(tree.x_m, tree.y_m)
            foot = (tree.x_m, tree.y_m, ground)
            half = 0.5 * (tree.height_m - tree.crown_base_m)
            crown = (tree.x_m, tree.y_m, ground + tree.crown_base_m + half)
            trunk_size = (tree.trunk_radius_m, tree.crown_base_m)
            crown_size = (tree.crown_radius_m, half)
            found += [
                markers.cylinder(header, TRUNKS, number, foot, trunk_size, (GREY, 1.0)),
                markers.ellipsoid(header, CROWNS, number, crown, crown_size, (SKY_BLUE, 0.15)),
            ]
        return found

    def _other_obstacles(self, header: Header) -> list[Marker]:
        """Return posts, hedges and what else a vehicle can touch."""
        trunks = {(tree.x_m, tree.y_m, tree.trunk_radius_m) for tree in self._obstacle_trees()}
        discs = [
            disc for disc in self._layout.obstacle_discs().tolist() if tuple(disc) not in trunks
        ]
        return [
            markers.cylinder(
                header,
                OBSTACLES,
                number,
                (x, y, self._ground_m(x, y)),
                (radius, _OBSTACLE_HEIGHT_M),
                (LIGHT_GREY, 1.0),
            )
            for number, (x, y, radius) in enumerate(discs)
        ]

    def _roads(self, header: Header) -> list[Marker]:
        """Return the lines of the top view that have a width in metres."""
        found = []
        for number, road in enumerate(self._layout.top_view().lines):
            points = road.points[::_ROAD_STEP]
            if road.width <= 0.0 or len(points) < 2:
                continue
            along = np.gradient(points, axis=0)
            left = np.stack([-along[:, 1], along[:, 0]], axis=1)
            left *= 0.5 * road.width / np.linalg.norm(left, axis=1, keepdims=True)
            edges = self._on_ground(points + left), self._on_ground(points - left)
            found.append(markers.ribbon(header, ROAD, number, *edges, (PALE_GREY, 0.9)))
        return found

    def _on_ground(self, points: Points) -> Points:
        """Return (n, 2) points with the height of the ground, and a little above it."""
        heights = [self._ground_m(x, y) + _ABOVE_GROUND_M for x, y in points.tolist()]
        return np.column_stack([points, heights])

    def _landmarks(self, header: Header) -> list[Marker]:
        """Return the target, with the ring in which a mission succeeds, and what looks like it."""
        found = []
        for number, mark in enumerate(self._layout.top_view().landmarks):
            x, y = mark.position
            foot = (x, y, self._ground_m(x, y))
            kind, colour = (TARGET, ORANGE) if mark.is_goal else (DECOY, VERMILLION)
            found.append(
                markers.cylinder(header, kind, 2 * number, foot, _TARGET_SIZE_M, (colour, 0.9))
            )
            if mark.is_goal and self._arrival_radius_m > 0.0:
                above = (x, y, foot[2] + _ABOVE_GROUND_M)
                radius = self._arrival_radius_m
                found.append(
                    markers.ring(header, kind, 2 * number + 1, above, radius, (colour, 1.0))
                )
        return found


def _move(marker: Marker, place: Place) -> None:
    """Move a marker, which is upright or consists of points."""
    listed = marker.points or [marker.pose.position]
    moved = place(np.array([(point.x, point.y, point.z) for point in listed]))
    for point, (x, y, z) in zip(listed, moved.tolist(), strict=True):
        point.x, point.y, point.z = x, y, z
