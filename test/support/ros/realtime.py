"""Tests in real time: no other test runs meanwhile, and the machine has to be fit for them.

Other tests hold a lock together, a test in real time holds it alone, across the workers of a run.
"""

import contextlib
import fcntl
import shutil
import tempfile
from pathlib import Path

import machine
import pytest

HOPELESS_SHARE = 0.4
"""Share of two cores below which a graph of nodes need not be started at all."""


class _Lock:
    """A lock on a file that many share, or one has alone; who wants it alone is not starved."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self._door = open(folder / 'door', 'w')  # noqa: SIM115
        self._room = open(folder / 'room', 'w')  # noqa: SIM115

    @contextlib.contextmanager
    def held(self, alone):
        fcntl.flock(self._door, fcntl.LOCK_EX)
        try:
            if alone:
                fcntl.flock(self._room, fcntl.LOCK_EX)
            else:
                fcntl.flock(self._room, fcntl.LOCK_SH)
        finally:
            fcntl.flock(self._door, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(self._room, fcntl.LOCK_UN)


class Plugin:
    """Hooks around every test."""

    def __init__(self, run):
        self._lock = _Lock(Path(tempfile.gettempdir()) / f'liquid_pilot_tests.{run}')

    def end(self):
        """Remove the files of the lock, after all workers have ended."""
        shutil.rmtree(self._lock.folder, ignore_errors=True)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item):
        with self._lock.held(alone=item.get_closest_marker('realtime') is not None):
            return (yield)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_setup(self, item):
        if not item.get_closest_marker('realtime'):
            return (yield)
        now = machine.measure()
        if now.share < HOPELESS_SHARE:
            pytest.skip(f'not a machine for real time now: {now.complaint}')
        return (yield from self._excused())

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item):
        if not item.get_closest_marker('realtime'):
            return (yield)
        return (yield from self._excused())

    def _excused(self):
        """Skip instead of failing when the machine stalled meanwhile."""
        heartbeat = machine.Heartbeat()
        try:
            return (yield)
        except (Exception, pytest.fail.Exception) as error:
            if isinstance(error, pytest.skip.Exception):
                raise
            seen = machine.Machine(machine.cpu_share(), heartbeat.end())
            if not seen.complaint:
                raise
            line = next(iter(str(error).splitlines()), type(error).__name__)
            pytest.skip(f'not a machine for real time now: {seen.complaint}; the test said: {line}')
        finally:
            heartbeat.end()
