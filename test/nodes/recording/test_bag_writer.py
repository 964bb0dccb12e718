"""A recording in files of bounded size: what rosbag2 sees, what a power cut leaves, memory."""

import errno
import os
import shutil
import time
import tracemalloc

import numpy as np
import pytest
import yaml
from power_cut import PowerCut
from rosbags.rosbag2 import Reader

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.rosbag.reader import Bag
from liquid_pilot.nodes.recording.bag_metadata import OfferedQos
from liquid_pilot.nodes.recording.bag_writer import BagWriter

STRING = ('std_msgs/msg/String', 'string data\n')
HEADER = (
    'std_msgs/msg/Header',
    'builtin_interfaces/Time stamp\nstring frame_id\n'
    + '=' * 80
    + '\nMSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n',
)
OFFER = OfferedQos(True, False, 1)


def numbered(number):
    """Return a message that does not get smaller by compression."""
    return number.to_bytes(4, 'little') + np.random.default_rng(number).bytes(4000)


def numbers(bag, topic='/a'):
    return [int.from_bytes(message.data[:4], 'little') for message in bag.messages([topic])]


@pytest.fixture
def power_cut(monkeypatch):
    """The watch over the flushes of this test."""
    cut = PowerCut(monkeypatch)
    yield cut
    cut.close()


def test_files_of_bounded_size_are_one_bag(tmp_path):
    folder = tmp_path / 'bag'
    writer = BagWriter(folder, 1 << 14, max_file_size=1 << 18)
    first = writer.open_channel('/a', *STRING, OFFER)
    second = writer.open_channel('/b', *HEADER, OFFER)
    for number in range(300):
        writer.add(first, 1000 + number, numbered(number))
        if number == 100:
            # It is not described in the files before.
            late = writer.open_channel('/late', *STRING, OFFER)
        if number > 100:
            writer.add(late, 1000 + number, numbered(number))
        writer.add(second, 1000 + number, b'\0\1\0\0' + bytes(12))
    writer.close()
    content = yaml.safe_load((folder / 'metadata.yaml').read_text())['rosbag2_bagfile_information']
    names = [f'bag_{number}.mcap' for number in range(len(content['files']))]
    assert len(names) > 5 and content['relative_file_paths'] == names
    assert [entry['path'] for entry in content['files']] == names
    assert sorted(file.name for file in folder.glob('*.mcap')) == sorted(names)
    # A chunk and the index come on top.
    assert max((folder / name).stat().st_size for name in names) < (1 << 18) + (1 << 15)
    assert sum(entry['message_count'] for entry in content['files']) == 799
    assert content['message_count'] == 799
    ends = [
        entry['starting_time']['nanoseconds_since_epoch'] + entry['duration']['nanoseconds']
        for entry in content['files']
    ]
    assert ends == sorted(ends) and ends[-1] == 1299
    bag = Bag(folder)
    assert numbers(bag) == list(range(300)) and not bag.unclosed
    assert numbers(bag, '/late') == list(range(101, 300))
    with Reader(folder) as reader:
        assert reader.message_count == sum(1 for _ in reader.messages()) == 799
        assert {entry.topic: entry.msgcount for entry in reader.connections} == {
            '/a': 300,
            '/b': 300,
            '/late': 199,
        }
    # Each file is a bag of its own too.
    assert (
        numbers(Bag(folder / names[-1]))
        == list(range(300))[-len(numbers(Bag(folder / names[-1]))) :]
    )
    assert '&' not in (folder / 'metadata.yaml').read_text()


def test_a_power_cut_leaves_all_that_was_flushed(tmp_path, power_cut):
    writer = BagWriter(tmp_path / 'bag', 1 << 14, max_file_size=1 << 18, sync_period_s=0.001)
    channel = writer.open_channel('/a', *STRING, OFFER)
    for number in range(150):
        writer.add(channel, number, numbered(number))
    before = writer.path.name
    time.sleep(0.002)
    writer.flush()
    until = time.monotonic() + 10.0
    name = 'left'
    while True:
        # The thread does it when the disk has time.
        left = power_cut.left(tmp_path / 'bag', tmp_path / name)
        if (left / before).exists() and numbers(Bag(left))[-1:] == [149]:
            break
        assert time.monotonic() < until
        time.sleep(0.05)
        name += 'x'
    # These do not reach the disk, but the file has grown already.
    for number in range(150, 170):
        writer.add(channel, number, numbered(number))
    assert writer.path.name == before
    bag = Bag(power_cut.left(tmp_path / 'bag', tmp_path / 'cut'))
    assert (tmp_path / 'cut' / before).read_bytes().endswith(b'\0' * 10_000)
    assert numbers(bag) == list(range(150)) and bag.unclosed
    writer.close()
    bag = Bag(power_cut.left(tmp_path / 'bag', tmp_path / 'closed'))
    assert numbers(bag) == list(range(170)) and not bag.unclosed


