"""The rover as an SDF model: body, wheels, steering, sensors, and the plugin that controls it.

gz-sim's AckermannSteering turns the front wheels for the circle that speed and yaw rate describe,
which is the meaning of the rover's commands everywhere. The model has no springs. Its tyres are
contacts of DART, which stick up to their friction and slide beyond it.
"""

from __future__ import annotations

import math
from xml.etree.ElementTree import Element

from liquid_pilot.interfaces import Command, VehicleState
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.xml_text import format_numbers
from liquid_pilot.simulation.gazebo.models import add_solid_colour_material
from liquid_pilot.simulation.gazebo.quadrotor import (
    BASE,
    GAZEBO_TOPICS,
    add_camera,
    add_imu,
    add_inertial,
    add_state_plugins,
)
from liquid_pilot.simulation.gazebo.sdf import (
    add_child,
    add_plugin,
    add_pose,
    element,
)
from liquid_pilot.simulation.road.layout import RoadLayout
from liquid_pilot.simulation.vehicles.rover import WHEEL_SIZE_M, RoverSettings

MODEL = 'rover'
SKY_RADIUS_M, _FAR_M = 450.0, 1000.0
_WHEEL_KG, _KNUCKLE_KG = 3.0, 0.5
_SETTLED_M, _SETTLED_M_S = 0.5, 0.05
_EFFORT_N_M = 200.0
_UNLIMITED = 1e16


def rover_model(
    layout: RoadLayout,
    settings: SimulationSettings,
    obstacle_prefix: str,
    vehicle: RoverSettings | None = None,
) -> Element:
    """Return the model of the rover, at the start of a road.

    Args:
        layout: layout with the start.
        settings: rates and camera.
        obstacle_prefix: prefix of the names of models that it must not touch.
        vehicle: parameters of the vehicle; None: the default ones.
    """
    v = vehicle or RoverSettings()
    h = v.car_model
    model = element('model', name=MODEL)
    x, y, z = layout.start_enu_m
    add_pose(model, (x, y, z + v.ride_height_m), (0.0, 0.0, layout.start_yaw_rad))
    link = add_child(model, 'link', name=BASE)
    add_inertial(
        link, h.mass_kg - 4 * _WHEEL_KG - 2 * _KNUCKLE_KG, (*v.inertia_kg_m2, h.yaw_inertia_kg_m2)
    )
    _add_body(link, v)
    add_camera(link, settings, v.camera_position_m, _FAR_M, v.camera_pitch_rad)
    add_imu(link, settings)
    wheels: dict[str, list[str]] = {'left': [], 'right': []}
    for end, along in (('front', 1.0), ('rear', -1.0)):
        for side, across in (('left', 1.0), ('right', -1.0)):
            position = (
                along * h.half_wheelbase_m,
                across * v.half_track_m,
                WHEEL_SIZE_M[0] - v.ride_height_m,
            )
            parent = _add_knuckle(model, side, position, v) if end == 'front' else BASE
            wheels[side].append(_add_wheel(model, f'{end}_{side}', parent, position, v))
    drive = add_plugin(model, 'ackermann-steering', 'AckermannSteering')
    for side, joints in wheels.items():
        for joint in joints:
            add_child(drive, f'{side}_joint', joint)
    # The plugin would apply its acceleration limits to the yaw rate too. The guard's slew limits
    # replace them.
    for name, value in (
        ('left_steering_joint', 'left_steering'),
        ('right_steering_joint', 'right_steering'),
        ('kingpin_width', f'{2.0 * v.half_track_m:g}'),
        ('wheel_separation', f'{2.0 * v.half_track_m:g}'),
        ('wheel_base', f'{2.0 * h.half_wheelbase_m:g}'),
        ('wheel_radius', f'{WHEEL_SIZE_M[0]:g}'),
        ('steering_limit', f'{h.max_steering_angle_rad:g}'),
        ('steer_p_gain', '10'),
        ('topic', GAZEBO_TOPICS['command']),
    ):
        add_child(drive, name, value)
    add_state_plugins(model, obstacle_prefix)
    return model


