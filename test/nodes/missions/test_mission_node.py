"""A simulator asks pilot and guard again when an answer is lost, and gives up in the end."""

import threading
import time
from types import SimpleNamespace

import pytest
import rclpy
from geometry_msgs.msg import TwistStamped
from rclpy.executors import SingleThreadedExecutor
from std_srvs.srv import SetBool, Trigger

from liquid_pilot.interfaces import LiquidPilotError, SensorPacket, VehicleState
from liquid_pilot.nodes import guard
from liquid_pilot.nodes.common import messages, node_base, qos
from liquid_pilot.nodes.missions import mission_node
from liquid_pilot.nodes.missions.mission_run import MissionRun
from liquid_pilot.simulation.base.mission import Mission
from liquid_pilot.simulation.base.task import MissionRules


@pytest.fixture
def asker(ros):
    node = mission_node.MissionNode('asker')
    node.spinner = node_base.Spinner(node)
    yield node
    node.spinner.close()
    node.destroy_node()


@pytest.fixture
def pilot(ros):
    """(moments of the requests, how long each takes to be answered) of a server in a thread."""
    node, came_s, takes_s = rclpy.create_node('pilot'), [], []

    def answer(request, response):
        came_s.append(time.monotonic())
        time.sleep(takes_s.pop(0) if takes_s else 0.0)
        response.success, response.message = True, f'answer {len(came_s)}'
        return response

    node.create_service(Trigger, 'pilot/reset', answer)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin)
    thread.start()
    yield came_s, takes_s
    executor.shutdown()
    thread.join(10.0)
    node.destroy_node()


def test_a_service_whose_answer_is_lost_is_asked_again(asker, pilot, monkeypatch):
    monkeypatch.setattr(mission_node, '_RETRY_PERIOD_S', 0.4)
    came_s, takes_s = pilot
    assert asker._reset.wait_for_service(30.0)
    # For the asker an answer that comes too late is one that is lost.
    takes_s.append(0.6)
    done, said = asker.call(asker._reset, Trigger.Request(), 10.0)
    # On a busy machine more than once; what it takes is the answer to the last request.
    assert done and len(came_s) > 1 and said == f'answer {len(came_s)}'


@pytest.mark.realtime
def test_a_service_that_never_answers_is_named(asker, monkeypatch):
    monkeypatch.setattr(mission_node, '_RETRY_PERIOD_S', 0.2)
    began_s = time.monotonic()
    with pytest.raises(mission_node.NoResponseError, match='pilot/reset does not answer'):
        asker.reset_pilot(0.7)
    assert 0.6 < time.monotonic() - began_s < 3.0


def told(state):
    status = messages.NodeStatus('pilot', 0, '', {'state': state}, '/pilot')
    return messages.pack_diagnostics(status, 1)


def test_while_a_node_compiles_no_time_is_counted(asker, monkeypatch):
    shown, waits = [], iter(['compiling'] * 8 + ['loading'])

    def wait(seconds):
        state = next(waits, None)
        if state is not None:
            asker._on_diagnostics(told(state))
        time.sleep(0.05)

    monkeypatch.setattr(asker, 'setpoint_topic', 'cmd_vel', raising=False)
    monkeypatch.setattr(asker, 'wait', wait)
    asker._on_diagnostics(told('compiling'))
    began_s = time.monotonic()
    with pytest.raises(LiquidPilotError, match=r'after 0\.2 s the graph is not complete; missing'):
        asker.wait_for_graph(0.2, shown.append)
    assert time.monotonic() - began_s > 8 * 0.05 + 0.2
    assert shown == ['the pilot compiles its network, once for this machine']


def guard_told(state, reason):
    values = {'state': state, 'reason': reason}
    return messages.pack_diagnostics(messages.NodeStatus('guard', 0, '', values, '/guard'), 1)


@pytest.mark.parametrize(
    ('state', 'reason', 'words'),
    [
        ('stopped', 'stopped; engage to go on', 'guard stopped by `liquid-pilot stop`'),
        ('disengaged', 'not engaged', 'guard disengaged by `liquid-pilot stop --disengage`'),
        ('disengaged', 'not engaged: a human had the vehicle', 'a human had the vehicle'),
        ('overridden', 'a human has the vehicle (mode LOITER)', 'human has the vehicle (mode LOI'),
    ],
)
def test_who_has_taken_the_vehicle_from_the_pilot_is_known(
    asker, monkeypatch, state, reason, words
):
    monkeypatch.setattr(asker, 'call', lambda *request: (True, 'engaged'))
    asker.engage(True)
    # What was published before the guard was engaged may arrive after it.
    asker._on_diagnostics(guard_told('disengaged', 'not engaged'))
    assert asker.guard_note == ''
    asker._on_diagnostics(guard_told('engaged', ''))
    asker._on_diagnostics(guard_told('safe', 'no good command for 0.5 s: safe command'))
    assert asker.guard_note == ''
    asker._on_diagnostics(guard_told(state, reason))
    assert words in asker.guard_note
    asker._on_diagnostics(guard_told('engaged', ''))
    assert asker.guard_note == ''