def test_without_a_period_complete_files_are_flushed(tmp_path, power_cut):
    writer = BagWriter(tmp_path / 'bag', 1 << 14, max_file_size=1 << 18, sync_period_s=0.0)
    channel = writer.open_channel('/a', *STRING, OFFER)
    writer.add(channel, 0, numbered(0))
    writer.flush()
    writer.close()
    bag = Bag(power_cut.left(tmp_path / 'bag', tmp_path / 'closed'))
    assert numbers(bag) == [0] and not bag.unclosed


def test_a_disk_that_fails_later_ends_the_recording(tmp_path, monkeypatch):
    writer = BagWriter(tmp_path / 'bag', 1 << 14, sync_period_s=0.001)
    channel = writer.open_channel('/a', *STRING, OFFER)

    def broken(number):
        raise OSError(errno.EIO, 'the disk is broken')

    monkeypatch.setattr(os, 'fsync', broken)
    until = time.monotonic() + 10.0
    with pytest.raises(LiquidPilotError, match=r'recording ended: the disk is broken; what was'):
        while time.monotonic() < until:
            writer.add(channel, 0, numbered(0))
            time.sleep(0.005)
            writer.flush()
    writer.close()
    assert set(numbers(Bag(tmp_path / 'bag'))) == {0}


def test_the_memory_does_not_grow_with_the_recording(tmp_path):
    def kept(folder, max_file_size):
        """Return how many bytes more there are after 500 chunks than after 100."""
        writer = BagWriter(folder, 1024, max_file_size)
        channels = [writer.open_channel(f'/t{number}', *STRING, OFFER) for number in range(5)]
        sizes = []
        for count in (100, 400):
            for _ in range(count):
                for channel in channels:
                    writer.add(channel, 0, bytes(240))
            sizes.append(tracemalloc.get_traced_memory()[0])
        writer.close()
        return sizes[1] - sizes[0]

    tracemalloc.start()
    try:
        # The index of one file grows all the time.
        assert kept(tmp_path / 'one', 1 << 30) > 150_000
        assert kept(tmp_path / 'many', 1 << 14) < 60_000
    finally:
        tracemalloc.stop()


def damaged(folder, to, name, change):
    """Return a copy of a bag, one file of which a function of its content has changed."""
    shutil.copytree(folder, to)
    (to / name).write_bytes(change((to / name).read_bytes()))
    return to


def test_zeros_in_the_last_file_lose_none_of_the_others(tmp_path):
    folder = tmp_path / 'bag'
    writer = BagWriter(folder, 1 << 14, max_file_size=1 << 18)
    channel = writer.open_channel('/a', *STRING, OFFER)
    for number in range(150):
        writer.add(channel, number, numbered(number))
    writer.close()
    last = sorted(folder.glob('*.mcap'))[-1].name
    whole = list(range(150))
    others = whole[: -len(numbers(Bag(folder / last)))]
    assert 100 < len(others) < 150
    for number, (change, left) in enumerate(
        [
            # Nothing of it had reached the disk, only its first bytes, half of it.
            (lambda data: b'', len(others)),
            (lambda data: bytes(len(data)), len(others)),
            (lambda data: data[:8].ljust(len(data), b'\0'), len(others)),
            (lambda data: data[:40_000].ljust(len(data), b'\0'), len(others) + 8),
        ]
    ):
        bag = Bag(damaged(folder, tmp_path / f'{number}', last, change))
        assert numbers(bag)[:left] == whole[:left] and bag.unclosed
    # The same of what describes it.
    for name, size in (('zeros', 0), ('half', 300)):
        damaged(
            folder,
            tmp_path / name,
            'metadata.yaml',
            lambda data, n=size: data[:n].ljust(900, b'\0'),
        )
        bag = Bag(tmp_path / name)
        assert numbers(bag) == whole and not bag.unclosed
    # What is no recording is refused as before.
    with pytest.raises(LiquidPilotError, match='cannot be read as a bag'):
        numbers(Bag(damaged(folder, tmp_path / 'text', last, lambda data: b'no recording' * 99)))
