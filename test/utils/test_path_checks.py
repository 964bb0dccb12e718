"""Files and folders that users name: what is wrong with them, before any work begins."""

import errno
import os
import tempfile
from pathlib import Path

import pytest

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils.path_checks import (
    check_readable_file,
    check_readable_folder,
    check_writable_file,
    check_writable_folder,
    user_path,
)


def refused(check, *arguments):
    with pytest.raises(LiquidPilotError) as error:
        check(*arguments)
    assert '\n' not in str(error.value)
    return str(error.value)


def test_a_folder_that_can_be_made_is_not_made_and_nothing_is_left(tmp_path):
    for folder in (tmp_path, tmp_path / 'a' / 'b' / 'c'):
        check_writable_folder(folder, '--out')
    assert list(tmp_path.iterdir()) == []


def test_a_relative_folder_is_that_of_the_caller(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in (Path(), Path('new'), Path('..') / 'beside'):
        check_writable_folder(folder, '--out')
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_refused_with_the_reason(tmp_path, monkeypatch):
    file = tmp_path / 'file'
    file.touch()
    for folder in (file, file / 'below'):
        assert refused(check_writable_folder, folder, '--out') == (
            f'--out: {file} is not a folder; choose another one'
        )
    (tmp_path / 'link').symlink_to('gone')
    text = refused(check_writable_folder, tmp_path / 'link' / 'x', '--out')
    assert text == f'--out: {tmp_path / "link"} is a link to something that is not there'
    assert 'File name too long' in refused(check_writable_folder, tmp_path / ('x' * 300), 'out')

    def full(**where):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    # The superuser may write wherever permission bits forbid it, but not on such a file system.
    monkeypatch.setattr(tempfile, 'mkdtemp', full)
    assert refused(check_writable_folder, tmp_path / 'new', 'out') == (
        f'out: {tmp_path / "new"} cannot be written (Read-only file system); choose a folder that '
        'you may write'
    )


def test_a_file_to_write(tmp_path):
    check_writable_file(tmp_path / 'new' / 'x.PNG', '--plot', '.png')
    check_writable_file(tmp_path / 'x', '--plot')
    assert 'must end in .png' in refused(check_writable_file, tmp_path / 'x.jpg', '--p', '.png')
    (tmp_path / 'y.png').mkdir()
    assert 'is a folder' in refused(check_writable_file, tmp_path / 'y.png', '--plot', '.png')


def test_what_is_no_file_is_not_replaced_by_one(tmp_path):
    os.mkfifo(tmp_path / 'pipe.png')
    (tmp_path / 'device.png').symlink_to('/dev/full')
    for name in ('pipe.png', 'device.png'):
        said = refused(check_writable_file, tmp_path / name, '--plot', '.png')
        assert 'is not a regular file; choose another name' in said
    (tmp_path / 'picture.png').touch()
    (tmp_path / 'link.png').symlink_to('picture.png')
    check_writable_file(tmp_path / 'link.png', '--plot', '.png')


def test_the_home_of_nobody_is_a_name_as_in_a_shell(monkeypatch):
    monkeypatch.setenv('HOME', '/home/me')
    assert user_path('~/x') == Path('/home/me/x')
    assert user_path('~nobody-of-that-name/x') == Path('~nobody-of-that-name/x')


def test_a_file_and_a_folder_to_read(tmp_path):
    file = tmp_path / 'file'
    file.write_text('x')
    check_readable_file(file, 'FILE')
    check_readable_folder(tmp_path, 'DIR')
    gone = tmp_path / 'gone' / 'x'
    assert (
        refused(check_readable_file, gone, 'FILE')
        == f'FILE: there is no file {gone}; check the path'
    )
    assert 'there is no folder' in refused(check_readable_folder, gone, 'DIR')
    assert 'is a folder; name a file' in refused(check_readable_file, tmp_path, 'FILE')
    assert 'is not a folder' in refused(check_readable_folder, file, 'DIR')
    os.mkfifo(tmp_path / 'pipe')
    assert 'is not a regular file' in refused(check_readable_file, tmp_path / 'pipe', 'FILE')
