"""What a run keeps for its page: a file for each mission, and not more than a few."""

from types import SimpleNamespace

import numpy as np
import pytest
from rclpy.serialization import serialize_message
from std_msgs.msg import Float64MultiArray

from liquid_pilot.evaluation.flight_report.flight_record import FOLDER, read_record
from liquid_pilot.interfaces import (
    Command,
    ImageBuffer,
    LiquidPilotError,
    Observation,
    SensorPacket,
    VehicleState,
)
from liquid_pilot.nodes.common.trace_messages import pack_trace
from liquid_pilot.nodes.missions import flight_notes
from liquid_pilot.nodes.missions.flight_notes import FlightNotes
from liquid_pilot.onboard.inference.trace import GATE_FIELDS, Trace
from liquid_pilot.simulation.base.mission import MissionResult

PERIOD_NS = 50_000_000


def packet(tick):
    stamp_ns = (tick + 20) * PERIOD_NS
    image = ImageBuffer(bytes([tick]) * (32 * 18 * 3), 32, 18, 96, 'rgb8')
    state = VehicleState(stamp_ns, (0.0,) * 3, (1.0, 0.0, 0.0, 0.0), (0.0,) * 3, (0.0,) * 3)
    return SensorPacket(stamp_ns, Observation(stamp_ns, image, ()), (), state, 9.0, None)


def trace(tick, flight='this', gate=False):
    stamp_ns = (tick + 20) * PERIOD_NS
    arrays = (np.zeros(8), np.zeros(6), np.zeros(5), np.full(5, 0.1), np.full(4, 0.5))
    block = np.full(4, 0.02)
    adapting = (block, block, block, np.eye(1, len(GATE_FIELDS))[0] * (tick == 4)) if gate else ()
    return Trace('f' * 64, flight, stamp_ns, tick + 1, 0.05, *arrays, *adapting)


def fly(notes, node, seed, outcome='success', adapts=True):
    notes.begin(seed, None)
    traces = []
    for tick in range(8):
        notes.on_packet(packet(tick))
        one = trace(tick, gate=adapts)
        if adapts:
            node.traces.append(one)
            traces.append(one)
        else:
            node.serialised_traces.append(serialize_message(pack_trace(one)))
        notes.on_output(Command((tick + 20) * PERIOD_NS, 0.5, 0.0, 0.0, 0.25))
    node.traces = []
    notes.end(MissionResult(seed, outcome, '', 1.0, 1.0, 1.0), traces)


@pytest.fixture
def node():
    return SimpleNamespace(traces=[], serialised_traces=[], guard_status=('engaged', ''))


@pytest.mark.parametrize('adapts', [True, False])
def test_a_mission_is_kept(node, tmp_path, adapts):
    notes = FlightNotes(node, tmp_path, ())
    node.serialised_traces.append(serialize_message(Float64MultiArray()))
    fly(notes, node, 7, adapts=adapts)
    record = read_record(tmp_path / FOLDER / 'seed_7.npz')
    assert notes.digest == record.digest == 'f' * 64
    assert record.command.tolist() == [[0.5] * 4] * 8
    assert record.output[:, 3].tolist() == [0.25] * 8
    assert [event.state for event in record.events] == ['engaged']
    names = [name for moment in record.moments for name in moment.names]
    assert ('novel' in names) is adapts
    assert {'start', 'end', 'turn'} <= set(names)


def test_a_trace_of_another_flight_or_version_is_left_out(node, tmp_path):
    notes = FlightNotes(node, tmp_path, ())
    notes.begin(1, None)
    for tick in range(3):
        notes.on_packet(packet(tick))
    node.serialised_traces += [
        serialize_message(pack_trace(trace(0, 'the last one'))),
        serialize_message(Float64MultiArray()),
        serialize_message(pack_trace(trace(1))),
    ]
    notes.end(MissionResult(1, 'crash', '', 1.0, 1.0, 1.0), [])
    record = read_record(tmp_path / FOLDER / 'seed_1.npz')
    assert np.isnan(record.command[:, 0]).tolist() == [True, False, True]


def test_a_long_run_keeps_few_missions_and_those_that_failed(node, tmp_path, monkeypatch):
    monkeypatch.setattr(flight_notes, '_MAX_KEPT', 4)
    monkeypatch.setattr(flight_notes, '_MAX_SUCCESSES', 2)
    notes = FlightNotes(node, tmp_path, ())
    for seed, outcome in enumerate(['success'] * 4 + ['crash'] * 4):
        fly(notes, node, seed, outcome)
    kept = sorted(path.name for path in (tmp_path / FOLDER).iterdir())
    assert kept == ['seed_0.npz', 'seed_1.npz', 'seed_4.npz', 'seed_5.npz']


def test_without_a_run_folder_nothing_is_kept(node, tmp_path):
    fly(FlightNotes(node, None, ()), node, 3)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_a_message(node, tmp_path):
    (tmp_path / FOLDER).write_text('in the way')
    with pytest.raises(LiquidPilotError, match='the record of a mission cannot be written'):
        fly(FlightNotes(node, tmp_path, ()), node, 3)
