"""The habits of this suite: ROS domains of its own, real time alone, and nothing left behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import free_ports
import leftovers
import machine
import pytest
import ros_domain

ROOT = Path(__file__).resolve().parents[1]
SUPPORT = ROOT / 'test' / 'support' / 'ros'


def test_a_domain_is_reserved_until_the_process_ends():
    program = 'import ros_domain; print(ros_domain.reserve(), flush=True); input()'
    others = [
        subprocess.Popen(
            [sys.executable, '-c', program],
            env={**os.environ, 'PYTHONPATH': str(SUPPORT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    domains = [int(other.stdout.readline()) for other in others]
    own = int(os.environ['ROS_DOMAIN_ID'])
    assert len({own, *domains}) == 4
    assert set(domains) <= set(ros_domain.DOMAINS)
    for other in others:
        other.kill()
        other.communicate()
    # What the killed ones had is free.
    reserved = [ros_domain.reserve() for _ in ros_domain.DOMAINS[:30]]
    for domain in reserved:
        ros_domain.release(domain)
    assert len(set(reserved)) == 30 and own not in reserved


def test_a_domain_can_be_reserved_again_and_again():
    for _ in range(2 * len(ros_domain.DOMAINS)):
        ros_domain.release(ros_domain.reserve())
    assert int(os.environ['ROS_DOMAIN_ID']) in ros_domain.reserved()


@pytest.mark.parametrize('address', ['127.0.0.1', '0.0.0.0'])
def test_a_domain_that_somebody_uses_without_a_reservation_is_passed_over(monkeypatch, address):
    used = ros_domain.reserve()
    ros_domain.release(used)
    monkeypatch.setattr(ros_domain, 'DOMAINS', [used])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as node:
        node.bind((address, ros_domain.discovery_port(used, 3)))
        with pytest.raises(RuntimeError, match='in use'):
            ros_domain.reserve()
    assert ros_domain.reserve() == used
    ros_domain.release(used)


def test_a_node_of_this_process_is_seen_at_the_ports_of_its_domain():
    """This is how Fast DDS numbers its ports; another number would find nobody."""
    rclpy = pytest.importorskip('rclpy')
    context, domain = rclpy.Context(), ros_domain.reserve()
    assert not ros_domain.is_in_use(domain)
    rclpy.init(context=context, domain_id=domain)
    node = rclpy.create_node('seen', context=context)
    try:
        assert ros_domain.is_in_use(domain)
    finally:
        node.destroy_node()
        rclpy.shutdown(context=context)
        ros_domain.release(domain)


def test_all_domains_in_use_is_one_line(monkeypatch):
    monkeypatch.setattr(ros_domain, 'DOMAINS', [int(os.environ['ROS_DOMAIN_ID'])])
    with pytest.raises(RuntimeError, match='end other test runs first'):
        ros_domain.reserve()


def test_ports_are_given_once_and_lie_beside_those_that_others_take():
    given = [free_ports.free_port() for _ in range(50)]
    assert len(set(given)) == 50
    lowest = int(Path('/proc/sys/net/ipv4/ip_local_port_range').read_text().split()[0])
    assert max(free_ports.PORTS) < lowest
    of_dds = {
        ros_domain.discovery_port(domain, participant)
        for domain in range(233)
        for participant in range(ros_domain.PARTICIPANTS)
    }
    assert not of_dds & set(free_ports.PORTS)


def test_a_port_in_use_is_passed_over(monkeypatch):
    taken = free_ports.free_port()
    monkeypatch.setattr(free_ports, 'PORTS', [taken])
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as user:
            user.bind(('127.0.0.1', taken))
            with pytest.raises(RuntimeError, match='no port is free'):
                free_ports.free_port()
    assert free_ports.free_port() == taken


@pytest.mark.slow
def test_what_a_process_left_behind_is_found_and_ended(tmp_path):
    ready = tmp_path / 'ready'
    program = f"""
        import os, signal, sys, time
        if os.fork():
            os._exit(0)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.setsid()
        open({str(ready)!r}, 'w').close()
        time.sleep(600)
    """
    mark = f'{os.environ[leftovers.MARK]}/of one test'
    environment = {**os.environ, leftovers.MARK: mark}
    subprocess.run(
        [sys.executable, '-c', textwrap.dedent(program)], env=environment, check=True, timeout=60
    )
    while not ready.exists():
        time.sleep(0.01)
    assert len(found := leftovers.find(mark)) == 1
    # It ignores Ctrl-C, so it has to be killed.
    started_s = time.monotonic()
    assert [line.partition(':')[0] for line in leftovers.end(mark, 0.1)] == [str(found[0])]
    assert leftovers.find(mark) == []
    assert time.monotonic() - started_s > leftovers.PATIENCE_S


SAMPLE = """
    import pytest


    def test_fast():
        pass


    @pytest.mark.slow
    def test_slow():
        pass


    @pytest.mark.realtime
    def test_late():
        assert False, 'it came too late'
