"""The quadrotor as an SDF model: its body, rotors, sensors, and the plugins that fly it.

The velocity controller is gz-sim's MulticopterVelocityControl (Lee et al. 2010); its gains are
those of the embedded simulator's loops, in its own terms: it divides them by mass and inertia.
"""

from __future__ import annotations

import math

from liquid_pilot.interfaces import Command, VehicleState
from liquid_pilot.onboard.geometry import heading_rad, into_body
from liquid_pilot.onboard.setpoints.velocity_controller import VelocityGains
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.forest.layout import ForestLayout
from liquid_pilot.simulation.gazebo.sdf import (
    Element,
    add_child,
    element,
    format_numbers,
    plugin,
    pose,
)
from liquid_pilot.simulation.mujoco.sensors import ImuSettings
from liquid_pilot.simulation.vehicles.quadrotor import ROTORS, QuadrotorSettings

MODEL = 'quadrotor'
BASE = 'base_link'
CAMERA_FRAME = 'camera_link_optical'
GAZEBO_TOPICS = {
    'image': 'camera/image_raw',
    'camera_info': 'camera/camera_info',
    'imu': 'imu/data',
    'odometry': 'odom',
    'command': 'command/twist',
    'enable': 'command/enable',
    'touched': 'touch/touched',
}
"""Of Gazebo's transport; no world and no model in their names, so that one bridge serves all."""
ODOMETRY_HZ = 100
MOTOR_CONSTANT = 8.54858e-06
"""Newton per (rad/s)^2 of one rotor, as RotorS has it for a vehicle of this size."""
_ROTOR_KG = 0.005
_SLOWDOWN = 10
"""Rotors turn this much slower than their thrust says, so that physics steps suffice."""
_CONTROL = 'control'
"""Namespace of controller and motors."""
SKY_RADIUS_M, _FAR_M = 95.0, 110.0
_SETTLED_M, _SETTLED_RAD, _SETTLED_M_S = 0.05, 0.03, 0.05
_RETURN_GAIN_1_S, _MAX_RETURN_SPEED_M_S, _MAX_RETURN_YAW_RATE_RAD_S = 1.0, 0.5, 0.5


def quadrotor(
    layout: ForestLayout,
    settings: SimulationSettings,
    obstacle_prefix: str,
    vehicle: QuadrotorSettings | None = None,
) -> Element:
    """The model, hovering at the start of a layout.

    Args:
        layout: where it starts.
        settings: rates and camera.
        obstacle_prefix: what the names of models begin with that it must not touch.
        vehicle: its body.
    """
    v = vehicle or QuadrotorSettings()
    model = element('model', name=MODEL)
    pose(model, layout.start_enu_m, (0.0, 0.0, layout.start_yaw_rad))
    link = add_child(model, 'link', name=BASE)
    add_inertial(link, v.mass_kg - 4 * _ROTOR_KG, v.inertia_kg_m2)
    _body(link, v)
    add_camera(link, settings, v.camera_position_m, _FAR_M)
    add_imu(link, settings)
    for index, (x, y, _) in enumerate(ROTORS):
        _rotor(model, index, (x * v.arm_x_m, y * v.arm_y_m, 0.03))
        _motor(model, v, index)
    _controller(model, v)
    add_state_plugins(model, obstacle_prefix)
    return model


def add_state_plugins(model: Element, obstacle_prefix: str) -> None:
    """Its odometry, and whether it has touched what it must not."""
    plugin(
        model,
        'odometry-publisher',
        'OdometryPublisher',
        dimensions='3',
        odom_frame='odom',
        robot_base_frame=BASE,
        odom_topic=GAZEBO_TOPICS['odometry'],
        odom_publish_frequency=str(ODOMETRY_HZ),
    )
    plugin(
        model,
        'touchplugin',
        'TouchPlugin',
        target=obstacle_prefix,
        namespace='touch',
        time='0.001',
        enabled='true',
    )


def add_inertial(link: Element, mass_kg: float, diagonal: tuple[float, float, float]) -> None:
    """Mass and moments about its own axes."""
    made = add_child(link, 'inertial')
    add_child(made, 'mass', f'{mass_kg:.6g}')
    inertia = add_child(made, 'inertia')
    values = dict(zip(('ixx', 'iyy', 'izz'), diagonal, strict=True), ixy=0.0, ixz=0.0, iyz=0.0)
    for name, value in values.items():
        add_child(inertia, name, f'{value:.6g}')


