"""What is called written is on the disk: results, reports and pilots survive a power cut."""

import json
import shutil

import pytest
from power_cut import PowerCut

from liquid_pilot import pilot_file
from liquid_pilot.evaluation.metrics import FlightMetrics
from liquid_pilot.evaluation.report import write_report
from liquid_pilot.evaluation.results_store import ResultsStore, RunKey, read_results
from liquid_pilot.simulation.base.mission import MissionResult

PATH = [(0.05 * k, 0.1 * k, 0.0, 1.0) for k in range(10)]


@pytest.fixture
def power_cut(monkeypatch):
    """The watch over the flushes of this test."""
    cut = PowerCut(monkeypatch)
    yield cut
    cut.close()


def test_each_finished_mission_of_an_evaluation(tmp_path, power_cut):
    keys = [RunKey('version', 'pilot', 'clear', 'cmd_vel', seed) for seed in range(3)]
    flight = FlightMetrics('success', 'arrived', 9.0, 11.0, 1.0, 1.2, 0.4, 0.1, 0.1)
    with ResultsStore(tmp_path / 'run') as store:
        for count, key in enumerate(keys, start=1):
            store.add(key, flight)
            left = power_cut.left(tmp_path / 'run', tmp_path / f'left_{count}')
            assert read_results(left) == dict.fromkeys(keys[:count], flight)


def test_the_report_of_a_run(tmp_path, power_cut):
    result = MissionResult(1, 'success', 'arrived', 9.0, 11.0, 1.0, None, PATH)
    files = write_report(tmp_path / 'run', [result], {})
    left = power_cut.left(tmp_path / 'run', tmp_path / 'left')
    assert json.loads((left / 'report.json').read_text())['missions'] == [result.to_json()]
    for file in files:
        assert (left / file.name).read_bytes() == file.read_bytes()


def test_a_pilot_with_what_lay_beside_it(tmp_path, power_cut):
    parent = tmp_path / 'pilots'
    shutil.copytree(pilot_file.resolve('forest-ltc'), parent / 'mine')
    (parent / 'mine' / 'notes.txt').write_text('mine')
    pilot = pilot_file.load(parent / 'mine')
    pilot_file.save(
        parent / 'mine',
        pilot.specification,
        pilot.wiring,
        pilot.parameters,
        pilot.encoder,
        training_statistics=pilot.training_statistics,
    )
    left = power_cut.left(parent, tmp_path / 'left') / 'mine'
    assert pilot_file.load(left).digest == pilot_file.load(parent / 'mine').digest
    assert (left / 'notes.txt').read_text() == 'mine'
