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
from liquid_pilot.simulation.gazebo.sdf import Element, element, numbers, plugin, pose, sub
from liquid_pilot.simulation.mujoco.sensors import ImuSettings
from liquid_pilot.simulation.vehicles.quadrotor import ROTORS, QuadrotorSettings

MODEL = 'quadrotor'
BASE = 'base_link'
CAMERA_FRAME = 'camera_link_optical'
TOPICS = {
    'image': 'camera/image_raw', 'camera_info': 'camera/camera_info', 'imu': 'imu/data',
    'odometry': 'odom', 'command': 'command/twist', 'enable': 'command/enable',
    'touched': 'touch/touched'}
"""Of Gazebo's transport; no world and no model in their names, so that one bridge serves all."""
ODOMETRY_HZ = 100
MOTOR_CONSTANT = 8.54858e-06
"""Newton per (rad/s)^2 of one rotor, as RotorS has it for a vehicle of this size."""
_ROTOR_KG = 0.005
_SLOWDOWN = 10
"""Rotors turn this much slower than their thrust says, so that physics steps suffice."""
_CONTROL = 'control'
"""Namespace of controller and motors."""
SKY_M, _FAR_M = 95.0, 110.0
_SETTLED_M, _SETTLED_RAD, _SETTLED_M_S = 0.05, 0.03, 0.05
_PULL_1_S, _FASTEST_M_S, _FASTEST_RAD_S = 1.0, 0.5, 0.5


def quadrotor(layout: ForestLayout, settings: SimulationSettings, touched_by: str,
              vehicle: QuadrotorSettings | None = None) -> Element:
    """The model, hovering at the start of a layout.

    Args:
        layout: where it starts.
        settings: rates and camera.
        touched_by: what the names of models begin with that it must not touch.
        vehicle: its body.
    """
    v = vehicle or QuadrotorSettings()
    model = element('model', name=MODEL)
    pose(model, layout.start_enu_m, (0.0, 0.0, layout.start_yaw_rad))
    link = sub(model, 'link', name=BASE)
    inertial(link, v.mass_kg - 4 * _ROTOR_KG, v.inertia_kg_m2)
    _body(link, v)
    camera(link, settings, v.camera_position_m, _FAR_M)
    imu(link, settings)
    for index, (x, y, _) in enumerate(ROTORS):
        _rotor(model, index, (x * v.arm_x_m, y * v.arm_y_m, 0.03))
        _motor(model, v, index)
    _controller(model, v)
    told(model, touched_by)
    return model


def told(model: Element, touched_by: str) -> None:
    """Its odometry, and whether it has touched what it must not."""
    plugin(model, 'odometry-publisher', 'OdometryPublisher', dimensions='3', odom_frame='odom',
           robot_base_frame=BASE, odom_topic=TOPICS['odometry'],
           odom_publish_frequency=str(ODOMETRY_HZ))
    plugin(model, 'touchplugin', 'TouchPlugin', target=touched_by, namespace='touch',
           time='0.001', enabled='true')


def inertial(link: Element, mass_kg: float, diagonal: tuple[float, float, float]) -> None:
    """Mass and moments about its own axes."""
    made = sub(link, 'inertial')
    sub(made, 'mass', f'{mass_kg:.6g}')
    inertia = sub(made, 'inertia')
    values = dict(zip(('ixx', 'iyy', 'izz'), diagonal, strict=True), ixy=0.0, ixz=0.0, iyz=0.0)
    for name, value in values.items():
        sub(inertia, name, f'{value:.6g}')


def _body(link: Element, v: QuadrotorSettings) -> None:
    hull = sub(link, 'collision', name='airframe')
    radii = (v.collision_radius_m, v.collision_radius_m, 0.07)
    sub(sub(sub(hull, 'geometry'), 'ellipsoid'), 'radii', numbers(radii))
    sensor = sub(link, 'sensor', name='contact', type='contact')
    sub(sub(sensor, 'contact'), 'collision', 'airframe')
    visual = sub(link, 'visual', name='box')
    sub(sub(sub(visual, 'geometry'), 'box'), 'size', '0.12 0.08 0.05')
    material = sub(visual, 'material')
    for name in ('ambient', 'diffuse'):
        sub(material, name, '0.9 0.5 0.1 1')


