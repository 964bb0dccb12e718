"""What the machine gives at this moment to something that needs real time.

A graph of nodes on the wall clock needs about one core and a half, and to be woken in time. On a
machine that is busy with something else, a time-out of such a graph says nothing about the code.
"""

import hashlib
import threading
import time
from dataclasses import dataclass

import leftovers

LEAST_SHARE = 0.75
"""Share of two cores below which a test in real time is not a test of the code."""
LONGEST_STALL_S = 0.1
"""A machine that wakes a thread later than this has stood still."""
PROBE_S = 0.2
BEAT_S = 0.01
_BLOCK = bytes(1 << 20)


@dataclass(frozen=True)
class Machine:
    """One measurement of the machine."""

    share: float
    """CPU time that the run got with two busy threads, by twice the time that passed."""
    stall_s: float
    """Longest delay of a thread that wanted to be woken every 10 ms, in seconds."""

    @property
    def complaint(self):
        """Why nothing can be said about real time here; empty if it can."""
        reasons = []
        if self.share < LEAST_SHARE:
            reasons.append(f'it gave {100 * self.share:.0f} % of two cores')
        if self.stall_s > LONGEST_STALL_S:
            reasons.append(f'it woke a thread {self.stall_s:.2f} s late')
        return ' and '.join(reasons)


class Heartbeat:
    """A thread that wants to be woken every 10 ms and notes its longest delay."""

    def __init__(self):
        self.stall_s = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        last_s = time.monotonic()
        while not self._end.wait(BEAT_S):
            now_s = time.monotonic()
            self.stall_s = max(self.stall_s, now_s - last_s - BEAT_S)
            last_s = now_s

    def end(self):
        """Stop, and return the longest delay in seconds."""
        self._end.set()
        self._thread.join()
        return self.stall_s


def cpu_share(seconds=PROBE_S):
    """Return which share of two cores this run gets with two busy threads, from 0 to 1.

    What the processes of the test use counts as well: the nodes of a test that has just failed are
    still running, and their own work is no excuse for them.
    """

    def spin():
        while time.monotonic() < end_s:
            # The interpreter lock is released meanwhile.
            hashlib.sha256(_BLOCK).digest()

    started_s, own_s = leftovers.cpu_times(), time.process_time()
    start_s = time.monotonic()
    end_s = start_s + seconds
    threads = [threading.Thread(target=spin) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed_s, used_s = time.monotonic() - start_s, time.process_time() - own_s
    for pid, now_s in leftovers.cpu_times().items():
        used_s += max(0.0, now_s - started_s.get(pid, now_s))
    return min(1.0, used_s / (2.0 * elapsed_s))


def measure():
    """Measure the machine for a moment."""
    heartbeat = Heartbeat()
    share = cpu_share()
    return Machine(share, heartbeat.end())
