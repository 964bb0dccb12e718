"""All kernels of a flight are compiled before it, by another process that says how far it is."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys

import pytest

from liquid_pilot.liquid import kernel_cache, precompile
from liquid_pilot.liquid.lrc import precompile as lrc_precompile
from liquid_pilot.onboard.adaptation import precompile as frontend
from liquid_pilot.onboard.inference import kernels

COUNT = len(precompile.KERNELS) + len(frontend.KERNELS)
"""Number of kernels of a flight with an LTC core."""
NONE, ONE = str([0] * COUNT), str([1] * COUNT)

COLD = """
from liquid_pilot.onboard.inference import kernels
print(kernels.are_compiled())
steps = []
print(kernels.compile_all(lambda done, of: steps.append((done, of))))
print(steps, kernels.are_compiled())
"""
WARM = """
from liquid_pilot.liquid import _kernels, precompile
from liquid_pilot.onboard.adaptation import precompile as frontend
for compilation in (*precompile.compilations(), *frontend.compilations()):
    compilation()
print([sum(kernel.stats.cache_misses.values())
       for kernel in (*precompile.KERNELS, *frontend.KERNELS)])
"""


def printed(code, cache):
    done = subprocess.run(
        [sys.executable, '-c', code],
        env={**os.environ, 'NUMBA_CACHE_DIR': str(cache)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def steps_of(count):
    """Return what COLD prints at its end when so many kernels were compiled."""
    return f'{[(done, count) for done in range(1, count + 1)]} True'


@pytest.mark.slow
def test_after_it_nothing_is_left_to_compile(tmp_path):
    assert COUNT >= 7
    assert printed(COLD, tmp_path) == ['False', 'True', steps_of(COUNT)]
    assert printed(WARM, tmp_path) == [NONE]


LRC_WARM = """
import numpy as np
from liquid_pilot.liquid.lrc import precompile
precompile.main()
print([sum(kernel.stats.cache_misses.values()) for kernel in precompile.KERNELS])
"""


@pytest.mark.slow
def test_a_pilot_with_an_lrc_core_has_kernels_of_its_own(tmp_path):
    """What is noted for the one says nothing of the other."""
    cold = COLD.replace('are_compiled()', "are_compiled('lrc')")
    cold = cold.replace('(done, of)))', "(done, of)), core='lrc')")
    lrc_count = len(lrc_precompile.KERNELS) + len(frontend.KERNELS)
    assert printed(cold, tmp_path) == ['False', 'True', steps_of(lrc_count)]
    assert printed(LRC_WARM, tmp_path) == ['[0, 0]']
    assert printed(COLD, tmp_path) == ['False', 'True', steps_of(COUNT)]
    assert printed(COLD, tmp_path)[0] == 'True' == printed(cold, tmp_path)[0]


AT_ONCE = """
from liquid_pilot.liquid import precompile
from liquid_pilot.onboard.adaptation import precompile as frontend
from liquid_pilot.onboard.inference import kernels
assert kernels.main() == 0 and kernels.are_compiled()
print([sum(kernel.stats.cache_hits.values())
       for kernel in (*precompile.KERNELS, *frontend.KERNELS)])
