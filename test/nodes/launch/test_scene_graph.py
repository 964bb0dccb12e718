"""The graph of a scene around a vehicle that is elsewhere, by both launch files and the command."""

import os
import signal
import sys
import threading

import pytest

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common.process.dds_profile import PROFILE_VARIABLES, profile_variable
from liquid_pilot.nodes.launch import (
    flight_checks,
    flight_environment,
    flight_graph,
    hardware_graph,
    process_runner,
)
from liquid_pilot.nodes.launch.flight_options import FlyOptions
from liquid_pilot.nodes.launch.hardware_options import HardwareOptions


def specs(**options):
    options = {'simulator': 'scene', 'out': '/run', 'headless': True, **options}
    return {spec.name: spec for spec in flight_graph.nodes(FlyOptions(**options))}


def hardware(**options):
    options = HardwareOptions(simulator='scene', out='/run', **options)
    return {spec.name: spec for spec in hardware_graph.nodes(options)}


def test_guard_and_pilot_are_as_on_a_vehicle():
    found = specs(adapter='mavlink')
    elsewhere = specs(simulator='none', adapter='mavlink')
    assert list(found) == ['guard', 'pilot', 'adaptation', 'scene']
    for name in elsewhere:
        assert found[name] == elsewhere[name]
    scene = found['scene']
    assert (scene.required, scene.restarts, scene.ends_run) == (False, False, True)
    assert scene.parameters == {
        'adapt': True,
        'out': '/run',
        'use_sim_time': False,
        'command': 'liquid-pilot fly --simulator scene --adapter mavlink --headless',
    }


def test_the_options_of_a_run_reach_the_node():
    scene = specs(
        missions=50, seed=4, condition='rain:2', engage=True, anchor='world', record=True
    )['scene'].parameters
    assert scene == {
        'missions': 50,
        'seed': 4,
        'condition': 'rain:2',
        'engage': True,
        'anchor': 'world',
        'adapt': True,
        'out': '/run',
        'use_sim_time': False,
        'recorded_image_topic': 'camera/image_raw',
        'command': 'liquid-pilot fly --record --simulator scene --missions 50 --seed 4 --condition '
        'rain:2 --headless --anchor world --engage',
    }
    assert specs(vehicle='rover')['scene'].parameters['vehicle'] == 'rover'
    assert specs(namespace='/uav/')['scene'].namespace == 'uav'


def test_the_topics_of_the_vehicle_are_remapped_where_they_are_used():
    topics = {'odom_topic': 'mavros/local_position/odom', 'imu_topic': 'mavros/imu/data'}
    odometry, imu = ('odom', topics['odom_topic']), ('imu/data', topics['imu_topic'])
    found = specs(record=True, **topics)
    assert found['guard'].remappings == found['scene'].remappings == (odometry,)
    assert found['pilot'].remappings == (imu,)
    assert set(found['recorder'].remappings) == {odometry, imu}
    assert hardware(autopilot='mavros')['scene'].remappings == (odometry,)
    assert hardware(autopilot='mavlink')['scene'].remappings == ()
    own = hardware(autopilot='mavros', odom_topic='hall/odom')['scene']
    assert own.remappings == (('odom', 'hall/odom'),)


def test_the_scene_can_be_drawn_from_another_odometry_than_the_guards():
    truth = (('odom', 'truth/odom'),)
    found = specs(record=True, scene_odom_topic='truth/odom')
    assert found['scene'].remappings == truth
    assert found['guard'].remappings == found['recorder'].remappings == ()
    found = hardware(autopilot='mavros', scene_odom_topic='truth/odom')
    assert found['scene'].remappings == truth
    assert found['guard'].remappings == (('odom', 'mavros/local_position/odom'),)
    options = HardwareOptions(simulator='scene', autopilot='mavros', scene_odom_topic='truth/odom')
    assert 'odometry arrives on truth/odom' in hardware_graph.checklist(options)


