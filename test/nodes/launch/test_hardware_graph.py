"""The graph of a real robot as data: drivers, transforms, remappings, and what is refused."""

import math
import os

import numpy as np
import pytest

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common import messages, topics
from liquid_pilot.nodes.common.process.dds_profile import PROFILE_VARIABLES, profile_variable
from liquid_pilot.nodes.launch import hardware_graph
from liquid_pilot.nodes.launch.camera_drivers import DRIVERS
from liquid_pilot.nodes.launch.hardware_options import AUTOPILOTS, HardwareOptions
from liquid_pilot.onboard.geometry import rotation_rows
from liquid_pilot.onboard.setpoints.registry import ADAPTERS


def specs(**options):
    return {
        spec.name: spec for spec in hardware_graph.nodes(HardwareOptions(out='/run', **options))
    }


def test_pilot_and_guard_alone_by_default():
    found = specs()
    assert set(found) == {'pilot', 'guard', 'adaptation'}
    assert set(specs(adapt=False)) == {'pilot', 'guard'}
    assert found['guard'].parameters['adapter'] == 'cmd_vel'
    assert found['guard'].parameters['use_sim_time'] is False
    assert 'preflight' not in found['guard'].parameters
    assert not found['pilot'].parameters['lockstep']


@pytest.mark.parametrize('autopilot', AUTOPILOTS)
def test_every_autopilot_is_an_adapter_of_the_guard(autopilot):
    entry = AUTOPILOTS[autopilot]
    assert specs(autopilot=autopilot)['guard'].parameters['adapter'] == entry.adapter in ADAPTERS
    if entry.attitude_adapter:
        guard = specs(autopilot=autopilot, attitude=True)['guard']
        assert guard.parameters['adapter'] == entry.attitude_adapter in ADAPTERS
    else:
        with pytest.raises(LiquidPilotError, match='attitude'):
            HardwareOptions(autopilot=autopilot, attitude=True)


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        ({'mavlink_url': '/dev/serial0'}, 'has no effect with autopilot:=none; leave it out, or'),
        ({'autopilot': 'px4', 'mavlink_url': '/dev/serial0'}, 'set autopilot:=mavlink'),
        ({'camera_device': '/dev/video0'}, 'camera_device:=/dev/video0 has no effect with camera'),
        ({'camera_width': 320}, 'camera_width:=320 has no effect with camera:=none'),
        ({'camera_info_url': 'file:///c.yaml'}, 'set camera:= to a driver'),
        ({'camera': 'usb_cam', 'camera_topic': 'x'}, 'has no effect with camera:=usb_cam'),
        ({'imu_topic': 'a b'}, "imu_topic 'a b' is not the name of a topic"),
        ({'odom_topic': '/odom/'}, "odom_topic '/odom/' is not the name of a topic"),
        ({'camera_pose': '1 2 3'}, 'camera_pose must be six numbers'),
    ],
)
def test_what_would_have_no_effect_is_refused(options, words):
    with pytest.raises(LiquidPilotError, match=words):
        HardwareOptions(**options)


def test_sensors_are_those_of_the_autopilot_unless_configured_otherwise():
    found = specs(autopilot='mavros', record=True)
    assert ('imu/data', 'mavros/imu/data') in found['pilot'].remappings
    assert ('odom', 'mavros/local_position/odom') in found['guard'].remappings
    assert set(found['recorder'].remappings) >= {
        ('imu/data', 'mavros/imu/data'),
        ('odom', 'mavros/local_position/odom'),
    }
    own = specs(autopilot='mavros', imu_topic='my/imu', odom_topic='vio/odom')
    assert ('imu/data', 'my/imu') in own['pilot'].remappings
    assert ('odom', 'vio/odom') in own['guard'].remappings
    # The guard itself publishes them for these: nothing to remap.
    for autopilot in ('mavlink', 'mavlink_rover', 'px4', 'ardupilot'):
        assert not specs(autopilot=autopilot)['pilot'].remappings


@pytest.mark.parametrize('camera', DRIVERS)
def test_every_driver_publishes_on_our_topics(camera):
    driver = specs(camera=camera, namespace='uav')['camera']
    assert (driver.package, driver.namespace) == (camera, 'uav')
    targets = dict(driver.remappings)
    entry = DRIVERS[camera]
    for prefix in ('', '~/'):
        assert targets[prefix + entry.image] == topics.IMAGE
        assert targets[prefix + entry.info] == 'camera/camera_info'
        assert targets[f'{prefix}{entry.image}/compressed'] == f'{topics.IMAGE}/compressed'
    values = specs(
        camera=camera,
        camera_width=320,
        camera_height=240,
        camera_rate_hz=30.0,
        camera_device='x',
        camera_info_url='file:///c.yaml',
    )['camera'].parameters
    text = str(values)
    assert '320' in text and '240' in text and 'x' in values.values()
    assert ('file:///c.yaml' in values.values()) == (camera != 'realsense2_camera')


