"""Atomic writes: the old content or the new one, and nothing left beside it."""

import errno
import os
import re
import stat
from pathlib import Path

import pytest
from power_cut import PowerCut

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils import atomic_write
from liquid_pilot.utils.atomic_write import (
    atomic_folder,
    atomic_writer,
    replace_folder,
    sync_folder,
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


@pytest.fixture
def power_cut(monkeypatch):
    """The watch over the flushes of this test."""
    cut = PowerCut(monkeypatch)
    yield cut
    cut.close()


def test_data_is_on_the_disk_before_the_rename_and_the_name_after_it(tmp_path, monkeypatch):
    events = []
    fsync, replace = os.fsync, os.replace

    def watched(number):
        events.append('names' if stat.S_ISDIR(os.fstat(number).st_mode) else 'data')
        fsync(number)

    monkeypatch.setattr(atomic_write.os, 'fsync', watched)
    monkeypatch.setattr(
        atomic_write.os, 'replace', lambda a, b: (events.append('rename'), replace(a, b))
    )
    with atomic_writer(tmp_path / 'file') as file:
        file.write(b'1')
    assert events == ['data', 'rename', 'names']
    events.clear()
    write_atomically(tmp_path / 'file', b'2')
    assert events == ['data', 'rename', 'names']
    events.clear()
    write_atomically(tmp_path / 'file', b'3', sync=False)
    assert events == ['rename']
    events.clear()
    write_new_file(tmp_path / 'new', b'4')
    assert events == ['data']
    with pytest.raises(FileExistsError):
        write_new_file(tmp_path / 'new', b'5')


def test_a_power_cut_leaves_the_new_file(tmp_path, power_cut):
    folder = tmp_path / 'folder'
    folder.mkdir()
    write_atomically(folder / 'file', b'old')
    write_atomically(folder / 'file', b'new')
    with atomic_writer(folder / 'other') as file:
        file.write(b'content')
    # Its name reaches the disk with that of the next file, its content does not.
    write_atomically(folder / 'unsynced', b'12345', sync=False)
    write_atomically(folder / 'last', b'last')
    left = power_cut.left(folder, tmp_path / 'left')
    assert {path.name: path.read_bytes() for path in left.iterdir()} == {
        'file': b'new',
        'other': b'content',
        'unsynced': bytes(5),
        'last': b'last',
    }


def test_a_power_cut_leaves_the_whole_new_folder(tmp_path, power_cut):
    parent = tmp_path / 'parent'
    for content in ('old', 'new'):
        with atomic_folder(parent / 'folder') as fresh:
            (fresh / 'plain').write_text(content)
            (fresh / 'below').mkdir()
            (fresh / 'below' / 'file').write_text(content)
    left = power_cut.left(parent, tmp_path / 'left')
    assert (left / 'folder' / 'plain').read_text() == 'new'
    assert (left / 'folder' / 'below' / 'file').read_text() == 'new'


def test_a_folder_that_cannot_be_flushed_is_no_error_on_a_network(tmp_path, monkeypatch):
    reasons = iter((errno.EINVAL, errno.EIO))

    def refused(number):
        raise OSError(next(reasons), 'refused')

    monkeypatch.setattr(atomic_write.os, 'fsync', refused)
    sync_folder(tmp_path)
    with pytest.raises(OSError, match='refused'):
        sync_folder(tmp_path)


def test_only_this_module_renames_files():
    """So that none forgets to flush the data before."""
    package = Path(atomic_write.__file__).parents[1]
    renames = re.compile(r'\bos\.(replace|rename|renames)\(|\bshutil\.move\(|\.rename\(')
    assert [
        str(path.relative_to(package))
        for path in sorted(package.rglob('*.py'))
        if renames.search(path.read_text())
    ] == ['utils/atomic_write.py']


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
