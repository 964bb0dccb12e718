"""Bags in all the forms that recorders leave behind: what the files hold counts."""

import shutil
import sqlite3
import time

import lz4.frame
import pytest
import yaml
import zstandard
from bag_makers import BagWriter, header
from mcap.records import Chunk
from mcap.stream_reader import StreamReader
from mcap.writer import CompressionType, Writer

from liquid_pilot.cli.common import check_bag
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.rosbag.bag_cameras import find_camera
from liquid_pilot.learning.rosbag.reader import Bag
from liquid_pilot.learning.rosbag.storage.messages import Decoder
from liquid_pilot.learning.rosbag.topic_mapping import from_mapping

KIND = 'std_msgs/msg/Header'
_SCHEMA = """
CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT, type TEXT, serialization_format TEXT,
  offered_qos_profiles TEXT);
CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, timestamp INTEGER, data BLOB);
"""
QOS = [{'history': 3, 'depth': 0, 'reliability': 1, 'durability': 2}]


def database(path, first=0, count=10, topic='/a', kind=KIND, journal='DELETE'):
    """Write a database with messages at first, first + 1 and so on, and return its connection."""
    connection = sqlite3.connect(path)
    connection.execute(f'PRAGMA journal_mode={journal}')
    connection.executescript(_SCHEMA)
    connection.execute('INSERT INTO topics VALUES(1, ?, ?, ?, ?)', (topic, kind, 'cdr', ''))
    rows = [(1, first + k, bytes([0, 1, 0, 0, first + k])) for k in range(count)]
    connection.executemany('INSERT INTO messages(topic_id, timestamp, data) VALUES(?, ?, ?)', rows)
    connection.commit()
    return connection


def metadata(folder, files, text='', **more):
    """Write a metadata.yaml beside the files of a bag."""
    topic = {'name': '/a', 'type': KIND, 'serialization_format': 'cdr'}
    content = {
        'version': 5,
        'storage_identifier': 'sqlite3',
        'relative_file_paths': files,
        'topics_with_message_count': [
            {'topic_metadata': {**topic, 'offered_qos_profiles': QOS}, 'message_count': 10},
            {'topic_metadata': {**topic, 'name': '/b', 'offered_qos_profiles': QOS}},
        ],
        **more,
    }
    (folder / 'metadata.yaml').write_text(
        text + yaml.safe_dump({'rosbag2_bagfile_information': content})
    )


def times(path, topic='/a'):
    bag = Bag(path)
    return [message.log_ns for message in bag.messages([topic])]


def test_what_the_database_holds_counts_and_not_what_the_metadata_says(tmp_path):
    """QoS in metadata.yaml differs from that in the database: nothing was read."""
    database(tmp_path / 'bag_0.db3').close()
    metadata(tmp_path, ['bag_0.db3'])
    assert '&id001' in (tmp_path / 'metadata.yaml').read_text(), 'with an anchor'
    assert times(tmp_path) == list(range(10))
    metadata(tmp_path, ['bag_0.db3'], storage_identifier='other', message_count=0)
    assert times(tmp_path) == list(range(10))


def test_a_folder_without_metadata_is_read_in_the_order_of_its_numbers(tmp_path):
    for number in (0, 2, 10):
        database(tmp_path / f'bag_{number}.db3', first=10 * number).close()
    assert times(tmp_path) == [*range(10), *range(20, 30), *range(100, 110)]
    (tmp_path / 'metadata.yaml').touch()
    assert len(times(tmp_path)) == 30, 'an empty one is none'
    (tmp_path / 'other.mcap').touch()
    with pytest.raises(LiquidPilotError, match=r'holds \.mcap and \.db3 files'):
        Bag(tmp_path)
    for file in tmp_path.glob('*.*'):
        file.unlink()
    with pytest.raises(LiquidPilotError, match=r'no \.mcap and no \.db3 file'):
        Bag(tmp_path)


