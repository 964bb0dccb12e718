"""Workers end with the process that started them, and leave Ctrl-C to it where so asked."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from liquid_pilot.utils.processes.process_pool import WorkerDiedError, spawned_pool

REPOSITORY = Path(__file__).resolve().parents[3]
PARENT = """
import os, sys
from liquid_pilot.utils.processes.process_pool import spawned_pool

def main():
    with spawned_pool(2, print, ()) as pool:
        print(*{job.result() for job in [pool.submit(os.getpid) for _ in range(20)]}, flush=True)
        sys.stdin.read()

if __name__ == '__main__':
    main()
"""


@pytest.mark.parametrize('ignore', [False, True])
def test_workers_ignore_ctrl_c_where_that_is_asked_for(ignore):
    with spawned_pool(1, print, (), ignore_ctrl_c=ignore) as pool:
        assert pool.submit(signal.getsignal, signal.SIGINT).result() is (
            signal.SIG_IGN if ignore else signal.default_int_handler
        )


def test_a_worker_that_dies_is_reported():
    with (
        pytest.raises(WorkerDiedError, match='a worker process died'),
        spawned_pool(1, print, ()) as pool,
    ):
        pool.submit(os._exit, 1).result()


def alive(pid):
    try:
        state = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0]
    except FileNotFoundError:
        return False
    return state != 'Z'


def test_a_parent_that_is_killed_takes_its_workers_along(tmp_path):
    script = tmp_path / 'parent.py'
    script.write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(REPOSITORY)},
    )
    workers = []
    while not workers:
        workers = [int(word) for word in parent.stdout.readline().split() if word.isdigit()]
    assert all(map(alive, workers))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 10
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, workers))
