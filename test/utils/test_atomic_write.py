"""Atomic writes: the old content or the new one, and nothing left beside it."""

import errno
import os
from pathlib import Path

import pytest

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils import atomic_write
from liquid_pilot.utils.atomic_write import (
    atomic_folder,
    atomic_writer,
    replace_folder,
    write_atomically,
    write_new_file,
)


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_is_written_and_replaced(tmp_path):
    path = tmp_path / 'file'
    assert write_atomically(path, 'é') == path
    assert path.read_bytes() == 'é'.encode()
    write_atomically(path, b'new')
    with atomic_writer(tmp_path / 'below' / 'file') as file:
        file.write(b'content')
    assert path.read_bytes() == b'new'
    assert (tmp_path / 'below' / 'file').read_bytes() == b'content'
    assert names(tmp_path) == ['below', 'file'] and names(tmp_path / 'below') == ['file']


def test_the_old_file_stays_when_the_new_one_fails(tmp_path, monkeypatch):
    path = tmp_path / 'file'
    path.write_bytes(b'old')
    with pytest.raises(KeyError), atomic_writer(path) as file:
        file.write(b'half')
        raise KeyError
    assert path.read_bytes() == b'old'

    def full(*arguments):
        raise OSError(errno.ENOSPC, 'full')

    monkeypatch.setattr(atomic_write.os, 'replace', full)
    with pytest.raises(OSError, match='full'):
        write_atomically(path, b'new')
    message = r'file: cannot be written \(No space left on device; make room'
    with pytest.raises(LiquidPilotError, match=message), atomic_writer(path) as file:
        file.write(b'new')
    assert path.read_bytes() == b'old' and names(tmp_path) == ['file']


def test_data_is_on_the_disk_before_the_rename_where_that_is_asked_for(tmp_path, monkeypatch):
    events = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(atomic_write.os, 'fsync', lambda fd: (events.append('sync'), fsync(fd)))
    monkeypatch.setattr(
        atomic_write.os, 'replace', lambda a, b: (events.append('rename'), replace(a, b))
    )
    with atomic_writer(tmp_path / 'file') as file:
        file.write(b'1')
    write_atomically(tmp_path / 'file', b'2', sync=True)
    write_atomically(tmp_path / 'file', b'3')
    write_new_file(tmp_path / 'new', b'4')
    assert events == ['sync', 'rename', 'sync', 'rename', 'rename', 'sync']
    with pytest.raises(FileExistsError):
        write_new_file(tmp_path / 'new', b'5')


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    folder = tmp_path / 'below' / 'folder'
    for content in ('first', 'second'):
        with atomic_folder(folder) as fresh:
            assert names(fresh) == []
            (fresh / content).touch()
        assert names(folder) == [content] and names(tmp_path / 'below') == ['folder']
    with pytest.raises(KeyError), atomic_folder(folder) as fresh:
        (fresh / 'third').touch()
        raise KeyError
    assert names(folder) == ['second'] and names(tmp_path / 'below') == ['folder']


def test_the_old_folder_comes_back_when_the_new_one_cannot_be_renamed(tmp_path):
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'folder' / 'file').touch()
    with pytest.raises(FileNotFoundError):
        replace_folder(tmp_path / 'missing', tmp_path / 'folder', tmp_path / 'replaced')
    assert names(tmp_path) == ['folder'] and names(tmp_path / 'folder') == ['file']


def test_the_only_copy_of_a_folder_is_kept_when_no_rename_works_any_more(tmp_path, monkeypatch):
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'folder' / 'file').write_text('old')
    rename, calls = Path.rename, []

    def fails_from_the_second_call_on(self, target):
        calls.append(target)
        if len(calls) > 1:
            raise OSError(errno.EIO, 'gone')
        return rename(self, target)

    monkeypatch.setattr(Path, 'rename', fails_from_the_second_call_on)
    with pytest.raises(OSError, match='gone'), atomic_folder(tmp_path / 'folder') as fresh:
        (fresh / 'file').write_text('new')
    (left,) = tmp_path.iterdir()
    assert (left / 'file').read_text() == 'old'
