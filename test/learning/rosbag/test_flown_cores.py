"""Traces and images of a recording become flights that can be explained."""

import numpy as np
import pytest
from bag_makers import START_NS, BagWriter, header
from small_pilots import pilot, rover_pilot, walk  # noqa: F401
from trace_bags import TICKS, fly, recorded, write_trace  # noqa: F401

from liquid_pilot.explanation.ablation import replay
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.rosbag.flown_cores import RecordedFlights
from liquid_pilot.onboard.inference.recurrent_cores import make_core


def test_a_recording_gives_the_flights_that_were_flown(pilot, recorded):  # noqa: F811
    bag, flights = recorded
    read = RecordedFlights(bag)
    assert read.digest == pilot.digest
    records, counts = read.records(pilot), []
    assert [record.name for record in records] == ['flight 1', 'flight 2']
    span_s = (0.1, 0.25)
    assert read.add_pictures(pilot, records, 1, span_s, lambda *done: counts.append(done)) == 4
    assert counts[-1] == (4, 4)
    assert records[0].pictures == [None] * TICKS
    seen, _ = flights[1]
    for tick, picture in enumerate(records[1].pictures):
        assert (picture is not None) == (2 <= tick <= 5)
        assert picture is None or np.abs(picture - seen[tick]).max() < 1e-3
    for record, (_, traces) in zip(records, flights, strict=True):
        assert record.time_s == pytest.approx(0.05 * np.arange(TICKS))
        assert (record.after == np.array([trace.state for trace in traces])).all()
        assert not record.before[0].any() and (record.before[1:] == record.after[:-1]).all()
        assert all(tick.log_cm is None for tick in record.ticks)
        commands = replay(pilot, make_core(pilot), [record])
        assert commands == pytest.approx(record.commands, abs=1e-5)


def test_a_gap_in_the_traces_begins_another_flight(pilot, walk, tmp_path):  # noqa: F811
    """The state before the first tick after a gap is not known: that tick is left out."""
    images, _, traces = fly(pilot, walk, START_NS, 16)
    writer = BagWriter(tmp_path / 'gap.mcap')
    for trace in [*traces[:7], *traces[9:]]:
        write_trace(writer, trace, '/drone1/pilot/trace')
    writer.close()
    first, second = RecordedFlights(tmp_path / 'gap.mcap').records(pilot)
    assert (len(first.ticks), len(second.ticks)) == (7, 6)
    assert (second.before[0] == traces[9].state).all()
    assert first.pictures == [None] * 7
    assert len(images) == 16


def test_what_cannot_be_explained_is_refused(pilot, rover_pilot, recorded, tmp_path):  # noqa: F811
    with pytest.raises(LiquidPilotError, match=r'was recorded with the pilot .*--pilot'):
        RecordedFlights(recorded[0]).records(rover_pilot)
    writer = BagWriter(tmp_path / 'without.mcap')
    writer.add('/imu/data', 'sensor_msgs/msg/Imu', START_NS, header=header(START_NS))
    writer.close()
    with pytest.raises(LiquidPilotError, match=r'no topic pilot/trace.*/imu/data.*--record'):
        RecordedFlights(tmp_path / 'without.mcap')
