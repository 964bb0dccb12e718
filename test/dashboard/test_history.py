"""The history is bounded in time and memory, and gives what it holds by number."""

import numpy as np
import pytest

from liquid_pilot.dashboard.history import History
from liquid_pilot.dashboard.records import Event, Record, RowLayout, pack, unpack

COLUMNS = 5


def record(number, time_s, size=0):
    row = np.full(COLUMNS, number, np.float32)
    return Record(number, time_s, 0, row, np.empty(0, np.float32), bytes(size), b'')


def filled(count, max_age_s=1e9, max_mb=1e9, size=0):
    history = History(max_age_s, max_mb)
    for number in range(1, count + 1):
        history.add(record(number, 0.1 * number, size), [Event(0.1 * number, 'node', 0, 'x')])
    return history


def test_old_records_fall_out_with_their_events():
    history = filled(1000, max_age_s=2.0)
    assert len(history) == 21
    assert history.get(979) is None and history.get(980).number == 980
    found = history.extract(0, COLUMNS)
    assert found.numbers.tolist() == list(range(980, 1001))
    assert [event.time_s for event in found.events] == pytest.approx(found.times_s)


def test_memory_is_bounded_however_large_the_pictures_are():
    history = filled(1000, max_mb=0.5, size=20_000)
    assert 400_000 < history.bytes <= 500_000
    assert history.bytes == sum(history.get(k).size for k in range(1001 - len(history), 1001))
    # The newest one is there, even alone.
    history.add(record(1001, 200.0, 1_000_000))
    assert len(history) == 1


def test_only_what_is_new_is_extracted():
    history = filled(50)
    assert history.extract(48, COLUMNS).numbers.tolist() == [49, 50]
    assert history.extract(48, COLUMNS).rows[:, 0].tolist() == [49, 50]
    assert history.extract(50, COLUMNS).numbers.size == 0
    assert history.extract(10**9, COLUMNS).rows.shape == (0, COLUMNS)
    assert history.extract(0, COLUMNS, limit=7).numbers.tolist() == list(range(1, 8))


def test_events_before_the_first_record_stay():
    history = History(1e9, 1e9)
    history.add(record(1, 5.0), [Event(1.0, 'guard', 0, 'before')])
    history.clear()
    history.add(record(2, 6.0))
    assert [event.text for event in history.extract(0, COLUMNS).events] == ['before']
    assert history.extract(0, COLUMNS).numbers.tolist() == [2]


def test_thinned_it_keeps_every_second_moment():
    history = filled(9)
    history.thin()
    assert history.extract(0, COLUMNS).numbers.tolist() == [1, 2, 3, 4, 5]
    assert history.extract(0, COLUMNS).rows[:, 0].tolist() == [1, 3, 5, 7, 9]
    assert history.last_number == 5 and history.get(5).time_s == pytest.approx(0.9)


def test_a_message_is_read_as_it_was_packed():
    blocks = {'a': np.arange(3, dtype=np.float32), 'b': b'jpeg!', 'c': np.array([1e-300])}
    header, read = unpack(pack({'x': [1, None, 'é']}, blocks))
    assert header == {'x': [1, None, 'é']}
    assert read['a'].tolist() == [0, 1, 2] and read['b'] == b'jpeg!'
    assert read['c'].tolist() == [1e-300]


def test_numbers_of_another_size_are_missing_and_move_nothing():
    layout = RowLayout(features=3, neurons=2)
    row = layout.make({'state': [1.0, 2.0], 'tau': [1.0], 'features': [], 'wanted': range(4)})
    assert layout.read(row, 'state').tolist() == [1, 2]
    assert layout.read(row, 'wanted').tolist() == [0, 1, 2, 3]
    assert np.isnan(layout.read(row, 'tau')).all() and np.isnan(layout.read(row, 'features')).all()
    assert row.size == layout.size == sum(layout.fields.values())