def _add_body(link: Element, v: RoverSettings) -> None:
    size = format_numbers(2.0 * half for half in v.hull_half_extents_m)
    hull = add_child(link, 'collision', name='airframe')
    add_child(add_child(add_child(hull, 'geometry'), 'box'), 'size', size)
    sensor = add_child(link, 'sensor', name='contact', type='contact')
    add_child(add_child(sensor, 'contact'), 'collision', 'airframe')
    visual = add_child(link, 'visual', name='box')
    add_child(add_child(add_child(visual, 'geometry'), 'box'), 'size', size)
    add_solid_colour_material(visual, (0.7, 0.15, 0.1))


def _add_knuckle(
    model: Element, side: str, position: tuple[float, float, float], v: RoverSettings
) -> str:
    """Append the steered link that carries a front wheel, and return its name."""
    name = f'{side}_knuckle'
    link = add_child(model, 'link', name=name)
    add_pose(link, position)
    add_inertial(link, _KNUCKLE_KG, (0.005,) * 3)
    h = v.car_model
    limit_rad = h.max_steering_angle_rad + 0.1
    _add_joint(model, f'{side}_steering', BASE, name, '0 0 1', limit_rad, h.steering_rate_rad_s)
    return name


def _add_joint(
    model: Element,
    name: str,
    parent: str,
    child: str,
    axis: str,
    limit_rad: float,
    max_velocity_rad_s: float | None = None,
) -> None:
    joint = add_child(model, 'joint', name=name, type='revolute')
    add_child(joint, 'parent', parent)
    add_child(joint, 'child', child)
    axis_element = add_child(joint, 'axis')
    add_child(axis_element, 'xyz', axis)
    limit = add_child(axis_element, 'limit')
    add_child(limit, 'lower', f'{-limit_rad:g}')
    add_child(limit, 'upper', f'{limit_rad:g}')
    if max_velocity_rad_s is not None:
        add_child(limit, 'velocity', f'{max_velocity_rad_s:g}')
        add_child(limit, 'effort', f'{_EFFORT_N_M:g}')


def _add_wheel(
    model: Element,
    name: str,
    parent: str,
    position: tuple[float, float, float],
    v: RoverSettings,
) -> str:
    """Append a wheel, and return the name of its joint."""
    radius, half = WHEEL_SIZE_M
    link = add_child(model, 'link', name=f'{name}_wheel')
    add_pose(link, position)
    across = _WHEEL_KG * (3.0 * radius**2 + 4.0 * half**2) / 12.0
    add_inertial(link, _WHEEL_KG, (across, 0.5 * _WHEEL_KG * radius**2, across))
    tyre, visual = (
        add_child(link, 'collision', name='tyre'),
        add_child(link, 'visual', name='tyre_visual'),
    )
    for part in (tyre, visual):
        add_pose(part, (0.0, 0.0, 0.0), (0.5 * math.pi, 0.0, 0.0))
        cylinder = add_child(add_child(part, 'geometry'), 'cylinder')
        add_child(cylinder, 'radius', f'{radius:g}')
        add_child(cylinder, 'length', f'{2.0 * half:g}')
    ode = add_child(add_child(add_child(tyre, 'surface'), 'friction'), 'ode')
    for direction in ('mu', 'mu2'):
        add_child(ode, direction, f'{v.car_model.friction_coefficient:g}')
    add_solid_colour_material(visual, (0.1, 0.1, 0.1))
    _add_joint(model, f'{name}_axle', parent, f'{name}_wheel', '0 1 0', _UNLIMITED)
    return f'{name}_axle'


def steer_to_start(state: VehicleState, layout: RoadLayout) -> Command:
    """Return the command to stand still: the world places the vehicle at the start.

    Args:
        state: state of the vehicle.
        layout: layout with the start.
    """
    return Command(state.stamp_ns, 0.0, 0.0, 0.0, 0.0)


def at_start(state: VehicleState, layout: RoadLayout) -> bool:
    """Return whether the vehicle stands at the start."""
    x, y, _ = layout.start_enu_m
    east, north, _ = state.position_enu_m
    return (
        math.hypot(east - x, north - y) < _SETTLED_M
        and math.hypot(*state.velocity_flu_m_s) < _SETTLED_M_S
    )