def _body(link: Element, v: QuadrotorSettings) -> None:
    hull = add_child(link, 'collision', name='airframe')
    radii = (v.collision_radius_m, v.collision_radius_m, 0.07)
    add_child(add_child(add_child(hull, 'geometry'), 'ellipsoid'), 'radii', format_numbers(radii))
    sensor = add_child(link, 'sensor', name='contact', type='contact')
    add_child(add_child(sensor, 'contact'), 'collision', 'airframe')
    visual = add_child(link, 'visual', name='box')
    add_child(add_child(add_child(visual, 'geometry'), 'box'), 'size', '0.12 0.08 0.05')
    material = add_child(visual, 'material')
    for name in ('ambient', 'diffuse'):
        add_child(material, name, '0.9 0.5 0.1 1')


def add_camera(
    link: Element,
    settings: SimulationSettings,
    position_m: tuple[float, float, float],
    far_m: float,
    pitch_rad: float = 0.0,
) -> None:
    """It looks ahead, and down by its pitch."""
    sensor = add_child(link, 'sensor', name='camera', type='camera')
    pose(sensor, position_m, (0.0, pitch_rad, 0.0))
    add_child(sensor, 'update_rate', str(settings.camera_rate_hz))
    add_child(sensor, 'topic', GAZEBO_TOPICS['image'])
    lens = add_child(sensor, 'camera')
    add_child(lens, 'camera_info_topic', GAZEBO_TOPICS['camera_info'])
    width, height = settings.camera_width, settings.camera_height
    across = 2.0 * math.atan(math.tan(0.5 * settings.camera_vertical_fov_rad) * width / height)
    add_child(lens, 'horizontal_fov', f'{across:.9g}')
    image = add_child(lens, 'image')
    add_child(image, 'width', str(width))
    add_child(image, 'height', str(height))
    add_child(image, 'format', 'R8G8B8')
    clip = add_child(lens, 'clip')
    add_child(clip, 'near', '0.04')
    add_child(clip, 'far', f'{far_m:g}')
    add_child(lens, 'optical_frame_id', CAMERA_FRAME)


def add_imu(link: Element, settings: SimulationSettings) -> None:
    """As noisy as the embedded simulator's."""
    s = ImuSettings()
    sensor = add_child(link, 'sensor', name='imu', type='imu')
    add_child(sensor, 'update_rate', str(settings.imu_rate_hz))
    add_child(sensor, 'topic', GAZEBO_TOPICS['imu'])
    made = add_child(sensor, 'imu')
    for kind, noise, bias in (
        ('angular_velocity', s.gyro_noise_rad_s, s.gyro_bias_rad_s),
        ('linear_acceleration', s.accelerometer_noise_m_s2, s.accelerometer_bias_m_s2),
    ):
        axes = add_child(made, kind)
        for axis in 'xyz':
            model = add_child(add_child(axes, axis), 'noise', type='gaussian')
            add_child(model, 'mean', '0')
            add_child(model, 'stddev', f'{noise:g}')
            add_child(model, 'bias_mean', '0')
            add_child(model, 'bias_stddev', f'{bias:g}')


def _rotor(model: Element, index: int, position: tuple[float, float, float]) -> None:
    link = add_child(model, 'link', name=f'rotor_{index}')
    pose(link, position)
    add_inertial(link, _ROTOR_KG, (1e-6, 1e-5, 1.1e-5))
    visual = add_child(link, 'visual', name='disc')
    disc = add_child(add_child(visual, 'geometry'), 'cylinder')
    add_child(disc, 'radius', '0.075')
    add_child(disc, 'length', '0.006')
    joint = add_child(model, 'joint', name=f'rotor_{index}_joint', type='revolute')
    add_child(joint, 'parent', BASE)
    add_child(joint, 'child', f'rotor_{index}')
    axis = add_child(joint, 'axis')
    add_child(axis, 'xyz', '0 0 1')
    limit = add_child(axis, 'limit')
    add_child(limit, 'lower', '-1e16')
    add_child(limit, 'upper', '1e16')


def _turns(index: int) -> int:
    """1: counter-clockwise, seen from above. The body is turned the other way."""
    return -ROTORS[index][2]


