"""A pool of worker processes that end with the process that started them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils.processes.child_python import safe_path_for_children


class WorkerDiedError(LiquidPilotError):
    """A worker process ended unexpectedly."""


@contextmanager
def spawned_pool(
    workers: int,
    start: Callable[..., None] | None = None,
    arguments: tuple[Any, ...] = (),
    ignore_ctrl_c: bool = False,
) -> Iterator[ProcessPoolExecutor]:
    """Open a pool of freshly started processes.

    Processes are spawned, because an OpenGL context does not survive a fork. Leaving the context,
    by an error or Ctrl-C too, drops the jobs that have not begun. When the parent process is
    killed, its workers end too.

    Args:
        workers: number of processes.
        start: function that each process calls first; importable by its name. None: there is
            nothing to prepare.
        arguments: arguments of `start`.
        ignore_ctrl_c: whether workers ignore SIGINT, which a terminal sends to them as well; the
            parent then decides what becomes of their jobs. For the moment between the start of a
            process and `start`, see `liquid_pilot.utils.signals.ignore_sigint`.

    Raises:
        WorkerDiedError: when a worker dies (killed for memory, or a fault in a driver).
    """
    with safe_path_for_children():
        pool = ProcessPoolExecutor(
            workers,
            multiprocessing.get_context('spawn'),
            initializer=_initialise_worker,
            initargs=(start, arguments, ignore_ctrl_c),
        )
    try:
        # The processes are started when the first job is submitted.
        with safe_path_for_children():
            yield pool
    except BrokenProcessPool as error:
        raise WorkerDiedError(
            'a worker process died (out of memory, or a fault in the OpenGL driver); what was '
            'finished is kept, start again to go on'
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _initialise_worker(
    start: Callable[..., None] | None, arguments: tuple[Any, ...], ignore_ctrl_c: bool
) -> None:
    if ignore_ctrl_c:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    if start is not None:
        start(*arguments)


def _exit_with_parent() -> None:
    """End this process with its parent.

    A worker waits for jobs on a pipe that it holds itself, and would never see the pipe closed.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
