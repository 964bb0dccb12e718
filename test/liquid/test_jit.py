from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import liquid_pilot
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid import kernel_cache

PACKAGE = Path(liquid_pilot.__file__).parent
SCRIPT = """
import numpy as np
from liquid_pilot.liquid import _jit, _kernels, wiring
from liquid_pilot.liquid.dynamics import LtcDynamics
from liquid_pilot.liquid.parameters import LtcParameters
one = {name: np.ones(1, np.float32) for name in ('gleak', 'vleak', 'cm', 'input_w', 'input_b',
                                                 'output_w', 'output_b')}
pair = {prefix + name: np.ones((1, 1), np.float32) for prefix in ('', 'sensory_')
        for name in ('w', 'sigma', 'mu', 'erev')}
core = LtcDynamics(LtcParameters.from_tensors({**one, **pair}), 6)
core.warm_up()
assert np.isfinite(core.step(np.zeros(1, np.float32), np.zeros(1, np.float32), 0.05)).all()
print(_jit.cache_folder(), sum(_kernels.step.stats.cache_hits.values()))
"""


def _run(package_parent: Path, **environment: str | None) -> tuple[str, int]:
    """Step a core in a new process; -> (cache folder, hits). None removes a variable."""
    env = {**os.environ, 'PYTHONPATH': str(package_parent), 'PYTHONDONTWRITEBYTECODE': '1'}
    for name, value in environment.items():
        env.pop(name, None)
        if value is not None:
            env[name] = value
    done = subprocess.run(
        [sys.executable, '-c', SCRIPT],
        env=env,
        capture_output=True,
        text=True,
        cwd=package_parent,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    folder, hits = done.stdout.rsplit(maxsplit=1)
    return folder.strip(), int(hits)


def test_a_read_only_install_without_a_home_steps_without_a_cache(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / 'liquid_pilot', ignore=shutil.ignore_patterns('*.pyc'))
    file = tmp_path / 'file'
    file.touch()
    folders = [tmp_path, *(path for path in tmp_path.rglob('*') if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        # A folder below a file cannot be made, by root neither.
        nowhere = str(file / 'cache')
        assert _run(tmp_path, NUMBA_CACHE_DIR=None, XDG_CACHE_HOME=nowhere, HOME=None)[0] == 'None'
        assert not list(tmp_path.rglob('*.nbi'))
    finally:
        for folder in folders:
            folder.chmod(0o755)


def test_without_home_and_cache_variables_it_still_steps(tmp_path):
    # What is found then is the home in passwd, or nothing; a cache there is used, not required.
    _run(PACKAGE.parent, NUMBA_CACHE_DIR=None, XDG_CACHE_HOME=None, HOME=None)


@pytest.mark.slow
def test_the_cache_is_used_and_a_damaged_one_is_replaced(tmp_path):
    chosen = tmp_path / 'chosen'
    assert _run(PACKAGE.parent, NUMBA_CACHE_DIR=str(chosen)) == (str(chosen), 0)
    assert _run(PACKAGE.parent, NUMBA_CACHE_DIR=str(chosen)) == (str(chosen), 1)
    damaged = [path for path in chosen.rglob('*') if path.is_file()]
    assert damaged
    for path in damaged:
        os.truncate(path, 100)
    assert _run(PACKAGE.parent, NUMBA_CACHE_DIR=str(chosen)) == (str(chosen), 0)
    assert _run(PACKAGE.parent, NUMBA_CACHE_DIR=str(chosen)) == (str(chosen), 1)


@pytest.mark.slow
def test_the_cache_is_looked_for_in_the_usual_places(tmp_path):
    expected = tmp_path / 'xdg' / 'liquid_pilot' / 'numba'
    found = _run(PACKAGE.parent, NUMBA_CACHE_DIR=None, XDG_CACHE_HOME=str(tmp_path / 'xdg'))
    assert found[0] == str(expected)
    assert list(expected.rglob('*.nbi'))


@pytest.mark.slow
def test_a_change_in_one_file_of_kernels_drops_what_others_compiled(tmp_path):
    # Kernels call each other across files, and numba compares the file of the caller only.
    shutil.copytree(PACKAGE, tmp_path / 'liquid_pilot', ignore=shutil.ignore_patterns('*.pyc'))
    cache = str(tmp_path / 'cache')
    assert [_run(tmp_path, NUMBA_CACHE_DIR=cache)[1] for _ in range(2)] == [0, 1]
    with open(tmp_path / 'liquid_pilot' / 'liquid' / '_sensitivity_kernels.py', 'a') as file:
        file.write('# changed\n')
    assert _run(tmp_path, NUMBA_CACHE_DIR=cache)[1] == 0


AHEAD = """
import sys
import numpy as np
from liquid_pilot.liquid import _kernels, precompile
if len(sys.argv) > 1:
    sys.executable = sys.argv[1]
precompile.precompile_kernels()
precompile.main()
hits = [sum(kernel.stats.cache_hits.values()) for kernel in (_kernels.step, _kernels.conductance)]
print('hits', hits)
"""


def _precompile(*arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, '-c', AHEAD, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        cwd=PACKAGE.parent,
        timeout=180,
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout.strip()


def test_another_process_compiles_what_a_flight_then_loads(tmp_path):
    assert _precompile(NUMBA_CACHE_DIR=str(tmp_path)) == 'hits [1, 1]'
    # Nothing is left to compile: a compiler that fails is not even asked.
    assert _precompile('/no/such/python', NUMBA_CACHE_DIR=str(tmp_path)) == 'hits [1, 1]'


@pytest.mark.slow
def test_where_the_other_process_fails_this_one_compiles(tmp_path):
    assert _precompile('/no/such/python', NUMBA_CACHE_DIR=str(tmp_path / 'a')) == 'hits [0, 0]'
    assert _precompile('/bin/false', NUMBA_CACHE_DIR=str(tmp_path / 'b')) == 'hits [0, 0]'


DISABLED = """
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid import _kernels, precompile
from liquid_pilot.onboard.adaptation import precompile as frontend
for kernel in (*precompile.KERNELS, *frontend.KERNELS):
    try:
        kernel()
    except LiquidPilotError as error:
        print(error)
"""


def test_without_a_compiler_kernels_can_be_imported_and_say_why_they_cannot_be_called():
    done = subprocess.run(
        [sys.executable, '-c', DISABLED],
        env={**os.environ, 'NUMBA_DISABLE_JIT': '1'},
        capture_output=True,
        text=True,
        cwd=PACKAGE.parent,
        timeout=180,
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) > 2
    assert {line.rpartition('; ')[2] for line in lines} == {'unset NUMBA_DISABLE_JIT'}


@pytest.mark.parametrize(
    ('value', 'refused'), [('1', True), ('0', False), ('', False), ('x', False), (None, False)]
)
def test_whether_the_environment_disables_the_compiler(value, refused, monkeypatch):
    monkeypatch.delenv('NUMBA_DISABLE_JIT', raising=False)
    if value is not None:
        monkeypatch.setenv('NUMBA_DISABLE_JIT', value)
    if refused:
        with pytest.raises(LiquidPilotError, match='unset NUMBA_DISABLE_JIT'):
            kernel_cache.require_compiler()
    else:
        kernel_cache.require_compiler()