def test_a_database_that_was_not_closed_is_read_with_its_journal_and_left_as_it_is(tmp_path):
    live = tmp_path / 'live'
    live.mkdir()
    connection = database(live / 'bag_0.db3', journal='WAL')
    left = tmp_path / 'left'
    # What a killed recorder leaves: copied while it has the file open.
    shutil.copytree(live, left)
    connection.close()
    before = {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in left.iterdir()}
    assert len(before['bag_0.db3-wal'][0]) > 1000
    bag = Bag(left)
    assert len(list(bag.messages(['/a']))) == 10
    assert bag.unclosed
    after = {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in left.iterdir()}
    assert after == before


@pytest.mark.parametrize('kind', ['db3', 'mcap'])
def test_files_that_are_compressed_as_a_whole_are_read(tmp_path, kind):
    plain = tmp_path / f'plain.{kind}'
    database(plain).close() if kind == 'db3' else mcap(plain)
    folder = tmp_path / 'bag'
    folder.mkdir()
    packed = zstandard.compress(plain.read_bytes())
    (folder / f'bag_0.{kind}.zstd').write_bytes(packed)
    metadata(folder, [f'bag_0.{kind}'], compression_mode='FILE', compression_format='zstd')
    check_bag(folder, 'BAG')
    check_bag(folder / f'bag_0.{kind}.zstd', 'BAG')
    assert times(folder) == times(folder / f'bag_0.{kind}.zstd') == list(range(10))
    (folder / f'bag_0.{kind}.zstd').write_bytes(packed[: len(packed) // 2])
    try:
        assert len(times(folder)) < 10
    except LiquidPilotError as error:
        assert 'cannot be read as a bag' in str(error)


def test_names_of_topics_and_types_as_other_and_older_writers_have_them(tmp_path):
    database(tmp_path / 'bag_0.db3', topic='a', kind='std_msgs/Header').close()
    bag = Bag(tmp_path)
    first = next(iter(bag.messages(['/a'])))
    assert (first.topic, first.type) == ('/a', KIND)
    assert bag.types == {'/a': KIND}


@pytest.mark.parametrize(
    'content',
    [
        'a: &a [x, x, x, x, x, x, x, x, x]\n'
        + ''.join(f'k{k}: &k{k} [{",".join([f"*{n}"] * 9)}]\n' for k, n in enumerate(
            ['a', *(f'k{k}' for k in range(11))]
        )),
        'rosbag2_bagfile_information: 3',
        'rosbag2_bagfile_information: {}',
        'rosbag2_bagfile_information: {relative_file_paths: [[1]]}',
        '[' * 2000,
    ],
    ids=['bomb', 'number', 'empty', 'list', 'deep'],
)  # fmt: skip
def test_metadata_that_cannot_be_read_is_one_line(tmp_path, content):
    database(tmp_path / 'bag_0.db3').close()
    (tmp_path / 'metadata.yaml').write_text(content)
    began_s = time.process_time()
    with pytest.raises(
        LiquidPilotError, match=r'metadata\.yaml: cannot be read as a bag'
    ) as caught:
        Bag(tmp_path)
    assert time.process_time() - began_s < 1.0
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    'damage',
    [
        lambda c: c.execute('DROP TABLE topics'),
        lambda c: c.execute("UPDATE topics SET serialization_format = 'other'"),
        lambda c: c.execute("UPDATE messages SET data = 'text' WHERE id = 5"),
        lambda c: c.execute("UPDATE messages SET timestamp = 'text' WHERE id = 5"),
    ],
)
def test_a_database_that_is_no_bag_is_one_line(tmp_path, damage):
    connection = database(tmp_path / 'bag_0.db3')
    damage(connection)
    connection.commit()
    connection.close()
    with pytest.raises(LiquidPilotError, match=r'bag_0\.db3: cannot be read as a bag'):
        times(tmp_path)


def mcap(path, pack=None, count=10):
    """Write an MCAP file of headers, each compressed by a function where one is given."""
    bag = BagWriter(path, chunk_size=200)
    if pack:
        inner = bag._writer.add_message
        bag._writer.add_message = lambda channel, log, data, sent: inner(
            channel, log, pack(data), sent
        )
    for k in range(count):
        made = header(k)
        bag.add('/a', KIND, k, stamp=made.stamp, frame_id=f'frame {k}')
    bag.close()
    return path


@pytest.mark.parametrize('pack', [zstandard.compress, lz4.frame.compress])
def test_messages_that_are_compressed_one_by_one_are_read(tmp_path, pack):
    decode = Decoder()
    bag = Bag(mcap(tmp_path / 'bag.mcap', pack))
    assert [decode(message).frame_id for message in bag.messages(['/a'])] == [
        f'frame {k}' for k in range(10)
    ]


@pytest.mark.parametrize(
    ('pack', 'words'),
    [
        (lambda data: zstandard.compress(data)[:-9], r'compressed one by one.*zstandard: damaged'),
        (lambda data: lz4.frame.compress(data)[:-9], r'compressed one by one.*LZ4: damaged'),
        (lambda data: b'BZh9' + bytes(data), r'compressed one by one.*neither zstandard nor LZ4'),
        (lambda data: zstandard.compress(bytes(1 << 28)), 'more than 128 MiB'),
    ],
)
def test_a_compression_that_cannot_be_undone_is_named(tmp_path, pack, words):
    decode = Decoder()
    message = next(iter(Bag(mcap(tmp_path / 'bag.mcap', pack, count=1)).messages(['/a'])))
    with pytest.raises(LiquidPilotError, match=words) as caught:
        decode(message)
    assert 'topic /a' in str(caught.value) and 'ros2 bag convert' in str(caught.value)


def test_zeros_after_a_power_cut_cost_what_they_replaced(tmp_path):
    whole = mcap(tmp_path / 'bag.mcap', count=40).read_bytes()
    with open(tmp_path / 'bag.mcap', 'rb') as stream:
        chunks = [
            record
            for record in StreamReader(stream, emit_chunks=True).records
            if isinstance(record, Chunk)
        ]
    end = whole.index(chunks[-1].data)
    for zeros_from in (end - 30, end + 10, whole.index(chunks[3].data) + 5):
        bag_file = tmp_path / 'cut.mcap'
        bag_file.write_bytes(whole[:zeros_from] + bytes(100_000))
        bag = Bag(bag_file)
        found = [message.log_ns for message in bag.messages(['/a'])]
        assert bag.unclosed
        assert found == list(range(len(found)))
        before = chunks[-1] if zeros_from > end - 100 else chunks[3]
        assert len(found) == before.message_start_time
    bag_file.write_bytes(bytes(5000))
    with pytest.raises(LiquidPilotError, match='cannot be read as a bag'):
        times(bag_file)


def test_a_chunk_that_would_fill_the_memory_is_refused_at_once(tmp_path):
    path = tmp_path / 'bag.mcap'
    with open(path, 'wb') as file:
        writer = Writer(file, 1 << 31, CompressionType.ZSTD, enable_crcs=False)
        writer.start('ros2', 'test')
        schema = writer.register_schema(KIND, 'ros2msg', b'')
        channel = writer.register_channel('/a', 'cdr', schema)
        writer.add_message(channel, 1, bytes(150 << 20), 1)
        writer.finish()
    assert path.stat().st_size < 1 << 20
    with pytest.raises(LiquidPilotError, match=r'bag\.mcap: .* chunk of 157\d* bytes is too large'):
        times(path)


def test_a_topic_without_messages_is_called_empty(tmp_path):
    path = tmp_path / 'bag.mcap'
    with open(path, 'wb') as file:
        writer = Writer(file)
        writer.start('ros2', 'test')
        schema = writer.register_schema('sensor_msgs/msg/CameraInfo', 'ros2msg', b'')
        writer.register_channel('/camera/camera_info', 'cdr', schema)
        writer.finish()
    with pytest.raises(LiquidPilotError, match=r'/camera/camera_info .* in the bag and empty'):
        find_camera(Bag(path), from_mapping({}, 'test'), Decoder())
    with pytest.raises(LiquidPilotError, match=r'no message on /other \(camera.topic\); give'):
        find_camera(Bag(path), from_mapping({'camera': {'topic': '/other'}}, 'test'), Decoder())
