"""Worker processes for many missions at once."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from liquid_pilot.interfaces import LiquidPilotError


class WorkerDiedError(LiquidPilotError):
    """A worker process ended without being asked to."""


@contextmanager
def spawned_pool(
    workers: int, start: Callable[..., None], arguments: tuple
) -> Iterator[ProcessPoolExecutor]:
    """A pool of freshly started processes, each of which runs `start(*arguments)` first.

    Spawned, because an OpenGL context does not survive a fork. Leaving the context, by an error or
    Ctrl-C too, drops the jobs that have not begun; a parent that is killed takes its workers along.

    Raises:
        WorkerDiedError: when a worker dies (killed for memory, or a fault in a driver).
    """
    pool = ProcessPoolExecutor(
        workers,
        multiprocessing.get_context('spawn'),
        initializer=_initialise_worker,
        initargs=(start, arguments),
    )
    try:
        yield pool
    except BrokenProcessPool as error:
        raise WorkerDiedError(
            'a worker process died (out of memory, or a fault in the OpenGL driver); what was '
            'finished is kept, start again to go on'
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _initialise_worker(start: Callable[..., None], arguments: tuple) -> None:
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    start(*arguments)


def _exit_with_parent() -> None:
    """Workers wait for jobs on a pipe that they hold themselves, and would never see it closed."""
    multiprocessing.parent_process().join()
    os._exit(1)
