"""The files of a pilot on disk: replaced as a whole, damaged, linked, and found by name."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from saved_pilots import ENCODER, NET, OTHER_ENCODER, SPECIFICATION, assert_load_refused, put_file

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import LiquidPilotError


def test_saving_again_replaces_the_pilot_and_keeps_other_files(saved, parameters_for):
    (saved.path / 'README.md').write_text('mine')
    (saved.path / 'figures').mkdir()
    (saved.path / 'figures' / 'paths.png').write_bytes(b'png')
    again = pilot_file.save(saved.path, SPECIFICATION, NET, parameters_for(NET, 1), OTHER_ENCODER)
    assert again.encoder == pilot_file.load(saved.path).encoder == OTHER_ENCODER
    assert (saved.path / 'README.md').read_text() == 'mine'
    assert (saved.path / 'figures' / 'paths.png').read_bytes() == b'png'
    assert [path.name for path in saved.path.parent.iterdir()] == ['pilot']


def test_a_failed_save_leaves_the_old_pilot(saved, parameters_for):
    bad = parameters_for(NET)
    bad.cm[0] = -1.0
    with pytest.raises(LiquidPilotError, match=r"pilot/core\.safetensors: tensor 'cm'"):
        pilot_file.save(saved.path, SPECIFICATION, NET, bad, ENCODER)
    assert pilot_file.load(saved.path).digest == saved.digest
    assert [path.name for path in saved.path.parent.iterdir()] == ['pilot']


def test_saving_over_something_else_is_refused(tmp_path, parameters_for):
    (tmp_path / 'work').mkdir()
    (tmp_path / 'work' / 'thesis.tex').write_text('precious')
    (tmp_path / 'file').write_text('precious')
    for name in ('work', 'file'):
        with pytest.raises(LiquidPilotError, match=name):
            pilot_file.save(tmp_path / name, SPECIFICATION, NET, parameters_for(NET), ENCODER)
    assert (tmp_path / 'work' / 'thesis.tex').read_text() == 'precious'


def test_a_path_that_is_no_folder_is_refused(tmp_path):
    assert_load_refused(tmp_path / 'nothing', 'nothing is not a folder')


@pytest.mark.parametrize('name', ['pilot.json', 'core.safetensors', 'encoder.onnx'])
def test_a_missing_file_is_named(saved, name):
    (saved.path / name).unlink()
    assert_load_refused(saved.path, f'pilot/{name}: is missing')


@pytest.mark.parametrize('name', ['core.safetensors', 'encoder.onnx'])
def test_truncated_and_exchanged_files_are_caught_by_their_hash(saved, name):
    data = (saved.path / name).read_bytes()
    for spoiled in (data[:-1], b'', data[:-1] + bytes([data[-1] ^ 1])):
        (saved.path / name).write_bytes(spoiled)
        assert_load_refused(saved.path, f'pilot/{name}:', f'sha256.{name}')


def test_a_truncated_pilot_json_is_not_json(saved):
    text = (saved.path / 'pilot.json').read_bytes()
    (saved.path / 'pilot.json').write_bytes(text[: len(text) // 2])
    assert_load_refused(saved.path, 'pilot/pilot.json: not valid JSON')


@pytest.mark.parametrize(
    'text',
    [b'', b'\xff\xfe', b'[' * 100_000, b'{"format": NaN}', b'9' * 10_000, pickle.dumps({'a': 1})],
)
def test_what_is_not_json_is_refused(saved, text):
    (saved.path / 'pilot.json').write_bytes(text)
    assert_load_refused(saved.path, 'pilot/pilot.json: not valid JSON')


def test_json_that_is_no_object_is_refused(saved):
    (saved.path / 'pilot.json').write_text('[1, 2]')
    assert_load_refused(saved.path, 'pilot/pilot.json: must hold a JSON object')


@pytest.mark.parametrize('name', ['pilot.json', 'core.safetensors', 'encoder.onnx'])
def test_links_out_of_the_folder_are_refused(saved, tmp_path, name):
    outside = tmp_path / 'outside'
    (saved.path / name).rename(outside)
    (saved.path / name).symlink_to(outside)
    assert_load_refused(saved.path, f'pilot/{name}: is a link out of the folder')


def test_links_that_are_no_file_are_refused_and_links_within_are_read(saved):
    encoder = saved.path / 'encoder.onnx'
    encoder.rename(saved.path / 'graph.onnx')
    encoder.symlink_to('graph.onnx')
    assert pilot_file.load(saved.path).encoder == ENCODER
    encoder.unlink()
    encoder.symlink_to('encoder.onnx')
    assert_load_refused(saved.path, 'pilot/encoder.onnx: cannot be read')
    encoder.unlink()
    encoder.mkdir()
    assert_load_refused(saved.path, 'pilot/encoder.onnx: is not a regular file')
    encoder.rmdir()
    os.mkfifo(encoder)
    assert_load_refused(saved.path, 'pilot/encoder.onnx: is not a regular file')


def test_a_folder_that_is_a_link_is_read(saved, tmp_path):
    (tmp_path / 'link').symlink_to(saved.path)
    assert pilot_file.load(tmp_path / 'link').digest == saved.digest


@pytest.mark.parametrize('name', ['pilot.json', 'core.safetensors', 'encoder.onnx'])
def test_files_beyond_the_size_limit_are_refused_unread(saved, name):
    os.truncate(saved.path / name, (64 << 20) + 1)
    assert_load_refused(saved.path, f'pilot/{name}: is larger than')


def test_an_empty_encoder_is_refused(saved):
    put_file(saved.path, 'encoder.onnx', b'')
    assert_load_refused(saved.path, 'pilot/encoder.onnx: is empty')


@pytest.mark.parametrize('data', [b'', b'\x00' * 8, b'\xff' * 64, pickle.dumps([1, 2, 3])])
def test_what_is_not_safetensors_is_refused(saved, data):
    put_file(saved.path, 'core.safetensors', data)
    assert_load_refused(saved.path, 'pilot/core.safetensors: not a readable safetensors file')


def test_names_find_shipped_pilots_and_paths_find_folders(
    saved, tmp_path, parameters_for, monkeypatch
):
    share = tmp_path / 'prefix' / 'share' / 'liquid_pilot' / 'pilots' / 'shipped-one'
    pilot_file.save(share, SPECIFICATION, NET, parameters_for(NET), ENCODER)
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path / 'prefix'))
    monkeypatch.chdir(tmp_path)
    assert pilot_file.resolve('shipped-one') == share
    assert pilot_file.resolve('pilot') == Path('pilot')
    assert pilot_file.resolve(saved.path) == saved.path
    with pytest.raises(LiquidPilotError, match=r"no pilot 'shipped-two'.*shipped-one"):
        pilot_file.resolve('shipped-two')


def test_a_shipped_pilot_installed_as_links_is_found_where_its_files_are(
    saved, tmp_path, monkeypatch
):
    # So does `colcon build --symlink-install`.
    share = tmp_path / 'prefix' / 'share' / 'liquid_pilot' / 'pilots' / 'linked'
    share.mkdir(parents=True)
    for file in saved.path.iterdir():
        (share / file.name).symlink_to(file)
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path / 'prefix'))
    assert pilot_file.load(pilot_file.resolve('linked')).digest == saved.digest
