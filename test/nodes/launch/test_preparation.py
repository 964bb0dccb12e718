"""What happens before the first node: the loopback, the claim of the domain, the kernels."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys

import pytest
import ros_domain

from liquid_pilot.cli import main
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common.process import loopback
from liquid_pilot.nodes.common.process import ros_domain as domains
from liquid_pilot.nodes.launch import flight_graph, preparation, run_claim
from liquid_pilot.nodes.launch.flight_options import FlyOptions

HOLD = """
import sys
from liquid_pilot.nodes.launch import flight_graph, run_claim
from liquid_pilot.nodes.launch.flight_options import FlyOptions
options = FlyOptions(out='/run', simulator=sys.argv[2], namespace=sys.argv[3])
with run_claim.claimed(flight_graph.nodes(options), {'ROS_DOMAIN_ID': sys.argv[1]}):
    print('held', flush=True)
    sys.stdin.read()
"""


def specs(**options):
    return flight_graph.nodes(FlyOptions(out='/run', **options))


@pytest.fixture
def hold():
    """Function (domain, simulator, namespace): another process that has claimed them."""
    started = []

    def start(domain, simulator='mujoco', namespace=''):
        process = subprocess.Popen(
            [sys.executable, '-c', HOLD, domain, simulator, namespace],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == 'held\n'
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


RESERVED = []


@pytest.fixture(scope='module', autouse=True)
def _domains():
    """Two domains in which nothing else runs."""
    RESERVED[:] = [ros_domain.reserve(), ros_domain.reserve()]
    yield
    for number in RESERVED:
        ros_domain.release(number)


def domain(index=0):
    return str(RESERVED[index])


def test_a_second_run_of_a_domain_is_refused_in_one_line(hold):
    here = {'ROS_DOMAIN_ID': domain()}
    first = hold(domain())
    with pytest.raises(LiquidPilotError) as refused, run_claim.claimed(specs(), here):
        pytest.fail('both run')
    text = str(refused.value)
    assert f'ROS domain {domain()} (process {first.pid})' in text and '\n' not in text
    with run_claim.claimed(specs(), {'ROS_DOMAIN_ID': domain(1)}):
        pass
    # However the first ends, the domain is free again.
    first.send_signal(signal.SIGKILL)
    first.wait()
    with run_claim.claimed(specs(), here):
        pass


def test_only_what_is_shared_is_claimed(hold):
    here = {'ROS_DOMAIN_ID': domain()}
    hold(domain(), 'none', 'one')
    with run_claim.claimed(specs(simulator='none', namespace='two'), here):
        pass
    with (
        pytest.raises(LiquidPilotError),
        run_claim.claimed(specs(simulator='none', namespace='one'), here),
    ):
        pytest.fail('two guards of one name')
    hold(domain(), 'mujoco', 'three')
    # Two simulators share /clock, in whatever namespaces they are.
    with (
        pytest.raises(LiquidPilotError, match='set the option clock_topic of both to clock'),
        run_claim.claimed(specs(namespace='four'), here),
    ):
        pytest.fail('two clocks')
    # Unless this one has a clock of its own.
    with run_claim.claimed(specs(namespace='four', clock_topic='clock'), here):
        pass


def test_one_process_may_load_its_graph_again():
    here = {'ROS_DOMAIN_ID': domain()}
    with run_claim.claimed(specs(), here), run_claim.claimed(specs(), here):
        pass


def test_after_many_refusals_it_may_still(hold):
    here = {'ROS_DOMAIN_ID': domain()}
    first = hold(domain())
    with run_claim.claimed(specs(), {'ROS_DOMAIN_ID': domain(1)}):
        for _ in range(20):
            with run_claim.claimed(specs(), {'ROS_DOMAIN_ID': domain(1)}):
                pass
    for _ in range(20):
        with pytest.raises(LiquidPilotError), run_claim.claimed(specs(), here):
            pytest.fail('both run')
    assert first.poll() is None


def test_a_long_namespace_is_claimed_like_a_short_one(hold):
    here = {'ROS_DOMAIN_ID': domain()}
    with run_claim.claimed(specs(simulator='none', namespace=150 * 'a'), here):
        pass
    hold(domain(), 'none', 150 * 'a')
    with (
        pytest.raises(LiquidPilotError),
        run_claim.claimed(specs(simulator='none', namespace=150 * 'a'), here),
    ):
        pytest.fail('two guards of one name')
    with run_claim.claimed(specs(simulator='none', namespace=150 * 'a' + 'b'), here):
        pass


def test_where_local_sockets_are_forbidden_it_flies_all_the_same(monkeypatch):
    def forbidden(self, address):
        raise PermissionError(1, 'Operation not permitted')

    monkeypatch.setattr(
        run_claim.socket, 'socket', type('Forbidden', (socket.socket,), {'bind': forbidden})
    )
    with run_claim.claimed(specs(), {'ROS_DOMAIN_ID': domain()}):
        pass


@pytest.mark.parametrize(
    ('text', 'number'),
    [(None, 0), ('', 0), ('0', 0), ('5', 5), ('05', 5), (' 5', 5), ('0x1F', 31), ('010', 8)],
)
def test_a_domain_is_read_as_ros_reads_it(text, number):
    assert domains.domain_of({} if text is None else {'ROS_DOMAIN_ID': text}) == number


def test_without_a_loopback_interface_nothing_is_started(monkeypatch, tmp_path, capsys):
    assert loopback.is_up()

    def unreachable(self, address):
        raise OSError(101, 'Network is unreachable')

    monkeypatch.setattr(
        loopback.socket, 'socket', type('Down', (socket.socket,), {'connect': unreachable})
    )
    assert main.main(['fly', '--missions', '1', '--headless', '--out', str(tmp_path / 'run')]) == 1
    error = capsys.readouterr().err
    assert error.count('\n') == 1 and 'sudo ip link set lo up' in error


def test_kernels_are_compiled_for_a_pilot_only(monkeypatch):
    compiled = []
    monkeypatch.setattr(preparation, 'compile_kernels', lambda print_line: compiled.append(1))
    here = {'ROS_DOMAIN_ID': domain()}
    with preparation.prepared(specs(demonstrate=True), here, pytest.fail):
        assert compiled == []
    with preparation.prepared(specs(), here, pytest.fail):
        assert compiled == [1]


def compile_lines(monkeypatch, compiled, result=True, cache='/cache'):
    monkeypatch.setattr(preparation.kernels, 'are_compiled', lambda: compiled)
    monkeypatch.setattr(preparation, 'cache_folder', lambda: cache)

    def compile_all(on_progress):
        on_progress(1, 2)
        on_progress(2, 2)
        return result

    monkeypatch.setattr(preparation.kernels, 'compile_all', compile_all)
    lines = []
    preparation.compile_kernels(lines.append)
    return lines


def test_a_compilation_is_announced_and_a_warm_start_says_nothing(monkeypatch, capsys):
    assert compile_lines(monkeypatch, compiled=True) == []
    before, after = compile_lines(monkeypatch, compiled=False)
    assert 'once' in before and after == 'compiled in 0 s'
    # The bar is for a terminal.
    assert capsys.readouterr().err == ''


def test_where_nothing_can_be_compiled_in_advance_it_says_so(monkeypatch):
    (line,) = compile_lines(monkeypatch, compiled=False, cache=None)
    assert 'NUMBA_CACHE_DIR' in line
    *_, line = compile_lines(monkeypatch, compiled=False, result=False)
    assert 'the pilot does it' in line