def _motor(model: Element, v: QuadrotorSettings, index: int) -> None:
    fastest = math.sqrt(v.max_thrust_n / MOTOR_CONSTANT)
    # Rotor drag is the rotor's speed times this times the air's: as much as the body's, hovering.
    hovering = math.sqrt(v.mass_kg * 9.81 / 4.0 / MOTOR_CONSTANT)
    plugin(
        model,
        'multicopter-motor-model',
        'MulticopterMotorModel',
        robotNamespace=_CONTROL,
        jointName=f'rotor_{index}_joint',
        linkName=f'rotor_{index}',
        turningDirection='ccw' if _turns(index) > 0 else 'cw',
        timeConstantUp=f'{v.motor_time_constant_s:g}',
        timeConstantDown=f'{v.motor_time_constant_s:g}',
        maxRotVelocity=f'{fastest:.1f}',
        motorConstant=f'{MOTOR_CONSTANT:g}',
        momentConstant=f'{v.torque_per_thrust_m:g}',
        commandSubTopic='motor_speed',
        actuator_number=str(index),
        rotorDragCoefficient=f'{v.linear_drag_n_s_m / 4.0 / hovering:.4g}',
        rollingMomentCoefficient='1e-06',
        rotorVelocitySlowdownSim=str(_SLOWDOWN),
        motorType='velocity',
    )


def _controller(model: Element, v: QuadrotorSettings) -> None:
    gains = VelocityGains()
    velocity = (gains.horizontal_1_s, gains.horizontal_1_s, gains.vertical_1_s)
    attitude = [v.attitude_gain_1_s * rate for rate in v.rate_gain_1_s]
    tilted = 9.81 * math.tan(gains.maximum_tilt_rad)
    control = plugin(
        model,
        'multicopter-control',
        'MulticopterVelocityControl',
        robotNamespace=GAZEBO_TOPICS['command'].partition('/')[0],
        commandSubTopic=GAZEBO_TOPICS['command'].partition('/')[2],
        enableSubTopic=GAZEBO_TOPICS['enable'].partition('/')[2],
        comLinkName=BASE,
        velocityGain=format_numbers(gain * v.mass_kg for gain in velocity),
        attitudeGain=format_numbers(
            gain * inertia for gain, inertia in zip(attitude, v.inertia_kg_m2, strict=True)
        ),
        angularRateGain=format_numbers(
            gain * inertia for gain, inertia in zip(v.rate_gain_1_s, v.inertia_kg_m2, strict=True)
        ),
        maximumLinearAcceleration=format_numbers((round(tilted, 3), round(tilted, 3), 6.0)),
    )
    configuration = add_child(control, 'rotorConfiguration')
    for index in range(len(ROTORS)):
        rotor = add_child(configuration, 'rotor')
        add_child(rotor, 'jointName', f'rotor_{index}_joint')
        add_child(rotor, 'forceConstant', f'{MOTOR_CONSTANT:g}')
        add_child(rotor, 'momentConstant', f'{v.torque_per_thrust_m:g}')
        add_child(rotor, 'direction', str(_turns(index)))


def steer_to_start(state: VehicleState, layout: ForestLayout) -> Command:
    """What brings the vehicle back to the place and the heading at which a mission starts.

    Along the body's own axes, tilt included, as Gazebo's controller has it.
    """
    away = [a - b for a, b in zip(layout.start_enu_m, state.position_enu_m, strict=True)]
    length = math.hypot(*away)
    pull = min(_RETURN_GAIN_1_S, _MAX_RETURN_SPEED_M_S / length) if length else 0.0
    body = into_body(state.orientation_wxyz, tuple(pull * value for value in away))
    turn = _RETURN_GAIN_1_S * _turn_rad(state, layout)
    return Command(
        state.stamp_ns,
        *body,
        max(-_MAX_RETURN_YAW_RATE_RAD_S, min(turn, _MAX_RETURN_YAW_RATE_RAD_S)),
    )


def at_start(state: VehicleState, layout: ForestLayout) -> bool:
    """Whether it hovers there."""
    return (
        math.dist(state.position_enu_m, layout.start_enu_m) < _SETTLED_M
        and math.hypot(*state.velocity_flu_m_s) < _SETTLED_M_S
        and abs(_turn_rad(state, layout)) < _SETTLED_RAD
    )


def _turn_rad(state: VehicleState, layout: ForestLayout) -> float:
    turn = layout.start_yaw_rad - heading_rad(state.orientation_wxyz)
    return math.remainder(turn, 2.0 * math.pi)