"""


@pytest.mark.slow
def test_of_processes_that_compile_at_once_one_compiles_and_the_others_load(tmp_path):
    processes = [
        subprocess.Popen(
            [sys.executable, '-c', AT_ONCE],
            env={**os.environ, 'NUMBA_CACHE_DIR': str(tmp_path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    said = sorted(process.communicate()[0].splitlines()[-1] for process in processes)
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert said == [NONE, ONE, ONE]
    assert printed(WARM, tmp_path) == [NONE]


def test_the_cache_is_locked_for_one_thing_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(kernel_cache, 'cache_folder', lambda: tmp_path)
    with kernel_cache.locked_cache('this', 0.0), open(tmp_path / 'this.lock') as other:
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Another thing does not wait, and nobody waits for ever.
        for name in ('that', 'this'):
            with kernel_cache.locked_cache(name, 0.1):
                pass
    with open(tmp_path / 'this.lock') as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_where_nothing_can_be_locked_it_goes_on_without(tmp_path, monkeypatch):
    def refuse(file, operation):
        raise OSError(errno.ENOLCK, 'no locks available')

    entered = []
    monkeypatch.setattr(kernel_cache.fcntl, 'flock', refuse)
    for folder in (tmp_path, tmp_path / 'missing', None):
        monkeypatch.setattr(kernel_cache, 'cache_folder', lambda folder=folder: folder)
        with kernel_cache.locked_cache('this', 60.0):
            entered.append(folder)
    assert len(entered) == 3


@pytest.mark.parametrize('program', ['/no/such/python', '/bin/false'])
def test_a_process_that_fails_is_reported_and_raises_nothing(program, monkeypatch):
    monkeypatch.setattr(sys, 'executable', program)
    assert kernels.compile_all() is False


def test_without_a_cache_nothing_is_started(monkeypatch):
    monkeypatch.setattr(kernels, 'cache_folder', lambda: None)
    monkeypatch.setattr(kernels.subprocess, 'Popen', lambda *a, **k: pytest.fail('started'))
    assert kernels.compile_all() is False


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A folder of compiled kernels with two files."""
    folder = tmp_path / 'cache'
    monkeypatch.setenv('NUMBA_CACHE_DIR', str(folder))
    kernel_cache.cache_folder.cache_clear()
    kernel_cache.source_stamp.cache_clear()
    (folder / 'liquid_0').mkdir(parents=True)
    for name in ('_kernels.step.nbi', '_kernels.step.1.nbc'):
        (folder / 'liquid_0' / name).write_bytes(b'code')
    yield folder
    kernel_cache.cache_folder.cache_clear()
    kernel_cache.source_stamp.cache_clear()


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """A folder of kernels' sources."""
    folder = tmp_path / 'sources'
    folder.mkdir()
    (folder / '_kernels.py').write_text('one')
    monkeypatch.setattr(kernels, 'SOURCES', (folder,))
    return folder


def test_what_was_noted_is_known(cache, sources):
    assert not kernels.are_compiled()
    kernels.note_compiled()
    assert kernels.are_compiled()


def test_a_file_that_is_gone_or_a_source_that_changed_is_noticed(cache, sources):
    kernels.note_compiled()
    (cache / 'liquid_0' / '_kernels.step.1.nbc').unlink()
    assert not kernels.are_compiled()
    (cache / 'liquid_0' / '_kernels.step.1.nbc').write_bytes(b'code')
    assert kernels.are_compiled()
    (sources / '_kernels.py').write_text('another')
    kernel_cache.source_stamp.cache_clear()
    assert not kernels.are_compiled()


def test_a_file_that_was_cut_short_is_noticed(cache, sources):
    kernels.note_compiled()
    os.truncate(cache / 'liquid_0' / '_kernels.step.1.nbc', 0)
    assert not kernels.are_compiled()
    kernels.note_compiled()
    assert kernels.are_compiled()


def test_what_another_processor_compiled_is_not_for_this_one(cache, sources, monkeypatch):
    kernels.note_compiled()
    with monkeypatch.context() as patch:
        patch.setattr(kernels, '_processor', lambda: 'model name: another')
        assert not kernels.are_compiled()
    with monkeypatch.context() as patch:
        patch.setenv('NUMBA_CPU_NAME', 'generic')
        assert not kernels.are_compiled()
    assert kernels.are_compiled()


def test_a_damaged_note_is_none(cache, sources):
    kernels.note_compiled()
    (note,) = cache.glob('compiled-*.json')
    for damaged in ('', '[', '[]', '7', '{"a": 1}', '["a"]', '{"../cache": 1}'):
        note.write_text(damaged)
        assert not kernels.are_compiled()


def test_without_a_cache_nothing_is_noted_and_nothing_fails(sources, monkeypatch):
    monkeypatch.setattr(kernels, 'cache_folder', lambda: None)
    kernels.note_compiled()
    assert not kernels.are_compiled()


def test_who_only_asks_loads_no_compiler():
    code = (
        'import sys; from liquid_pilot.onboard.inference import kernels; kernels.are_compiled(); '
        "print('numba' in sys.modules, 'llvmlite' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, env=dict(os.environ)
    )
    assert done.stdout.split() == ['False', 'False'], done.stderr