def test_a_vehicle_has_room_for_large_frames_unless_the_user_has_a_profile():
    options = HardwareOptions()
    added = hardware_graph.environment(options, {'OMP_NUM_THREADS': '4'})
    assert added[profile_variable()].endswith('config/fastdds_vehicle.xml')
    assert os.path.isfile(added[profile_variable()])
    assert 'ROS_AUTOMATIC_DISCOVERY_RANGE' not in added
    assert sum(name in added for name in PROFILE_VARIABLES) == 1
    for name in PROFILE_VARIABLES:
        assert not set(PROFILE_VARIABLES) & set(hardware_graph.environment(options, {name: '/x'}))
    other = hardware_graph.environment(options, {'RMW_IMPLEMENTATION': 'rmw_cyclonedds_cpp'})
    assert not set(PROFILE_VARIABLES) & set(other)


@pytest.mark.parametrize(
    ('camera', 'name', 'unset'),
    [
        ('camera_ros', 'format', 'RGB888'),
        ('v4l2_camera', 'pixel_format', None),
        ('usb_cam', 'pixel_format', None),
        ('realsense2_camera', 'rgb_camera.color_format', None),
    ],
)
def test_the_pixel_format_is_one_that_the_pilot_reads(camera, name, unset):
    """camera_ros takes the first format of the camera otherwise: NV21 on a Raspberry Pi."""
    assert specs(camera=camera)['camera'].parameters.get(name) == unset
    chosen = specs(camera=camera, camera_format='YUYV')['camera'].parameters
    assert chosen[name] == 'YUYV'


def test_frame_rates_as_each_driver_wants_them():
    def parameters(camera):
        return specs(camera=camera, camera_rate_hz=30.0)['camera'].parameters

    assert parameters('v4l2_camera')['time_per_frame'] == [1, 30]
    assert parameters('usb_cam')['framerate'] == 30.0
    assert parameters('camera_ros')['FrameDurationLimits'] == [33333, 33333]
    assert parameters('realsense2_camera')['rgb_camera.color_profile'] == '640x480x30'


def turned(spec, vector):
    values = dict(zip(spec.arguments[::2], spec.arguments[1::2], strict=True))
    rows = rotation_rows(*(float(values[f'--q{axis}']) for axis in 'wxyz'))
    return np.array(rows) @ vector, values


def test_an_optical_frame_looks_along_its_z():
    spec = specs(camera_pose='0.1 0 0.05 0 0 0')['camera_transform']
    ahead, values = turned(spec, (0.0, 0.0, 1.0))
    np.testing.assert_allclose(ahead, (1, 0, 0), atol=1e-9)
    np.testing.assert_allclose(turned(spec, (1.0, 0.0, 0.0))[0], (0, -1, 0), atol=1e-9)
    assert (values['--x'], values['--z']) == ('0.1', '0.05')
    assert (values['--frame-id'], values['--child-frame-id']) == (
        'base_link',
        messages.CAMERA_FRAME,
    )
    # Pitched down by 30 degrees, it looks ahead and down; turned left, to the left.
    down = specs(camera_pose=f'0 0 0 0 {math.radians(30)} 0')['camera_transform']
    np.testing.assert_allclose(turned(down, (0, 0, 1))[0], (math.sqrt(0.75), 0, -0.5), atol=1e-8)
    left = specs(camera_pose=f'0,0,0,0,0,{math.pi / 2}')['camera_transform']
    np.testing.assert_allclose(turned(left, (0, 0, 1))[0], (0, 1, 0), atol=1e-8)
    imu = specs(imu_pose='0 0 0 0 0 0')['imu_transform']
    np.testing.assert_allclose(turned(imu, (1, 0, 0))[0], (1, 0, 0), atol=1e-9)


def test_compressed_images_and_a_camera_that_runs_already():
    found = specs(image_transport='compressed', camera_topic='cam/image')['pilot']
    assert found.parameters['image_transport'] == 'compressed'
    assert (topics.IMAGE, 'cam/image') in found.remappings
    assert ('camera/camera_info', 'cam/camera_info') in found.remappings


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'autopilot': 'betaflight'}, 'autopilot must be one of'),
        ({'camera': 'webcam'}, 'camera must be one of'),
        ({'camera_pose': '1 2 3'}, 'camera_pose'),
        ({'imu_pose': '0 0 0 0 0 nan'}, 'imu_pose'),
        ({'camera_rate_hz': 0.0}, 'camera_rate_hz'),
        ({'camera_width': 2}, 'camera_width'),
        ({'vehicle': 'boat'}, 'vehicle must be'),
        ({'namespace': '1a'}, 'namespace'),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(changes, words):
    with pytest.raises(LiquidPilotError, match=words):
        HardwareOptions(**changes)


def test_the_checklist_is_of_these_options():
    text = hardware_graph.checklist(HardwareOptions(autopilot='mavros', camera_topic='cam/image'))
    for words in (
        'start MAVROS',
        'cam/image',
        'mavros/imu/data',
        'adapter mavros',
        'mode switch',
        'doctor --onboard',
    ):
        assert words in text
    assert 'mode switch' not in hardware_graph.checklist(HardwareOptions())
    assert 'the pilot adapts' in text
    assert 'exactly as trained' in hardware_graph.checklist(HardwareOptions(adapt=False))


def test_the_checklist_of_a_rover_is_for_driving():
    text = hardware_graph.checklist(HardwareOptions(vehicle='rover'))
    assert text.startswith('Before you drive:')
    assert 'flies' not in text and 'flight' not in text
    assert hardware_graph.checklist(HardwareOptions()).startswith('Before you fly:')
