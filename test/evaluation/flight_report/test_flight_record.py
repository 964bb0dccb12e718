"""The record of a mission: it comes back as it was, and a broken file is refused."""

import numpy as np
import pytest
from made_runs import record

from liquid_pilot.evaluation.flight_report.flight_record import FlightRecord, read_record, to_npz
from liquid_pilot.interfaces import LiquidPilotError


def test_a_record_comes_back(tmp_path):
    kept = record(4, 'a' * 64, key='what was flown')
    path = tmp_path / 'seed_4.npz'
    path.write_bytes(to_npz(kept))
    found = read_record(path)
    assert (found.seed, found.digest, found.source, found.key) == (
        kept.seed,
        kept.digest,
        kept.source,
        kept.key,
    )
    assert found.events == kept.events
    for name in ('time_s', 'command', 'output', 'gate', 'filter_tau_s', 'clearance_m'):
        assert np.array_equal(getattr(found, name), np.float32(getattr(kept, name))), name
    for name in ('state', 'readings', 'tau_s'):
        # Eleven bits are enough for a picture.
        assert np.allclose(getattr(found, name), getattr(kept, name), rtol=1e-3, atol=1e-3), name
    for one, other in zip(found.moments, kept.moments, strict=True):
        assert (one.names, one.rgb.shape) == (other.names, other.rgb.shape)
        assert np.array_equal(one.state, np.float32(other.state))
    assert found.novel.sum() == 4


def test_an_empty_record_comes_back(tmp_path):
    path = tmp_path / 'seed_1.npz'
    path.write_bytes(to_npz(FlightRecord(1)))
    found = read_record(path)
    assert (found.seed, len(found.time_s), found.moments, found.events) == (1, 0, [], [])
    assert not found.novel.any()


@pytest.mark.parametrize('length', [0, 10, 400, -30])
def test_half_a_file_is_refused(tmp_path, length):
    path = tmp_path / 'seed_4.npz'
    path.write_bytes(to_npz(record(4, ''))[:length])
    with pytest.raises(LiquidPilotError, match='is not the record of a mission'):
        read_record(path)


@pytest.mark.parametrize(
    'change',
    [
        {'head': np.frombuffer(b'{}', np.uint8)},
        {'head': np.frombuffer(b'[' * 5000, np.uint8)},
        {'time_s': np.zeros(3)},
        {'command': np.zeros((40, 3))},
        {'picture_0': np.zeros(10, np.uint8)},
        {'state': np.array([object()], object)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_file_with_other_content_is_refused(tmp_path, change):
    path = tmp_path / 'seed_4.npz'
    path.write_bytes(to_npz(record(4, '')))
    content = dict(np.load(path))
    np.savez(path, **(content | change))
    with pytest.raises(LiquidPilotError, match='is not the record of a mission'):
        read_record(path)
