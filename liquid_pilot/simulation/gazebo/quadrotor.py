"""The quadrotor as an SDF model: its body, rotors, sensors, and the plugins that control it.

The velocity controller is gz-sim's MulticopterVelocityControl (Lee et al. 2010). Its gains are
those of the embedded simulator's loops times mass or inertia, by which the plugin divides them.
"""

from __future__ import annotations

import math
from xml.etree.ElementTree import Element

from liquid_pilot.interfaces import Command, VehicleState
from liquid_pilot.onboard.geometry import heading_rad, into_body
from liquid_pilot.onboard.setpoints.velocity_controller import VelocityGains
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.xml_text import format_numbers
from liquid_pilot.simulation.forest.layout import ForestLayout
from liquid_pilot.simulation.gazebo.sdf import (
    add_child,
    add_plugin,
    add_pose,
    element,
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
"""Topics of Gazebo's transport. They name no world and no model, so one bridge serves all."""
ODOMETRY_HZ = 100
"""Rate of the odometry."""
MOTOR_CONSTANT = 8.54858e-06
"""Thrust of one rotor over the square of its speed, N/(rad/s)^2, as in RotorS for this size."""
_ROTOR_KG = 0.005
_SLOWDOWN = 10
"""Factor by which rotors turn slower than their thrust implies, to suit the physics step."""
_CONTROL = 'control'
"""Namespace of the controller and the motors."""
SKY_RADIUS_M, _FAR_M = 95.0, 110.0
_SETTLED_M, _SETTLED_RAD, _SETTLED_M_S = 0.05, 0.03, 0.05
_RETURN_GAIN_1_S, _MAX_RETURN_SPEED_M_S, _MAX_RETURN_YAW_RATE_RAD_S = 1.0, 0.5, 0.5


def quadrotor_model(
    layout: ForestLayout,
    settings: SimulationSettings,
    obstacle_prefix: str,
    vehicle: QuadrotorSettings | None = None,
) -> Element:
    """Return the model of the quadrotor, at the start of a layout.

    Args:
        layout: layout with the start.
        settings: rates and camera.
        obstacle_prefix: prefix of the names of models that it must not touch.
        vehicle: parameters of the vehicle; None: the default ones.
    """
    v = vehicle or QuadrotorSettings()
    model = element('model', name=MODEL)
    add_pose(model, layout.start_enu_m, (0.0, 0.0, layout.start_yaw_rad))
    link = add_child(model, 'link', name=BASE)
    add_inertial(link, v.mass_kg - 4 * _ROTOR_KG, v.inertia_kg_m2)
    _add_body(link, v)
    add_camera(link, settings, v.camera_position_m, _FAR_M)
    add_imu(link, settings)
    for index, (x, y, _) in enumerate(ROTORS):
        _add_rotor(model, index, (x * v.arm_x_m, y * v.arm_y_m, 0.03))
        _add_motor(model, v, index)
    _add_controller(model, v)
    add_state_plugins(model, obstacle_prefix)
    return model


def add_state_plugins(model: Element, obstacle_prefix: str) -> None:
    """Append the plugins that publish odometry, and contacts with obstacles.

    Args:
        model: the vehicle.
        obstacle_prefix: prefix of the names of models that it must not touch.
    """
    add_plugin(
        model,
        'odometry-publisher',
        'OdometryPublisher',
        dimensions='3',
        odom_frame='odom',
        robot_base_frame=BASE,
        odom_topic=GAZEBO_TOPICS['odometry'],
        odom_publish_frequency=str(ODOMETRY_HZ),
    )
    add_plugin(
        model,
        'touchplugin',
        'TouchPlugin',
        target=obstacle_prefix,
        namespace='touch',
        time='0.001',
        enabled='true',
    )


def add_inertial(link: Element, mass_kg: float, diagonal: tuple[float, float, float]) -> None:
    """Append mass and inertia.

    Args:
        link: the link.
        mass_kg: mass.
        diagonal: moments of inertia about x, y and z, kg m^2.
    """
    inertial = add_child(link, 'inertial')
    add_child(inertial, 'mass', f'{mass_kg:.6g}')
    inertia = add_child(inertial, 'inertia')
    values = dict(zip(('ixx', 'iyy', 'izz'), diagonal, strict=True), ixy=0.0, ixz=0.0, iyz=0.0)
    for name, value in values.items():
        add_child(inertia, name, f'{value:.6g}')


def _add_body(link: Element, v: QuadrotorSettings) -> None:
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
    """Append the forward camera.

    Args:
        link: the body of the vehicle.
        settings: rate, size and field of view.
        position_m: position in the frame of the link.
        far_m: distance of the far clipping plane.
        pitch_rad: angle below the horizontal.
    """
    sensor = add_child(link, 'sensor', name='camera', type='camera')
    add_pose(sensor, position_m, (0.0, pitch_rad, 0.0))
    add_child(sensor, 'update_rate', str(settings.camera_rate_hz))
    add_child(sensor, 'topic', GAZEBO_TOPICS['image'])
    camera = add_child(sensor, 'camera')
    add_child(camera, 'camera_info_topic', GAZEBO_TOPICS['camera_info'])
    width, height = settings.camera_width, settings.camera_height
    across = 2.0 * math.atan(math.tan(0.5 * settings.camera_vertical_fov_rad) * width / height)
    add_child(camera, 'horizontal_fov', f'{across:.9g}')
    image = add_child(camera, 'image')
    add_child(image, 'width', str(width))
    add_child(image, 'height', str(height))
    add_child(image, 'format', 'R8G8B8')
    clip = add_child(camera, 'clip')
    add_child(clip, 'near', '0.04')
    add_child(clip, 'far', f'{far_m:g}')
    add_child(camera, 'optical_frame_id', CAMERA_FRAME)


def add_imu(link: Element, settings: SimulationSettings) -> None:
    """Append an IMU with the noise of the embedded simulator's.

    Args:
        link: the body of the vehicle.
        settings: rate of the samples.
    """
    s = ImuSettings()
    sensor = add_child(link, 'sensor', name='imu', type='imu')
    add_child(sensor, 'update_rate', str(settings.imu_rate_hz))
    add_child(sensor, 'topic', GAZEBO_TOPICS['imu'])
    imu = add_child(sensor, 'imu')
    for kind, noise, bias in (
        ('angular_velocity', s.gyro_noise_rad_s, s.gyro_bias_rad_s),
        ('linear_acceleration', s.accelerometer_noise_m_s2, s.accelerometer_bias_m_s2),
    ):
        axes = add_child(imu, kind)
        for axis in 'xyz':
            model = add_child(add_child(axes, axis), 'noise', type='gaussian')
            add_child(model, 'mean', '0')
            add_child(model, 'stddev', f'{noise:g}')
            add_child(model, 'bias_mean', '0')
            add_child(model, 'bias_stddev', f'{bias:g}')


def _add_rotor(model: Element, index: int, position: tuple[float, float, float]) -> None:
    link = add_child(model, 'link', name=f'rotor_{index}')
    add_pose(link, position)
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


def _rotation_sense(index: int) -> int:
    """Return 1 if a rotor turns counter-clockwise seen from above, else -1.

    Its reaction torque on the body has the opposite sign.
    """
    return -ROTORS[index][2]


def _add_motor(model: Element, v: QuadrotorSettings, index: int) -> None:
    max_speed_rad_s = math.sqrt(v.max_thrust_n / MOTOR_CONSTANT)
    # The drag of a rotor is proportional to its own speed and to that of the air. All four together
    # equal the drag of the embedded simulator when hovering.
    hover_speed_rad_s = math.sqrt(v.mass_kg * 9.81 / 4.0 / MOTOR_CONSTANT)
    add_plugin(
        model,
        'multicopter-motor-model',
        'MulticopterMotorModel',
        robotNamespace=_CONTROL,
        jointName=f'rotor_{index}_joint',
        linkName=f'rotor_{index}',
        turningDirection='ccw' if _rotation_sense(index) > 0 else 'cw',
        timeConstantUp=f'{v.motor_time_constant_s:g}',
        timeConstantDown=f'{v.motor_time_constant_s:g}',
        maxRotVelocity=f'{max_speed_rad_s:.1f}',
        motorConstant=f'{MOTOR_CONSTANT:g}',
        momentConstant=f'{v.torque_per_thrust_m:g}',
        commandSubTopic='motor_speed',
        actuator_number=str(index),
        rotorDragCoefficient=f'{v.linear_drag_n_s_m / 4.0 / hover_speed_rad_s:.4g}',
        rollingMomentCoefficient='1e-06',
        rotorVelocitySlowdownSim=str(_SLOWDOWN),
        motorType='velocity',
    )


def _add_controller(model: Element, v: QuadrotorSettings) -> None:
    gains = VelocityGains()
    velocity = (gains.horizontal_1_s, gains.horizontal_1_s, gains.vertical_1_s)
    attitude = [v.attitude_gain_1_s * rate for rate in v.rate_gain_1_s]
    tilt_acceleration = 9.81 * math.tan(gains.maximum_tilt_rad)
    control = add_plugin(
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
        maximumLinearAcceleration=format_numbers(
            (round(tilt_acceleration, 3), round(tilt_acceleration, 3), 6.0)
        ),
    )
    configuration = add_child(control, 'rotorConfiguration')
    for index in range(len(ROTORS)):
        rotor = add_child(configuration, 'rotor')
        add_child(rotor, 'jointName', f'rotor_{index}_joint')
        add_child(rotor, 'forceConstant', f'{MOTOR_CONSTANT:g}')
        add_child(rotor, 'momentConstant', f'{v.torque_per_thrust_m:g}')
        add_child(rotor, 'direction', str(_rotation_sense(index)))


def steer_to_start(state: VehicleState, layout: ForestLayout) -> Command:
    """Return the command that brings the vehicle to the start of a mission.

    Its axes are those of the body, tilt included, as Gazebo's controller expects.

    Args:
        state: state of the vehicle.
        layout: layout with the start.
    """
    x, y, z = (a - b for a, b in zip(layout.start_enu_m, state.position_enu_m, strict=True))
    distance = math.hypot(x, y, z)
    gain = min(_RETURN_GAIN_1_S, _MAX_RETURN_SPEED_M_S / distance) if distance else 0.0
    body = into_body(state.orientation_wxyz, (gain * x, gain * y, gain * z))
    yaw_rate = _RETURN_GAIN_1_S * _heading_error_rad(state, layout)
    return Command(
        state.stamp_ns,
        *body,
        max(-_MAX_RETURN_YAW_RATE_RAD_S, min(yaw_rate, _MAX_RETURN_YAW_RATE_RAD_S)),
    )


def at_start(state: VehicleState, layout: ForestLayout) -> bool:
    """Return whether the vehicle hovers at the start, at its heading."""
    return (
        math.dist(state.position_enu_m, layout.start_enu_m) < _SETTLED_M
        and math.hypot(*state.velocity_flu_m_s) < _SETTLED_M_S
        and abs(_heading_error_rad(state, layout)) < _SETTLED_RAD
    )


def _heading_error_rad(state: VehicleState, layout: ForestLayout) -> float:
    difference = layout.start_yaw_rad - heading_rad(state.orientation_wxyz)
    return math.remainder(difference, 2.0 * math.pi)
