"""A run keeps what was flown in a file: its memory stays, and its report is the same."""

import math
import tracemalloc
from contextlib import nullcontext

import numpy as np
import pytest

from liquid_pilot.evaluation.adaptation_log import AdaptationLog, make_sample
from liquid_pilot.evaluation.report import write_report
from liquid_pilot.interfaces import ImageBuffer, Observation, SensorPacket, VehicleState
from liquid_pilot.nodes.common import node_base
from liquid_pilot.nodes.common.trace_messages import GATE_FIELDS, Trace
from liquid_pilot.nodes.missions import mission_run
from liquid_pilot.nodes.missions.flight_log import FlightLog
from liquid_pilot.nodes.missions.mission_node import MissionNode, MissionParameters
from liquid_pilot.nodes.missions.mission_run import MissionRun
from liquid_pilot.simulation.base.mission import MissionResult
from liquid_pilot.simulation.forest.layout import generate_forest

TICKS = 100
PERIOD_NS = 50_000_000


def result(seed, outcome='success', points=40):
    layout = generate_forest(seed)
    target = (*layout.target_enu_m[:2], 1.5)
    path = np.linspace((0.0, *layout.start_enu_m), (9.0, *target), points)
    headings = [0.1 * k for k in range(points)]
    distance_m = 1.0 if points else math.nan
    path = [tuple(row) for row in path.tolist()]
    return MissionResult(seed, outcome, '', 9.0, 11.5, distance_m, layout, path, headings, 2.0)


def adaptation(seed):
    log = AdaptationLog(seed, 'success', duration_s=9.0)
    for k in range(3):
        block = np.full(4, 0.01 * (k + 1))
        log.samples.append(make_sample(0.05 * k, block, block, block, k == 1, 1.0, 0.9))
    return log


def test_a_mission_comes_back_as_it_was(tmp_path):
    kept = FlightLog(tmp_path / 'run')
    missions = [result(1), result(2, 'crash'), result(3, 'aborted', points=0)]
    short = [kept.add(mission, adaptation(mission.seed)) for mission in missions]
    for mission, whole in zip(short, missions, strict=True):
        # NaN is not equal to itself.
        assert repr(kept.restore(mission)) == repr(whole)
    assert [len(mission.path) for mission in short] == [1, 1, 0]
    assert all(mission.layout is None and not mission.headings_rad for mission in short)
    assert [mission.to_json() for mission in short] == [mission.to_json() for mission in missions]
    for log, seed in zip(kept.adaptation(), (1, 2, 3), strict=True):
        assert repr(log) == repr(adaptation(seed))
    # The file has no name, so that nothing is left of it even when the process is killed.
    assert list((tmp_path / 'run').iterdir()) == []


def test_the_report_is_the_same(tmp_path):
    missions = [result(1), result(2, 'crash'), result(3, 'aborted', points=0)]
    kept = FlightLog(tmp_path)
    short = [kept.add(mission, adaptation(mission.seed)) for mission in missions]
    whole = write_report(tmp_path / 'whole', missions, {})
    again = write_report(tmp_path / 'again', short, {}, restore=kept.restore)
    assert [file.name for file in whole] == ['report.json', 'paths.npz', 'paths.png']
    for one, other in zip(whole, again, strict=True):
        if one.suffix == '.npz':
            paths, others = np.load(one), np.load(other)
            assert paths.files == others.files
            assert all(np.array_equal(paths[name], others[name]) for name in paths.files)
        else:
            assert one.read_bytes() == other.read_bytes()


class Run(MissionRun):
    """Missions of 100 ticks, with an image in each packet and a trace of each tick."""

    def _simulator_context(self):
        return nullcontext()

    def _meta(self):
        return {'mode': 'test'}

    def _fly(self, mission):
        for tick in range(TICKS):
            stamp_ns = self._next_ns
            image = ImageBuffer(bytes(64 * 36 * 3), 64, 36, 192, 'rgb8')
            position = (0.01 * tick, 0.0, 1.0 + 0.001 * tick)
            state = VehicleState(stamp_ns, position, (1.0, 0.0, 0.0, 0.0), (0.0,) * 3, (0.0,) * 3)
            last = 0.0 if tick == TICKS - 1 else 9.0
            packet = SensorPacket(stamp_ns, Observation(stamp_ns, image, ()), (), state, last)
            block, gate = np.full(8, 0.01 + tick * 1e-5), np.zeros(len(GATE_FIELDS))
            arrays = (np.zeros(8), np.zeros(6), np.zeros(34), np.full(34, 0.1), np.zeros(4))
            self._node.traces.append(
                Trace('0', 'flight', stamp_ns, tick + 1, 0.05, *arrays, block, block, block, gate)
            )
            if self._on_packet(mission, packet) is not None:
                break


@pytest.fixture
def node(ros, monkeypatch):
    """The node of a run whose graph is complete."""
    monkeypatch.setattr(MissionNode, 'wait_for_graph', lambda self, timeout_s, show: None)
    node = MissionNode('simulator')
    node.adapter = 'cmd_vel'
    node.spinner = node_base.Spinner(node)
    yield node
    node.spinner.close()
    node.destroy_node()


def test_the_memory_of_a_run_does_not_grow_with_its_missions(node, tmp_path, monkeypatch):
    sizes = {}

    class Measured(Run):
        def _fly_mission(self, index, seed):
            sizes[index] = tracemalloc.get_traced_memory()[0]
            return super()._fly_mission(index, seed)

        def _finish(self):
            # The pictures have tests of their own.
            tracemalloc.stop()

    # Its scene takes longer to make than all the rest of a mission.
    monkeypatch.setattr(mission_run, 'layout_of', lambda *arguments: None)
    assert type(node.settings.current) is MissionParameters
    object.__setattr__(node.settings.current, 'missions', 24)
    tracemalloc.start()
    try:
        # Frames of the first twelve missions are in the report.
        run = Measured(node, tmp_path / 'run', 0, PERIOD_NS)
        assert run.run() == 0
    finally:
        tracemalloc.stop()
    per_mission = (sizes[23] - sizes[13]) / 10
    # Each has a path of 100 points and 100 samples of adaptation: more than 50,000 bytes.
    assert per_mission < 5_000, sizes
    assert [log.seed for log in run._log.adaptation()] == list(range(24))
    assert all(len(log.samples) == TICKS for log in run._log.adaptation())
    assert all(len(run._log.restore(mission).path) == TICKS for mission in run._results)
    assert {file.name for file in (tmp_path / 'run').iterdir()} == {'report.json', 'flights'}
    # Of what the page shows, each mission has a file, which is small.
    records = [file.stat().st_size for file in (tmp_path / 'run' / 'flights').iterdir()]
    assert len(records) == 24
    assert max(records) < 100_000