def camera(link: Element, settings: SimulationSettings, position_m: tuple[float, float, float],
           far_m: float, pitch_rad: float = 0.0) -> None:
    """It looks ahead, and down by its pitch."""
    sensor = sub(link, 'sensor', name='camera', type='camera')
    pose(sensor, position_m, (0.0, pitch_rad, 0.0))
    sub(sensor, 'update_rate', str(settings.camera_rate_hz))
    sub(sensor, 'topic', TOPICS['image'])
    lens = sub(sensor, 'camera')
    sub(lens, 'camera_info_topic', TOPICS['camera_info'])
    width, height = settings.camera_width, settings.camera_height
    across = 2.0 * math.atan(math.tan(0.5 * settings.camera_vertical_fov_rad) * width / height)
    sub(lens, 'horizontal_fov', f'{across:.9g}')
    image = sub(lens, 'image')
    sub(image, 'width', str(width))
    sub(image, 'height', str(height))
    sub(image, 'format', 'R8G8B8')
    clip = sub(lens, 'clip')
    sub(clip, 'near', '0.04')
    sub(clip, 'far', f'{far_m:g}')
    sub(lens, 'optical_frame_id', CAMERA_FRAME)


def imu(link: Element, settings: SimulationSettings) -> None:
    """As noisy as the embedded simulator's."""
    s = ImuSettings()
    sensor = sub(link, 'sensor', name='imu', type='imu')
    sub(sensor, 'update_rate', str(settings.imu_rate_hz))
    sub(sensor, 'topic', TOPICS['imu'])
    made = sub(sensor, 'imu')
    for kind, noise, bias in (
            ('angular_velocity', s.gyro_noise_rad_s, s.gyro_bias_rad_s),
            ('linear_acceleration', s.accelerometer_noise_m_s2, s.accelerometer_bias_m_s2)):
        axes = sub(made, kind)
        for axis in 'xyz':
            model = sub(sub(axes, axis), 'noise', type='gaussian')
            sub(model, 'mean', '0')
            sub(model, 'stddev', f'{noise:g}')
            sub(model, 'bias_mean', '0')
            sub(model, 'bias_stddev', f'{bias:g}')


def _rotor(model: Element, index: int, position: tuple[float, float, float]) -> None:
    link = sub(model, 'link', name=f'rotor_{index}')
    pose(link, position)
    inertial(link, _ROTOR_KG, (1e-6, 1e-5, 1.1e-5))
    visual = sub(link, 'visual', name='disc')
    disc = sub(sub(visual, 'geometry'), 'cylinder')
    sub(disc, 'radius', '0.075')
    sub(disc, 'length', '0.006')
    joint = sub(model, 'joint', name=f'rotor_{index}_joint', type='revolute')
    sub(joint, 'parent', BASE)
    sub(joint, 'child', f'rotor_{index}')
    axis = sub(joint, 'axis')
    sub(axis, 'xyz', '0 0 1')
    limit = sub(axis, 'limit')
    sub(limit, 'lower', '-1e16')
    sub(limit, 'upper', '1e16')


def _turns(index: int) -> int:
    """1: counter-clockwise, seen from above. The body is turned the other way."""
    return -ROTORS[index][2]