def test_a_node_between_camera_and_pilot_needs_no_camera_info_of_its_own():
    found = specs(camera_topic='my/image')
    assert found['pilot'].remappings == (('camera/image_raw', 'my/image'),)
    assert found['scene'].remappings == ()


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'simulator': 'scene', 'realtime': True}, 'always runs on the wall clock'),
        ({'simulator': 'scene', 'gui': True}, 'no use for gui:=true; .* set simulator:=gazebo'),
        ({'simulator': 'scene', 'demonstrate': True}, 'demonstrate needs the embedded simulator'),
        ({'simulator': 'scene', 'condition': 'wind:2'}, 'condition wind: the vehicle is elsewhere'),
        ({'simulator': 'scene', 'condition': 'two_legs:1'}, 'without memory courses'),
        ({'simulator': 'scene', 'odom_topic': 'a b'}, "odom_topic 'a b' is not the name"),
        ({'engage': True}, 'mujoco has no use for engage:=true; .* set simulator:=scene'),
        ({'simulator': 'none', 'engage': True}, 'runs no missions, so it has no use for engage'),
        ({'anchor': 'world'}, 'no use for anchor:=world'),
        ({'scene_odom_topic': 'x'}, 'no use for scene_odom_topic:=x; .* set simulator:=scene'),
        ({'simulator': 'scene', 'scene_odom_topic': 'a b'}, "scene_odom_topic 'a b' is not the"),
        ({'odom_topic': 'x'}, 'no use for odom_topic:=x; .* set simulator:=scene or none'),
    ],
)
def test_what_cannot_be_flown_is_refused_at_once(changes, words):
    with pytest.raises(LiquidPilotError, match=words):
        FlyOptions(**changes)


def test_no_camera_driver_is_started_beside_a_scene():
    assert list(hardware(autopilot='mavlink', missions=2)) == [
        'guard',
        'pilot',
        'adaptation',
        'scene',
    ]
    with pytest.raises(LiquidPilotError, match='camera:=usb_cam has no effect with simulator:=sc'):
        HardwareOptions(simulator='scene', camera='usb_cam')
    with pytest.raises(LiquidPilotError, match='runs no missions, so it has no use for missions'):
        HardwareOptions(missions=2)


def test_on_a_vehicle_the_guard_goes_on_when_the_missions_are_over():
    assert not any(spec.ends_run for spec in hardware().values())
    assert not hardware()['scene'].restarts and not hardware()['scene'].required


def test_a_person_is_told_who_engages():
    by_hand = flight_graph.launch_notice(FlyOptions(simulator='scene'))
    assert '`liquid-pilot engage`' in by_hand
    itself = flight_graph.launch_notice(FlyOptions(simulator='scene', engage=True))
    assert 'The scene engages the guard for each mission' in itself and 'you arm it' in itself
    listed = hardware_graph.checklist(HardwareOptions(simulator='scene', autopilot='mavros'))
    assert 'odometry arrives on mavros/local_position/odom' in listed
    assert 'frames/s' not in listed and 'you call guard/engage' in listed
    engaging = hardware_graph.checklist(HardwareOptions(simulator='scene', engage=True))
    assert 'the scene engages the guard' in engaging


def test_frames_have_room_and_discovery_is_the_users():
    added = flight_environment.environment(FlyOptions(simulator='scene'), {})
    assert added[profile_variable()].endswith('config/fastdds_vehicle.xml')
    assert 'ROS_AUTOMATIC_DISCOVERY_RANGE' not in added and 'GZ_IP' not in added
    for name in PROFILE_VARIABLES:
        own = flight_environment.environment(FlyOptions(simulator='scene'), {name: '/x'})
        assert not set(PROFILE_VARIABLES) & set(own)


def test_what_draws_it_is_checked_before_anything_starts(monkeypatch):
    asked = []
    monkeypatch.setattr(
        flight_checks, 'require_modules', lambda names, what, **more: asked.append((names, what))
    )
    flight_checks.check_before_start(FlyOptions(simulator='scene'))
    assert (('mujoco',), 'simulator:=scene') in asked


NODE = """
import pathlib, signal, sys, time
told = []
signal.signal(signal.SIGINT, lambda number, frame: told.append(number))
signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT,))
pathlib.Path(sys.argv[1]).touch()
while not told:
    time.sleep(0.01)
"""


@pytest.mark.parametrize('code', [1, -signal.SIGKILL])
def test_a_scene_that_is_killed_leaves_the_guard_and_one_that_ends_does_not(tmp_path, code):
    found = specs(adapt=False)
    act = 'import os; os.kill(os.getpid(), 9)' if code < 0 else 'raise SystemExit(1)'
    lines = [
        (
            found[name],
            [sys.executable, '-S', '-c', act if name == 'scene' else NODE, str(tmp_path / name)],
        )
        for name in ('guard', 'scene')
    ]
    said, interrupted = [], []

    def interrupt():
        interrupted.append(True)
        os.kill(os.getpid(), signal.SIGINT)

    def note(line):
        said.append(line)
        if 'goes on without it' in line:
            threading.Timer(0.2, interrupt).start()

    ended = process_runner._run(lines, os.environ, note, process_runner.nullcontext())
    if code < 0:
        assert interrupted and ended == 130
        assert said[0].startswith('the scene was ended by SIGKILL')
    else:
        assert not interrupted and ended == 1
