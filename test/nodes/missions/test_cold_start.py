"""With no compiled kernels on the disk a flight compiles first, and no time limit counts it."""

import json
import signal

import pytest
import yaml

pytestmark = pytest.mark.slow


@pytest.fixture
def cold(tmp_path, monkeypatch):
    """A cache of kernels with nothing in it, for the nodes of a test."""
    monkeypatch.setenv('NUMBA_CACHE_DIR', str(tmp_path / 'cache'))
    return tmp_path / 'cache'


def outcomes(folder):
    return [
        each['outcome'] for each in json.loads((folder / 'report.json').read_text())['missions']
    ]


def test_fly_compiles_before_the_first_node(pilot, run_cli, cold, tmp_path):
    file = tmp_path / 'parameters.yaml'
    file.write_text(yaml.safe_dump({'/**/simulator': {'ros__parameters': {'time_limit_s': 1.0}}}))
    arguments = ('fly', '--pilot', pilot.path, '--missions', 1, '--headless', '--params-file', file)
    process = run_cli(*arguments, '--out', tmp_path / 'run')
    _, error = process.communicate(timeout=500)
    assert process.returncode == 0, error
    first, second = error.splitlines()[-2:]
    assert 'compiling the network' in first and second.startswith('compiled in ')
    assert list(cold.rglob('*.nbc'))
    assert outcomes(tmp_path / 'run') == ['timeout']
    # The next one finds them.
    process = run_cli(*arguments, '--out', tmp_path / 'again')
    _, error = process.communicate(timeout=500)
    assert process.returncode == 0 and 'compil' not in error


def test_nobody_blames_a_pilot_that_compiles(pilot, start_node, cold, tmp_path):
    """Nodes that are started one by one, by hand or by a launch file of one's own."""
    start_node('guard', tmp_path / 'guard.log', lockstep=True, preflight=False)
    simulator = start_node(
        'simulator',
        tmp_path / 'simulator.log',
        missions=1,
        time_limit_s=1.0,
        out=str(tmp_path / 'run'),
    )
    compiling = start_node('pilot', tmp_path / 'pilot.log', pilot=str(pilot.path), lockstep=True)
    assert simulator.popen.wait(500) == 0, simulator.output
    assert 'the pilot compiles its network, once for this machine' in simulator.output
    assert outcomes(tmp_path / 'run') == ['timeout']
    assert compiling.end(signal.SIGINT) == 0