def _motor(model: Element, v: QuadrotorSettings, index: int) -> None:
    fastest = math.sqrt(v.max_thrust_n / MOTOR_CONSTANT)
    # Rotor drag is the rotor's speed times this times the air's: as much as the body's, hovering.
    hovering = math.sqrt(v.mass_kg * 9.81 / 4.0 / MOTOR_CONSTANT)
    plugin(model, 'multicopter-motor-model', 'MulticopterMotorModel',
           robotNamespace=_CONTROL, jointName=f'rotor_{index}_joint', linkName=f'rotor_{index}',
           turningDirection='ccw' if _turns(index) > 0 else 'cw',
           timeConstantUp=f'{v.motor_time_constant_s:g}',
           timeConstantDown=f'{v.motor_time_constant_s:g}', maxRotVelocity=f'{fastest:.1f}',
           motorConstant=f'{MOTOR_CONSTANT:g}', momentConstant=f'{v.torque_per_thrust_m:g}',
           commandSubTopic='motor_speed', actuator_number=str(index),
           rotorDragCoefficient=f'{v.linear_drag_n_s_m / 4.0 / hovering:.4g}',
           rollingMomentCoefficient='1e-06', rotorVelocitySlowdownSim=str(_SLOWDOWN),
           motorType='velocity')


def _controller(model: Element, v: QuadrotorSettings) -> None:
    gains = VelocityGains()
    velocity = (gains.horizontal_1_s, gains.horizontal_1_s, gains.vertical_1_s)
    attitude = [v.attitude_gain_1_s * rate for rate in v.rate_gain_1_s]
    tilted = 9.81 * math.tan(gains.maximum_tilt_rad)
    control = plugin(
        model, 'multicopter-control', 'MulticopterVelocityControl',
        robotNamespace=TOPICS['command'].partition('/')[0],
        commandSubTopic=TOPICS['command'].partition('/')[2],
        enableSubTopic=TOPICS['enable'].partition('/')[2], comLinkName=BASE,
        velocityGain=numbers(gain * v.mass_kg for gain in velocity),
        attitudeGain=numbers(
            gain * inertia for gain, inertia in zip(attitude, v.inertia_kg_m2, strict=True)),
        angularRateGain=numbers(
            gain * inertia for gain, inertia in zip(v.rate_gain_1_s, v.inertia_kg_m2,
                                                    strict=True)),
        maximumLinearAcceleration=numbers((round(tilted, 3), round(tilted, 3), 6.0)))
    configuration = sub(control, 'rotorConfiguration')
    for index in range(len(ROTORS)):
        rotor = sub(configuration, 'rotor')
        sub(rotor, 'jointName', f'rotor_{index}_joint')
        sub(rotor, 'forceConstant', f'{MOTOR_CONSTANT:g}')
        sub(rotor, 'momentConstant', f'{v.torque_per_thrust_m:g}')
        sub(rotor, 'direction', str(_turns(index)))


def steer_to_start(state: VehicleState, layout: ForestLayout) -> Command:
    """What brings the vehicle back to the place and the heading at which a mission starts.

    Along the body's own axes, tilt included, as Gazebo's controller has it.
    """
    away = [a - b for a, b in zip(layout.start_enu_m, state.position_enu_m, strict=True)]
    length = math.hypot(*away)
    pull = min(_PULL_1_S, _FASTEST_M_S / length) if length else 0.0
    body = into_body(state.orientation_wxyz, tuple(pull * value for value in away))
    turn = _PULL_1_S * _turn_rad(state, layout)
    return Command(state.stamp_ns, *body, max(-_FASTEST_RAD_S, min(turn, _FASTEST_RAD_S)))


def at_start(state: VehicleState, layout: ForestLayout) -> bool:
    """Whether it hovers there."""
    return (math.dist(state.position_enu_m, layout.start_enu_m) < _SETTLED_M
            and math.hypot(*state.velocity_flu_m_s) < _SETTLED_M_S
            and abs(_turn_rad(state, layout)) < _SETTLED_RAD)


def _turn_rad(state: VehicleState, layout: ForestLayout) -> float:
    turn = layout.start_yaw_rad - heading_rad(state.orientation_wxyz)
    return math.remainder(turn, 2.0 * math.pi)
