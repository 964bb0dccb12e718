"""Settings of a recording that are parameters of the recorder and options of `record`."""

from __future__ import annotations

from dataclasses import dataclass

from liquid_pilot.utils.settings import setting


@dataclass(frozen=True)
class RecordingSettings:
    """Settings of the files of a recording."""

    max_file_size: int = setting(
        1 << 29,
        'size at which the recording goes on in another file; the index of a file is kept in '
        'memory until the file is complete',
        'bytes',
        low=1 << 20,
        high=1 << 40,
    )
    sync_period_s: float = setting(
        1.0,
        'time between two flushes to the disk, in a thread; a power cut loses about this much and '
        'the last second; 0: only complete files are flushed',
        's',
        low=0.0,
        high=3600.0,
    )
