"""The processes of a real vehicle, as data: camera driver, static transforms, and the flight graph.

`launch/hardware.launch.py` only translates it. `checklist` lists the checks that a person makes
before the propellers turn.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from liquid_pilot.nodes.common import topics
from liquid_pilot.nodes.common.process.dds_profile import (
    PROFILE_VARIABLES,
    VEHICLE_PROFILE,
    profile_variable,
)
from liquid_pilot.nodes.launch import flight_environment, flight_graph
from liquid_pilot.nodes.launch.camera_drivers import DRIVERS, non_empty
from liquid_pilot.nodes.launch.flight_graph import NodeSpec
from liquid_pilot.nodes.launch.hardware_options import HardwareOptions, autopilot_of, parse_pose
from liquid_pilot.onboard.vehicles.registry import get_vehicle
from liquid_pilot.utils.resources import share_path

Quaternion = tuple[float, float, float, float]
"""Quaternion x, y, z, w, in the order of tf2."""
_OPTICAL: Quaternion = (-0.5, 0.5, -0.5, 0.5)
"""Rotation from FLU to an optical frame (z forward): -90 degrees about x after -90 about z."""
_IDENTITY: Quaternion = (0.0, 0.0, 0.0, 1.0)
_AUTOPILOTS_WITH_MODE = ('mavlink', 'mavlink_rover', 'mavros', 'px4', 'ardupilot')
"""Autopilots whose mode the guard watches."""


def nodes(options: HardwareOptions) -> list[NodeSpec]:
    """Return the processes of a vehicle.

    Args:
        options: options whose `out` comes from `run_folder.with_run_folder`.
    """
    parameters: dict[str, dict[str, Any]] = {
        'pilot': {'image_transport': options.image_transport, 'rectified': options.rectified},
        'guard': {'adapter': options.adapter, **non_empty(mavlink_url=options.mavlink_url)},
        'recorder': {'image_transport': options.image_transport},
        'dashboard': {'image_transport': options.image_transport, 'rectified': options.rectified},
        'visualization': _frames(options),
    }
    specs = [
        dataclasses.replace(
            spec,
            parameters={**spec.parameters, **parameters.get(spec.name, {})},
            # When the missions of a scene are over, the guard goes on to hold the vehicle.
            ends_run=False,
        )
        for spec in flight_graph.nodes(options.flight_options())
    ]
    before = [*_transforms(options), *_camera(options)]
    return [*map(flight_graph.on_vehicle, before), *specs]


def _frames(options: HardwareOptions) -> dict[str, Any]:
    """Return the parameters of the visualization: what `_transforms` publishes is left out."""
    known = {name: '' for name in ('camera_pose', 'imu_pose') if getattr(options, name)}
    return {
        # The names of frames are those of the driver and the autopilot, in a namespace too.
        'frame_prefix': '',
        'base_frame': options.base_frame,
        'camera_frame': options.camera_frame,
        'imu_frame': options.imu_frame,
        **known,
    }


def _camera(options: HardwareOptions) -> list[NodeSpec]:
    if options.camera == 'none':
        return []
    driver = DRIVERS[options.camera]
    # Some versions publish on private names and some do not; a rule that does not apply is idle.
    remappings = tuple(
        (prefix + source, target)
        for prefix in ('', '~/')
        for source, target in (
            (driver.image, topics.IMAGE),
            (f'{driver.image}/compressed', topics.COMPRESSED_IMAGE),
            (driver.info, topics.CAMERA_INFO),
        )
    )
    return [
        NodeSpec(
            driver.executable,
            'camera',
            options.namespace.strip('/'),
            driver.parameters(options.camera_request()),
            remappings=remappings,
            package=driver.package,
            log_level=options.log_level,
        )
    ]


def _transforms(options: HardwareOptions) -> list[NodeSpec]:
    specs = []
    for name, frame, turn in (
        ('camera', options.camera_frame, _OPTICAL),
        ('imu', options.imu_frame, _IDENTITY),
    ):
        pose = parse_pose(f'{name}_pose', getattr(options, f'{name}_pose'))
        if pose is None:
            continue
        rotation = _quaternion_product(_quaternion(*pose[3:]), turn)
        keys = ('--x', '--y', '--z', '--qx', '--qy', '--qz', '--qw')
        arguments = [
            text
            for key, value in zip(keys, (*pose[:3], *rotation), strict=True)
            for text in (key, f'{value:.9g}')
        ]
        specs.append(
            NodeSpec(
                'static_transform_publisher',
                f'{name}_transform',
                options.namespace.strip('/'),
                package='tf2_ros',
                required=False,
                log_level=options.log_level,
                arguments=(
                    *arguments,
                    '--frame-id',
                    options.base_frame,
                    '--child-frame-id',
                    frame,
                ),
            )
        )
    return specs


def _quaternion(roll: float, pitch: float, yaw: float) -> Quaternion:
    """Return roll about x, then pitch about y, then yaw about z, of the fixed axes."""
    product = _IDENTITY
    for axis, angle in enumerate((roll, pitch, yaw)):
        vector = [math.sin(0.5 * angle) if k == axis else 0.0 for k in range(3)]
        product = _quaternion_product(
            (vector[0], vector[1], vector[2], math.cos(0.5 * angle)), product
        )
    return product


def _quaternion_product(one: Quaternion, other: Quaternion) -> Quaternion:
    """Return the rotation `one` after the rotation `other`."""
    x, y, z, w = one
    a, b, c, d = other
    return (
        w * a + x * d + y * c - z * b,
        w * b - x * c + y * d + z * a,
        w * c + x * b - y * a + z * d,
        w * d - x * a - y * b - z * c,
    )


def environment(options: HardwareOptions, present: Mapping[str, str]) -> dict[str, str]:
    """Return the variables to add to the environment `present` of the nodes."""
    added = flight_environment.environment(options.flight_options(), present)
    fast_dds = present.get('RMW_IMPLEMENTATION', 'rmw_fastrtps_cpp') == 'rmw_fastrtps_cpp'
    if fast_dds and not any(name in present for name in PROFILE_VARIABLES):
        # Room for large frames; who finds whom is left to the user's discovery range.
        added[profile_variable()] = str(share_path(VEHICLE_PROFILE))
    return added


def checklist(options: HardwareOptions) -> str:
    """Return the checklist for a person before the propellers turn, for these options."""
    autopilot, flight = autopilot_of(options.autopilot), options.flight_options()
    lines = [
        'first run without propellers; after that a free field, and a hand on the switch',
        autopilot.start_hint,
        'liquid-pilot doctor --onboard: nothing red',
        f'scene: odometry arrives on {flight.scene_odometry}'
        if flight.runs_missions
        else f'camera: sharp, looking ahead, at least {0.5 * options.camera_rate_hz:g} frames/s on '
        f'{flight.camera_topic}, with its camera_info',
        f'imu: {options.imu_topic or autopilot.imu or topics.IMU}; at rest z reads +9.8 (up is up)',
        'turn the robot to the left by hand: its IMU must show a positive yaw rate',
        'the pilot adapts (adapt:=false: exactly as trained)'
        if flight.adapts
        else 'the pilot acts exactly as trained',
        f'the scene engages the guard for each mission; adapter {options.adapter}'
        if options.engage
        else f'you call guard/engage, which says what is missing; adapter {options.adapter}',
        'guard/stop, and guard/override on your switch: try both before you need them',
    ]
    if options.autopilot in _AUTOPILOTS_WITH_MODE:
        lines.append('flip the mode switch: the guard must disengage at once')
    verb = 'drive' if get_vehicle(flight.vehicle).drives else 'fly'
    return f'Before you {verb}:\n' + '\n'.join(f'  [ ] {line}' for line in lines)
