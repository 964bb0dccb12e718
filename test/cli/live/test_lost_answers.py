"""What `stop` and `engage` do when DDS loses an answer: nothing here uses ROS."""

import itertools
import time
from concurrent.futures import Future
from types import SimpleNamespace

import pytest

from liquid_pilot.cli.live import engage, stop
from liquid_pilot.cli.live.robots import RobotReports
from liquid_pilot.nodes.common.messages import NodeStatus


class Client:
    """The client of a service that answers the n-th request and loses the others."""

    srv_type = SimpleNamespace(Request=lambda **fields: fields)

    def __init__(self, answers_to=1, success=True, message='done', ready_after_s=0.0, on_call=None):
        self.calls, self._answers_to = [], answers_to
        self._answer = SimpleNamespace(success=success, message=message)
        self._ready_s = time.monotonic() + ready_after_s
        self._on_call = on_call

    def service_is_ready(self):
        return time.monotonic() >= self._ready_s

    is_known = service_is_ready

    def call_by_all(self, request):
        return [self.call_async(request)]

    def call_async(self, request):
        self.calls.append((time.monotonic(), request))
        future = Future()
        if self._on_call is not None:
            self._on_call()
        if len(self.calls) == self._answers_to:
            future.set_result(self._answer)
        return future


class Graph:
    """A connection to guards whose services are `clients`, by namespace."""

    def __init__(self, **clients):
        self.clients, self.reports, self.asked = clients, RobotReports(), []

    def guards(self):
        return sorted(self.clients)

    def client(self, namespace, service):
        self.asked.append((namespace, service))
        return self.clients[namespace]

    def listen(self):
        pass

    def spin(self, condition, until_s, eager=False):
        while not condition():
            if time.monotonic() >= until_s:
                return False
            time.sleep(0.01)
        return True

    def report(self, state, namespace='drone1'):
        values = {'state': state, 'instance': 'x'}
        status = NodeStatus('guard', 0, state, values, f'/{namespace}/guard')
        self.reports.record([status], time.monotonic())


def stopped(graph, namespace=None, disengage=False, timeout_s=2.0):
    return stop._Stop(graph, namespace, disengage, timeout_s).run()


def test_a_stop_whose_answer_is_lost_is_asked_for_again(capsys):
    client = Client(answers_to=3, message='stopped')
    assert stopped(Graph(drone1=client), 'drone1') == 0
    assert len(client.calls) == 3
    times = [at for at, _ in client.calls]
    assert all(later - at < 1.0 for at, later in itertools.pairwise(times))
    assert capsys.readouterr().out == '/drone1/guard: stopped\n'


def test_the_answer_to_any_request_will_do():
    """The first may come late, when others have been sent."""
    client = Client(answers_to=99)
    futures = []
    client.call_async = lambda request: futures.append(Future()) or futures[-1]

    def spin(condition, until_s, eager):
        while not condition() and len(futures) < 4:
            time.sleep(0.01)
        futures[0].set_result(SimpleNamespace(success=True, message='stopped'))
        return condition()

    graph = Graph(drone1=client)
    graph.spin = spin
    assert stopped(graph, 'drone1') == 0


def test_without_a_namespace_all_guards_are_stopped_and_the_slow_one_is_waited_for(capsys):
    clients = {
        'drone1': Client(),
        'drone2': Client(answers_to=2, success=False, message='nothing to stop: a human'),
        'drone3': Client(ready_after_s=0.6),
    }
    assert stopped(Graph(**clients)) == 1
    assert [len(client.calls) for client in clients.values()] == [1, 2, 1]
    captured = capsys.readouterr()
    assert captured.out == '/drone1/guard: done\n/drone3/guard: done\n'
    assert 'stop: error: /drone2/guard: nothing to stop: a human' in captured.err


def test_a_guard_that_hangs_does_not_keep_the_others_from_stopping(capsys):
    clients = {'drone1': Client(answers_to=99), 'drone2': Client()}
    assert stopped(Graph(**clients), timeout_s=1.2) == 3
    captured = capsys.readouterr()
    assert '/drone2/guard: done' in captured.out
    assert '/drone1/guard does not answer' in captured.err and 'remote control' in captured.err


def test_disengaging_uses_the_other_service():
    graph = Graph(drone1=Client())
    assert stopped(graph, 'drone1', disengage=True) == 0
    assert set(graph.asked) == {('drone1', 'guard/engage')}
    assert graph.clients['drone1'].calls[0][1] == {}, 'data is false by default'
    graph = Graph(drone1=Client())
    assert stopped(graph, 'drone1') == 0
    assert set(graph.asked) == {('drone1', 'guard/stop')}


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(engage, '_ANSWER_TIMEOUT_S', 0.4)


def engaged(graph):
    return engage._engage(graph, 'drone1')


def test_engaging_waits_until_the_guard_is_heard(quick, capsys):
    """Its answer would be lost before."""
    graph = Graph(drone1=Client(message='engaged'))
    graph.report('disengaged')
    assert engaged(graph) == 0
    assert capsys.readouterr().out == '/drone1/guard: engaged\n'
    assert graph.clients['drone1'].calls[0][1] == {'data': True}


def test_an_engagement_whose_answer_is_lost_is_seen_in_the_reports(quick, capsys):
    graph = Graph()
    graph.clients['drone1'] = Client(answers_to=99, on_call=lambda: graph.report('engaged'))
    graph.report('disengaged')
    assert engaged(graph) == 0
    assert 'its answer was lost' in capsys.readouterr().out


def test_engaging_is_asked_for_once_so_that_a_stop_in_between_stays(quick, capsys):
    graph = Graph()
    graph.clients['drone1'] = Client(answers_to=99, on_call=lambda: graph.report('stopped'))
    graph.report('disengaged')
    assert engaged(graph) == 3
    assert len(graph.clients['drone1'].calls) == 1
    assert 'reports stopped; it is not engaged' in capsys.readouterr().err


def test_a_guard_that_says_nothing_hangs(quick, capsys):
    graph = Graph(drone1=Client(answers_to=99))
    assert engaged(graph) == 3
    assert '/drone1/guard does not answer' in capsys.readouterr().err


def test_reasons_of_a_refusal_are_one_a_line():
    text = engage.refusal('/guard', 'not engaged: camera: no frames/s; start it | imu: 3 samples/s')
    assert text.splitlines() == [
        '/guard is not engaged:',
        '  - camera: no frames/s; start it',
        '  - imu: 3 samples/s',
    ]


@pytest.mark.parametrize(
    ('guards', 'wanted', 'found'),
    [
        ([''], None, ''),
        (['drone1'], None, 'drone1'),
        (['', 'drone1'], None, ''),
        (['drone1', 'drone2'], None, None),
        (['drone1', 'drone2'], 'drone2', 'drone2'),
        (['drone1'], '', None),
        ([], None, None),
    ],
)
def test_which_guard_is_meant(guards, wanted, found):
    graph = Graph()
    graph.clients = {name: Client() for name in guards}
    assert engage._find(graph, wanted, time.monotonic() + 0.2) == found