def test_it_is_known_whether_the_guard_was_engaged_anew(asker):
    watch = asker._guard
    assert (watch.state, watch.is_engaged, watch.was_released) == ('', False, False)
    # It was engaged before anybody looked.
    asker._on_diagnostics(guard_told('engaged', ''))
    assert watch.is_engaged and not watch.was_released
    for state in ('stopped', 'overridden', 'disengaged'):
        asker._on_diagnostics(guard_told(state, 'x'))
        assert not watch.is_engaged and watch.was_released
    asker._on_diagnostics(guard_told('safe', 'no good command'))
    assert watch.is_engaged and watch.was_released


def test_the_guard_of_another_robot_is_not_ours(asker):
    for state in ('engaged', 'stopped'):
        status = messages.NodeStatus('guard', 0, '', {'state': state}, '/other/guard')
        asker._on_diagnostics(messages.pack_diagnostics(status, 1))
    assert asker.guard_note == ''


@pytest.mark.parametrize(
    ('handler', 'request_of', 'state'),
    [
        ('_on_stop', Trigger.Request(), 'stopped'),
        ('_on_engage', SetBool.Request(data=False), 'disengaged'),
    ],
)
def test_the_guard_reports_at_once_what_a_service_did(ros, handler, request_of, state):
    node = guard.GuardNode()
    try:
        node._guard.engage(node._now_s())
        reported = []
        node._reporter.publish = lambda: reported.append(node._guard.state)
        response = (Trigger if handler == '_on_stop' else SetBool).Response()
        assert getattr(node, handler)(request_of, response).success
        assert reported == [state]
    finally:
        node.close()
        node.destroy_node()


def test_a_node_that_compiled_and_fell_silent_is_waited_for_no_longer(asker, monkeypatch):
    asker._on_diagnostics(told('compiling'))
    assert asker.compiling == ['pilot']
    monkeypatch.setattr(mission_node, '_COMPILING_MEMORY_S', 0.0)
    assert asker.compiling == []


def status(name, level=0):
    """A report of a node on /diagnostics."""
    return messages.pack_diagnostics(
        messages.NodeStatus(name, level, 'flying', {'state': 'flying'}, f'/{name}'), 1
    )


def test_a_node_that_no_longer_reports_ends_the_mission_and_not_the_time_limit(asker, monkeypatch):
    now_s = [100.0]
    monkeypatch.setattr(asker, 'steady_s', lambda: now_s[0])
    # Nodes that never report are not known to hang.
    asker.check_alive()
    for name in ('guard', 'pilot', 'dashboard'):
        asker._on_diagnostics(status(name))
    now_s[0] = 109.0
    asker._on_diagnostics(status('guard'))
    asker.check_alive()
    now_s[0] = 111.0
    with pytest.raises(mission_node.NoResponseError, match='the pilot has not reported its state'):
        asker.check_alive()
    asker._on_diagnostics(status('pilot'))
    asker.check_alive()


def test_what_keeps_a_pilot_from_flying_is_not_its_failure(asker):
    assert asker.prevented_by == ''
    asker.create_publisher(TwistStamped, 'pilot/command', qos.COMMAND)
    assert asker.prevented_by == ''
    asker.create_publisher(TwistStamped, 'pilot/command', qos.COMMAND)
    assert asker.prevented_by.startswith('pilot/command has a second publisher')
    asker._guard.note = 'guard stopped'
    assert asker.prevented_by == 'guard stopped'


@pytest.mark.parametrize(
    ('prevented', 'outcome'), [('', 'timeout'), ('guard stopped by a human', 'aborted')]
)
def test_a_mission_whose_time_is_up_while_its_pilot_could_not_fly_is_aborted(prevented, outcome):
    node = SimpleNamespace(
        guard_status=('engaged', ''),
        conflict='',
        prevented_by=prevented,
        guard_note='',
        problems='',
        publish_marker=lambda *_: 0,
    )
    run = SimpleNamespace(
        _node=node,
        _frames=[],
        _camera_frames=[],
        _period_ns=1,
        _ticks=0,
        _progress=SimpleNamespace(flying=lambda *_: None),
        _notes=SimpleNamespace(on_packet=lambda packet: None),
    )
    mission = Mission(1, None, MissionRules(time_limit_s=1.0))
    state = VehicleState(0, (0.0, 0.0, 1.0), (1.0, 0.0, 0.0, 0.0), (0.0,) * 3, (0.0,) * 3)
    for stamp_ns in (1, 1_500_000_000):
        packet = SensorPacket(stamp_ns, None, (), state, 9.0, None)
        ended = MissionRun._on_packet(run, mission, packet)
    assert (ended, mission.result.outcome) == (outcome, outcome)
    assert prevented in mission.result.reason
