"""What a power cut would leave of a folder: only what was flushed to the disk.

The most pessimistic disk that keeps its promises: the content of a file is that of its last fsync,
followed by zeros up to the length it had grown to; a name (a new file, a rename) is there only
after an fsync of its folder.
"""

import os
import stat
from pathlib import Path


class PowerCut:
    """Watches the flushes of this process, from its making on."""

    def __init__(self, monkeypatch):
        self._content = {}
        self._names = {}
        self._held = []
        self._fsync = os.fsync
        monkeypatch.setattr(os, 'fsync', self._watched)

    def _watched(self, number):
        number = number if isinstance(number, int) else number.fileno()
        self._fsync(number)
        inode = os.fstat(number).st_ino
        # While it is open, no other file gets the number of this one.
        self._held.append(os.dup(number))
        if stat.S_ISDIR(os.fstat(number).st_mode):
            self._names[inode] = {}
            with os.scandir(number) as entries:
                for entry in entries:
                    self._names[inode][entry.name] = entry.inode(), entry.is_dir()
        else:
            self._content[inode] = Path(f'/proc/self/fd/{number}').read_bytes()

    def left(self, folder, to):
        """Write into `to` what is left of `folder`, and return `to`."""
        self._write(folder.stat().st_ino, folder, to)
        return to

    def _write(self, inode, present, to):
        to.mkdir(parents=True)
        for name, (number, is_folder) in self._names.get(inode, {}).items():
            if is_folder:
                self._write(number, present / name, to / name)
                continue
            content = self._content.get(number, b'')
            file = present / name
            grown = file.stat().st_size if file.is_file() and file.stat().st_ino == number else 0
            (to / name).write_bytes(content + b'\0' * max(0, grown - len(content)))

    def close(self):
        for number in self._held:
            os.close(number)
