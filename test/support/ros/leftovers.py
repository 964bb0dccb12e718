"""The processes that a test run has started, wherever they are in the tree of processes.

Every process that a test starts inherits a mark in its environment, by which it is found even when
its parent is gone.
"""

import contextlib
import os
import secrets
import signal
import time
from pathlib import Path

MARK = 'LIQUID_PILOT_TEST_RUN'
PATIENCE_S = 5.0
"""A process that is ending on its own may take this long."""


def mark():
    """Mark all processes that this one starts from now on; return its own mark.

    A worker of the run appends its number to the mark that it has inherited. The first one also
    has random digits: a container that is seen from here counts its processes anew, and one of its
    runs may have the same number.
    """
    inherited = os.environ.get(MARK, '')
    own = f'{inherited}/{os.getpid()}' + ('' if inherited else f'.{secrets.token_hex(4)}')
    os.environ[MARK] = own
    return own


def find(own):
    """Return the ids of the living processes with this mark or one that continues it."""
    wanted = f'{MARK}={own}'.encode()
    found = []
    for folder in Path('/proc').iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            variables = (folder / 'environ').read_bytes().split(b'\0')
            if any(each == wanted or each.startswith(wanted + b'/') for each in variables):
                state = (folder / 'stat').read_text().rpartition(')')[2].split()[0]
                if state != 'Z':
                    found.append(int(folder.name))
    return found


def cpu_times():
    """Return the CPU time, in seconds, of each process that this one has started, by its id."""
    times_s = {}
    for pid in find(os.environ[MARK]) if MARK in os.environ else ():
        with contextlib.suppress(OSError, IndexError):
            # User and system time are the 14th and 15th value; the 2nd may hold spaces.
            fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
            times_s[pid] = (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')
    return times_s


def name(pid):
    """Return the command line of a process, for a message."""
    with contextlib.suppress(OSError):
        return Path(f'/proc/{pid}/cmdline').read_bytes().replace(b'\0', b' ').decode()[:200]
    return '(ended)'


def _helpers(pids):
    """Those of Python's own multiprocessing, which end with their parent."""
    return {pid for pid in pids if 'multiprocessing.' in name(pid)}


def end(own, patience_s=PATIENCE_S):
    """End what is still there of the marked processes; return the command lines of those."""
    limit_s = time.monotonic() + patience_s
    while (left := set(find(own))) - _helpers(left) and time.monotonic() < limit_s:
        time.sleep(0.05)
    left -= _helpers(left)
    lines = [f'{pid}: {name(pid)}' for pid in sorted(left)]
    for number, wait_s in ((signal.SIGINT, PATIENCE_S), (signal.SIGKILL, PATIENCE_S)):
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGCONT)
                os.kill(pid, number)
        limit_s = time.monotonic() + wait_s
        while left and time.monotonic() < limit_s:
            left &= set(find(own))
            time.sleep(0.02)
    return lines