"""


@pytest.mark.parametrize(
    ('share', 'stall_s', 'outcome', 'words'),
    [
        (1.0, 0.0, 'failed', 'it came too late'),
        (0.3, 0.0, 'skipped', 'it gave 30 % of two cores'),
        (0.6, 0.0, 'skipped', 'it gave 60 % of two cores; the test said: it came too late'),
        (1.0, 0.4, 'skipped', 'it woke a thread 0.40 s late; the test said: it came too late'),
    ],
)
def test_a_failure_in_real_time_counts_on_a_machine_that_is_fit_for_it(
    pytester, monkeypatch, share, stall_s, outcome, words
):
    pytester.makepyfile(textwrap.dedent(SAMPLE))
    pytester.makeconftest(
        f"""
        import machine
        import realtime

        machine.cpu_share = lambda *_: {share}
        machine.Heartbeat.end = lambda self: {stall_s}


        def pytest_configure(config):
            config.addinivalue_line('markers', 'slow: slow')
            config.addinivalue_line('markers', 'realtime: alone')
            config.pluginmanager.register(realtime.Plugin('sample'), 'realtime')
        """
    )
    monkeypatch.setenv('PYTHONPATH', str(SUPPORT))
    result = pytester.runpytest_subprocess('-rs', '-p', 'no:cacheprovider')
    result.assert_outcomes(passed=2, **{outcome: 1})
    assert words in result.stdout.str()


def test_the_work_of_the_nodes_of_a_test_is_no_excuse_for_it(monkeypatch):
    readings = iter([{7: 1.0, 8: 5.0}, {7: 3.0, 9: 100.0}])
    monkeypatch.setattr(leftovers, 'cpu_times', lambda: next(readings))
    # 2 s of process 7 within a moment; 8 has ended, and 9 may have begun before.
    assert machine.cpu_share(0.01) == 1.0


def test_the_cpu_time_of_what_a_test_has_started_is_found():
    program = 'import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True); input()'
    process = subprocess.Popen(
        [sys.executable, '-c', program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        process.stdout.readline()
        assert leftovers.cpu_times()[process.pid] >= 0.2
    finally:
        process.communicate(b'\n')


def test_two_runs_of_one_number_have_different_marks(monkeypatch):
    marks = set()
    for _ in range(2):
        monkeypatch.delenv(leftovers.MARK)
        marks.add(first := leftovers.mark())
        # What a run starts continues its mark, as a worker does.
        assert leftovers.mark() == f'{first}/{os.getpid()}'
    assert len(marks) == 2


def test_the_machine_is_measured():
    now = machine.measure()
    assert 0.0 < now.share <= 1.05
    assert now.stall_s >= 0.0
    assert machine.Machine(1.0, 0.0).complaint == ''
    heartbeat = machine.Heartbeat()
    time.sleep(0.05)
    assert 0.0 <= heartbeat.end() < 60.0


@pytest.mark.slow
@pytest.mark.parametrize('workers', [0, 2])
def test_an_interruption_ends_every_node_and_prints_the_summary(tmp_path, workers):
    log = (tmp_path / 'log').open('w+')
    said = (tmp_path / 'log').read_text
    process = subprocess.Popen(
        [
            *(sys.executable, '-m', 'pytest', '-p', 'no:cacheprovider', f'-n{workers}'),
            *('--dist', 'loadfile', '--basetemp', tmp_path / 'files'),
            *('test/nodes/test_pilot_adapting.py', 'test/nodes/test_adaptation_node.py'),
        ],
        cwd=ROOT,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    mark = f'{os.environ[leftovers.MARK]}/{process.pid}'
    try:
        limit_s = time.monotonic() + 120.0
        while not any('liquid_pilot.nodes' in leftovers.name(pid) for pid in leftovers.find(mark)):
            assert time.monotonic() < limit_s and process.poll() is None, said()
            time.sleep(0.05)
        # As a terminal does: to the whole group.
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == pytest.ExitCode.INTERRUPTED, said()
        limit_s = time.monotonic() + 10.0
        while leftovers.find(mark) and time.monotonic() < limit_s:
            time.sleep(0.05)
        assert [leftovers.name(pid) for pid in leftovers.find(mark)] == []
    finally:
        leftovers.end(mark, 0.0)
    assert 'KeyboardInterrupt' in said()
    assert re.search(r'=+ .*in \d+\.\d+s', said()), said()
