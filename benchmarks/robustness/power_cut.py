"""Cut the power of a disk while a recording is written to it, and count what can be read then.

    sudo python benchmarks/robustness/power_cut.py            # a minute; needs root for `mount`
    sudo python benchmarks/robustness/power_cut.py --quick

The disk is a file system in a file. What the kernel still holds in memory has not reached that
file: a copy of it is what a power cut leaves. The copy is mounted, its journal is replayed, and the
recording in it is read. Each cut is made with and without periodic flushes (`sync_period_s`). The
last line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.rosbag.reader import Bag
from liquid_pilot.nodes.recording.bag_metadata import OfferedQos
from liquid_pilot.nodes.recording.bag_writer import BagWriter

RATE_HZ = 20
IMAGE_BYTES = 256 * 144 * 3
DISK_BYTES = 400 << 20
TOPIC = '/image'


def write(folder: Path, sync_period_s: float, max_file_size: int) -> None:
    """Record pictures as the recorder does, and print the number of each, until it is killed."""
    writer = BagWriter(folder, 1 << 20, max_file_size, sync_period_s)
    channel = writer.open_channel(
        TOPIC, 'std_msgs/msg/String', 'string data\n', OfferedQos(False, False, 1)
    )
    random = np.random.default_rng(0)
    start_s = flushed_s = time.monotonic()
    number = 0
    while True:
        writer.add(channel, time.time_ns(), random.bytes(IMAGE_BYTES))
        number += 1
        print(number, flush=True)
        if time.monotonic() - flushed_s >= 1.0:
            flushed_s += 1.0
            writer.flush()
        time.sleep(max(0.0, start_s + number / RATE_HZ - time.monotonic()))


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    """Mount a file system that is in a file."""
    folder.mkdir(exist_ok=True)
    subprocess.run(['mount', '-o', 'loop', image, folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(['umount', folder], check=True)


def cut(work: Path, seconds: float, sync_period_s: float, max_file_size: int) -> dict[str, Any]:
    """Record for some time, cut the power, and return what was written and what is left."""
    image, copy = work / 'disk', work / 'copy'
    image.unlink(missing_ok=True)
    with open(image, 'xb') as file:
        file.truncate(DISK_BYTES)
    subprocess.run(['mkfs.ext4', '-q', image], check=True)
    with mounted(image, work / 'mounted') as disk, open(work / 'written', 'w') as written:
        command = [sys.executable, __file__, '--write', disk / 'recording']
        command += [str(sync_period_s), str(max_file_size)]
        process = subprocess.Popen(command, stdout=written)
        try:
            while not (work / 'written').read_text():
                time.sleep(0.01)
            time.sleep(seconds)
            process.send_signal(signal.SIGSTOP)
            subprocess.run(['cp', '--sparse=always', image, copy], check=True)
        finally:
            process.kill()
            process.wait()
    count = int((work / 'written').read_text().split()[-1])
    with mounted(copy, work / 'after') as disk:
        folder = disk / 'recording'
        try:
            left = sum(1 for _ in Bag(folder).messages([TOPIC]))
        except LiquidPilotError:
            left = 0
        files = len(list(folder.glob('*.mcap')))
    return {
        'seconds': seconds,
        'sync_period_s': sync_period_s,
        'written': count,
        'read': left,
        'lost_s': round((count - left) / RATE_HZ, 2),
        'files': files,
    }


def main() -> int:
    """Cut the power several times and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0], allow_abbrev=False)
    parser.add_argument('--quick', action='store_true', help='two cuts, after three seconds')
    parser.add_argument('--write', nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        folder, period_s, size = arguments.write
        write(Path(folder), float(period_s), int(size))
    if os.geteuid():
        parser.error('mounting a file system needs root')
    rows = []
    cases = (
        [(3.3, 1 << 30)] if arguments.quick else [(8.3, 1 << 30), (11.7, 1 << 23), (20.4, 1 << 30)]
    )
    with tempfile.TemporaryDirectory() as work:
        for seconds, max_file_size in cases:
            for period_s in (0.0, 1.0):
                rows.append(cut(Path(work), seconds, period_s, max_file_size))
                print(rows[-1])
    print(json.dumps({'cuts': rows}))
    return 0


if __name__ == '__main__':
    sys.exit(main())
