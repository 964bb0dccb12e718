"""The mode that the guard registers with PX4, with a peer that does what PX4 does with modes.

It runs with PX4's genuine message types where px4_msgs is installed, and with stand-ins everywhere.
"""

import pytest
from px4_peer.fixtures import NAME
from px4_peer.modes import FIRST_EXTERNAL, LOITER, OFFBOARD, PLACES, RTL

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.setpoints.attitude_target import AttitudeTarget
from liquid_pilot.onboard.setpoints.world_velocity import VelocityNed

FORWARD = VelocityNed(0, (1.0, 0.0, -0.25), 0.5)
LEVEL = AttitudeTarget(0, (1.0, 0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0), 0.25, 0.5)
UNANSWERED_S = 0.3 * 3 + 0.05
"""Time for which PX4 bears a check without an answer."""


@pytest.fixture
def registered(fly):
    """A flight whose mode is registered, and whose guard sends nothing; it is disarmed."""
    flight = fly()
    flight.peer.armed = False
    flight.run(2.0)
    assert flight.peer.place_of(NAME) == FIRST_EXTERNAL
    flight.peer.armed = True
    return flight


@pytest.fixture
def active(registered):
    """A flight in the mode."""
    registered.setpoint = FORWARD
    registered.run(1.0)
    assert registered.peer.select(FIRST_EXTERNAL)
    registered.run(1.0)
    return registered


def test_a_mode_is_registered_only_where_it_is_asked_for(fly):
    flight = fly(name=None)
    flight.peer.armed = False
    flight.run(3.0)
    assert flight.peer.requests == []
    assert (flight.output.values, flight.output.problem) == ({}, '')


def test_the_mode_is_registered_and_stays_so(registered):
    (_, request), *more = registered.peer.requests
    assert not more
    assert bytes(map(int, request.name)) == NAME.encode().ljust(25, b'\0')
    assert request.register_arming_check and request.register_mode
    # It neither replaces a mode of PX4 nor switches to itself.
    assert not request.enable_replace_internal_mode and not request.activate_mode_immediately
    assert not request.register_mode_executor
    registered.run(60.0)
    assert len(registered.peer.requests) == 1
    assert registered.output.values == {
        'px4_mode': 'registered',
        'px4_mode_name': NAME,
        'px4_mode_number': '23',
    }
    assert not registered.output.problem


def test_the_mode_can_be_selected_only_while_the_guard_sends(registered):
    registered.run(1.0)
    assert not registered.peer.select(FIRST_EXTERNAL)
    registered.setpoint = FORWARD
    registered.run(1.0)
    assert registered.peer.of('trajectory_setpoint') == []
    assert registered.peer.select(FIRST_EXTERNAL)
    registered.run(1.0)
    status = registered.output.status
    assert (status.mode, status.accepts_setpoints, status.armed) == (NAME, True, True)
    assert list(registered.peer.of('trajectory_setpoint')[-1].velocity) == [1.0, 0.0, -0.25]
    assert not registered.peer.failsafe


def test_px4_is_asked_never_to_arm_in_the_mode(active):
    answers = active.peer.of('arming_check_reply')
    assert len(answers) > 5 and all(answer.mode_req_prevent_arming for answer in answers)


@pytest.mark.parametrize(('attitude', 'velocity'), [(False, True), (True, False)])
def test_the_mode_has_the_controllers_and_needs_of_its_setpoints(fly, attitude, velocity):
    flight = fly(attitude)
    flight.peer.armed = False
    flight.run(2.0)
    mode = flight.peer.mode(FIRST_EXTERNAL)
    used = mode.configuration
    assert used.flag_control_attitude_enabled and used.flag_control_rates_enabled
    assert used.flag_control_allocation_enabled and used.flag_control_offboard_enabled
    assert not used.flag_control_position_enabled and not used.flag_control_auto_enabled
    for name in ('velocity', 'altitude', 'climb_rate', 'acceleration'):
        assert getattr(used, f'flag_control_{name}_enabled') is velocity
    assert mode.answer.mode_req_attitude and mode.answer.mode_req_angular_velocity
    assert mode.answer.mode_req_local_position is velocity
    assert mode.answer.mode_req_local_alt is velocity
    assert not mode.answer.mode_req_manual_control


def test_another_kind_of_setpoint_is_told_before_it_is_sent(active):
    active.setpoint = LEVEL
    active.peer.received.clear()
    active.run(0.2)
    order = [topic for _, topic, _ in active.peer.received]
    assert order.index('config_control_setpoints') < order.index('vehicle_attitude_setpoint')
    assert active.peer.mode(FIRST_EXTERNAL).configuration.flag_control_velocity_enabled is False


def test_the_kind_of_setpoints_is_told_again_in_case_it_was_lost(registered):
    registered.peer.mode(FIRST_EXTERNAL).configuration = None
    registered.run(1.5)
    assert registered.peer.mode(FIRST_EXTERNAL).configuration.flag_control_velocity_enabled


def test_a_guard_that_sends_no_more_ends_the_mode(active):
    active.setpoint = None
    passed_s = active.run(5.0, until=lambda: active.peer.nav_state == RTL)
    # A second, as in Offboard, a period of the checks, and the steps of this test.
    assert 0.9 < passed_s < 1.0 + 0.3 + 0.05
    active.run(0.2)
    assert active.output.status.accepts_setpoints is False
    # The checks go on: the mode is there, and can be selected again once the guard sends.
    active.run(10.0)
    assert active.peer.place_of(NAME) == FIRST_EXTERNAL


