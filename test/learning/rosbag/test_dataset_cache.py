"""What was made of bags is kept in a folder, and made again when something has changed."""

import dataclasses
from pathlib import Path

import pytest
from bag_makers import Robot, episodes, mapping_file, write

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.rosbag import conversion, reader, topic_mapping
from liquid_pilot.learning.rosbag import dataset as dataset_module
from liquid_pilot.learning.rosbag.dataset import prepare


def test_the_cache_is_used_until_something_changes(tmp_path):
    bag, cache = write(tmp_path / 'one.mcap'), tmp_path / 'cache'
    config = mapping_file(tmp_path)
    calls = []

    def prepare_again(size=(32, 18)):
        calls.clear()
        return prepare(config, [bag], cache, size, lambda *progress: calls.append(progress))

    first = prepare_again()
    assert calls
    assert prepare_again() == first
    assert not calls
    mapping_file(tmp_path, command={'latency_s': 0.1})
    changed = prepare_again()
    assert calls
    assert episodes(changed)[0].commands[0, 0] == pytest.approx(0.1)
    write(bag, Robot(seconds=6.0))
    assert prepare_again().report['frames'] == 120
    changed.training[0].unlink()
    prepare_again()
    assert calls
    assert sorted(entry.name for entry in cache.iterdir()) == ['dataset.json', 'episodes']


def test_the_cache_depends_on_the_declared_version_and_not_on_source_code(tmp_path, monkeypatch):
    bag, cache, config = write(tmp_path / 'one.mcap'), tmp_path / 'cache', mapping_file(tmp_path)
    calls, code_read = [], []

    def prepare_again():
        calls.clear()
        prepare(config, [bag], cache, (32, 18), lambda *progress: calls.append(progress))
        return bool(calls)

    assert prepare_again()
    for name in ('read_bytes', 'read_text', 'open'):
        original = getattr(Path, name)

        def spy(path, *args, original=original, **options):
            if path.suffix in ('.py', '.pyc'):
                code_read.append(path)
            return original(path, *args, **options)

        monkeypatch.setattr(Path, name, spy)
    assert not prepare_again() and not code_read
    settings = topic_mapping.load(config)
    renamed = dataclasses.make_dataclass(
        'Renamed', [(f'renamed_{entry.name}', object) for entry in dataclasses.fields(settings)]
    )(*(getattr(settings, entry.name) for entry in dataclasses.fields(settings)))
    bags = [reader.Bag(bag)]
    key = dataset_module.cache_key(settings, bags, (32, 18))
    assert dataset_module.cache_key(renamed, bags, (32, 18)) == key, 'a rename invalidates nothing'
    monkeypatch.setattr(dataset_module, 'CONVERSION_VERSION', conversion.CONVERSION_VERSION + 1)
    assert prepare_again()


def test_a_folder_of_other_files_is_left_alone(tmp_path):
    bag, cache = write(tmp_path / 'one.mcap'), tmp_path / 'mine'
    (cache / 'episodes').mkdir(parents=True)
    (cache / 'episodes' / 'novel.txt').write_text('mine')
    with pytest.raises(LiquidPilotError, match='something other than a dataset'):
        prepare(mapping_file(tmp_path), [bag], cache, None)
    assert (cache / 'episodes' / 'novel.txt').read_text() == 'mine'
