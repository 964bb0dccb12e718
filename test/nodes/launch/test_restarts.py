"""When a node of a vehicle is started again."""

import signal

import pytest

from liquid_pilot.nodes.launch import hardware_graph
from liquid_pilot.nodes.launch.flight_graph import nodes
from liquid_pilot.nodes.launch.flight_options import FlyOptions
from liquid_pilot.nodes.launch.hardware_options import HardwareOptions
from liquid_pilot.nodes.launch.restarts import MAX_IN_A_ROW, Restarts, fatal_end


def test_the_wait_grows_and_there_is_an_end():
    restarts, delays, now_s = Restarts('camera', 0.0), [], 0.0
    while True:
        delay_s, text = restarts.ended(1, now_s)
        if delay_s is None:
            break
        assert 'the camera ended with exit code 1 and is started again in' in text
        assert 'the guard holds the safe command' in text
        delays.append(delay_s)
        now_s += delay_s
        restarts.started(now_s)
        now_s += 5.0
    assert len(delays) == MAX_IN_A_ROW
    assert delays[:4] == [1.0, 2.0, 4.0, 8.0] and max(delays) == delays[-1] == 30.0
    assert 'is not started again; the guard holds the safe command' in text


def test_after_a_minute_the_failures_are_counted_anew():
    restarts = Restarts('pilot', 0.0)
    assert restarts.ended(-signal.SIGSEGV, 1.0)[0] == 1.0
    restarts.started(2.0)
    assert restarts.ended(1, 3.0)[0] == 2.0
    restarts.started(5.0)
    delay_s, text = restarts.ended(-signal.SIGKILL, 65.0)
    assert delay_s == 1.0
    assert 'the pilot was ended by SIGKILL (perhaps because memory ran out)' in text


def test_what_ended_a_run_points_to_a_message_only_where_there_is_one():
    assert fatal_end('guard', 1).endswith('see its message above')
    assert fatal_end('guard', -9).endswith('cannot go on without it')


OF_A_VEHICLE = {
    'pilot': True,
    'adaptation': True,
    'camera': True,
    'camera_transform': True,
    'imu_transform': True,
    'guard': False,
    'recorder': False,
}


@pytest.mark.parametrize('launch', [True, False])
def test_on_a_vehicle_only_the_guard_ends_a_run(launch):
    if launch:
        poses = {'camera_pose': '0 0 0 0 0 0', 'imu_pose': '0 0 0 0 0 0'}
        specs = hardware_graph.nodes(
            HardwareOptions(out='/run', camera='usb_cam', record=True, **poses)
        )
    else:
        specs = nodes(FlyOptions(simulator='none', out='/run', record=True))
    assert [spec.name for spec in specs if spec.required] == ['guard']
    found = {spec.name: spec.restarts for spec in specs}
    assert found == {name: OF_A_VEHICLE[name] for name in found}
    assert launch <= (len(found) == len(OF_A_VEHICLE))


def test_in_a_simulation_none_is_started_again_and_pilot_and_guard_are_required():
    specs = nodes(FlyOptions(out='/run', record=True))
    assert not any(spec.restarts for spec in specs)
    required = {spec.name for spec in specs if spec.required}
    assert required == {'guard', 'pilot', 'simulator'}