def test_a_frozen_guard_ends_the_mode_and_does_not_take_it_up_again_by_itself(active):
    active.frozen = True
    passed_s = active.run(5.0, until=lambda: active.peer.nav_state == RTL)
    assert UNANSWERED_S < passed_s < UNANSWERED_S + 0.3 + 0.3 + 0.05
    active.run(5.0)
    active.frozen = False
    # The guard is disengaged by then, since it sees that PX4 has left the mode.
    active.setpoint = None
    active.run(10.0)
    assert active.peer.nav_state == RTL


def test_a_stall_of_less_than_a_second_does_not_end_the_mode(active):
    active.frozen = True
    active.run(0.85)
    active.frozen = False
    active.run(3.0)
    assert active.peer.nav_state == FIRST_EXTERNAL


def test_with_a_long_time_out_of_commands_the_mode_lasts_as_long(active):
    active.node.settings.current.command_timeout_s = 3.0
    active.setpoint = None
    passed_s = active.run(9.0, until=lambda: active.peer.nav_state == RTL)
    assert 3.0 < passed_s < 3.0 + 0.1 + 0.3 + 0.05


def test_a_mode_that_was_left_cannot_run_before_the_guard_sends_again(active):
    active.setpoint = None
    active.peer.select(LOITER)
    active.run(0.4)
    assert not active.peer.select(FIRST_EXTERNAL)
    active.setpoint = FORWARD
    active.run(0.4)
    assert active.peer.select(FIRST_EXTERNAL)


def test_px4_that_restarts_is_asked_again_at_once(registered):
    registered.peer.reboot()
    passed_s = registered.run(5.0, until=lambda: registered.peer.place_of(NAME) is not None)
    assert passed_s < 1.0
    registered.run(1.0)
    assert registered.output.values['px4_mode_number'] == '23'
    assert 'PX4 has dropped the mode' in registered.node.logger.text


def test_a_px4_that_has_gone_is_not_asked(registered):
    registered.peer.silent = True
    registered.run(4.0)
    registered.peer.reboot()
    registered.run(120.0)
    assert registered.sent.count('register_ext_component_request') == 1
    registered.peer.silent = False
    registered.run(2.0)
    assert registered.peer.place_of(NAME) == FIRST_EXTERNAL
    assert len(registered.peer.requests) == 2


def test_a_mode_that_was_dropped_for_silence_comes_back(registered):
    registered.peer.armed, registered.frozen = False, True
    registered.run(5.0, until=lambda: registered.peer.place_of(NAME) is None)
    registered.frozen = False
    registered.run(3.0)
    assert registered.peer.place_of(NAME) == FIRST_EXTERNAL


def test_while_armed_it_is_refused_once_and_registered_after_the_landing(fly):
    flight = fly()
    flight.run(100.0)
    flight.peer.reboot(armed=True)
    flight.run(5.0)
    assert len(flight.peer.requests) == 1
    assert 'while disarmed only' in flight.output.problem
    assert flight.output.values == {'px4_mode': 'not registered', 'px4_mode_name': NAME}
    # Offboard works meanwhile.
    flight.setpoint = FORWARD
    flight.run(1.0)
    assert flight.peer.select(OFFBOARD)
    flight.run(0.5)
    assert flight.peer.of('trajectory_setpoint')
    flight.peer.armed = False
    flight.run(2.0)
    assert flight.peer.place_of(NAME) == FIRST_EXTERNAL
    assert not flight.output.problem


def test_without_a_free_place_it_says_so_and_asks_rarely(fly):
    flight = fly()
    flight.peer.armed = False
    flight.peer.publish, publish = lambda *arguments, **fields: None, flight.peer.publish
    for k in range(PLACES):
        request = flight.types.RegisterExtComponentRequest(
            name=list(f'other {k}'.encode().ljust(25, b'\0')), register_arming_check=True
        )
        flight.peer.receive('register_ext_component_request', request)
        flight.peer.places[k].waits_for_first = False
        flight.peer.places[k].unanswered = -10_000
    flight.peer.publish = publish
    flight.peer.requests.clear()
    flight.run(70.0)
    assert len(flight.peer.requests) == 3
    assert 'refused' in flight.output.problem
    flight.peer.places[4] = None
    flight.run(31.0)
    assert flight.peer.place_of(NAME) == FIRST_EXTERNAL + 4
    flight.run(1.0)
    flight.setpoint = FORWARD
    flight.run(1.0)
    flight.peer.armed = True
    assert flight.peer.select(FIRST_EXTERNAL + 4)
    flight.run(1.0)
    assert flight.output.status.mode == NAME


def test_the_mode_of_another_component_is_not_ours(registered):
    registered.peer.armed = False
    other = registered.types.RegisterExtComponentRequest(
        request_id=7, name=list(b'other'.ljust(25, b'\0')), register_arming_check=True
    )
    registered.peer.receive('register_ext_component_request', other)
    registered.peer.mode(FIRST_EXTERNAL + 1).unanswered = -10_000
    assert registered.peer.select(FIRST_EXTERNAL + 1)
    registered.setpoint = FORWARD
    registered.run(1.0)
    status = registered.output.status
    assert (status.mode, status.accepts_setpoints) == ('EXTERNAL2', False)
    assert registered.peer.of('trajectory_setpoint') == []


def test_the_end_gives_the_place_back(registered):
    registered.peer.armed = False
    registered.run(1.0)
    registered.output.close()
    assert registered.peer.place_of(NAME) is None


def test_the_end_in_the_air_leaves_it_to_the_checks(active):
    """PX4 would find the message after the landing, and might take it for another guard's."""
    active.output.close()
    assert active.peer.of('unregister_ext_component') == []


@pytest.mark.parametrize('name', ['', 'x' * 25, 'Pilot ü', 'two\nlines'])
def test_a_name_that_px4_cannot_hold_is_refused(fly, name):
    with pytest.raises(LiquidPilotError, match='px4_mode_name'):
        fly(name=name)
