"""The tick in flight: no allocation of image size, one thread, a read-only installation."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import CameraGeometry, ImageBuffer, ImuSample, Observation
from liquid_pilot.nodes.launch import flight_environment
from liquid_pilot.nodes.launch.flight_options import FlyOptions
from liquid_pilot.onboard.inference.engine import Engine

ROOT = Path(__file__).resolve().parents[3]
WIDTH, HEIGHT = 640, 480
BYTES = {'rgb8': 3, 'bgr8': 3, 'bgra8': 4, 'mono8': 1, 'mono16': 2, 'yuv422': 2, 'bayer_rggb8': 1}
PERIOD_NS = 50_000_000


def observation(k, encoding='rgb8'):
    size = BYTES[encoding]
    data = np.random.default_rng(0).integers(0, 256, WIDTH * HEIGHT * size, dtype=np.uint8)
    stamp_ns = k * PERIOD_NS
    image = ImageBuffer(data.tobytes(), WIDTH, HEIGHT, WIDTH * size, encoding)
    return Observation(stamp_ns, image, (ImuSample(stamp_ns, (0.1, 0, 0), (0, 0, 9.81)),) * 5)


@pytest.mark.parametrize('encoding', BYTES)
def test_a_steady_tick_allocates_nothing_of_image_size(make_pilot, make_encoder, encoding):
    """The least image around is one byte a pixel of the encoder's input; numpy's buffer for
    conversions, of 32 KiB whatever the image, is below that."""
    camera = CameraGeometry.from_vertical_fov(320, 180, 1.0)
    least = camera.width * camera.height
    pilot = make_pilot(camera=camera, encoder=make_encoder(camera=camera))
    engine = Engine(pilot)
    engine.warm_up()
    seen = [observation(k, encoding) for k in range(1, 30)]
    state = engine.initial_state()
    for entry in seen[:10]:
        state = engine.tick(state, entry).state
    tracemalloc.start()
    try:
        state = engine.tick(state, seen[10]).state
        settled, _ = tracemalloc.get_traced_memory()
        for entry in seen[11:]:
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            state = engine.tick(state, entry).state
            assert tracemalloc.get_traced_memory()[1] - before < 0.7 * least
        # Nor does anything pile up.
        assert tracemalloc.get_traced_memory()[0] - settled < 4096
        # What is looked for would be seen.
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        np.zeros(least, np.uint8)
        assert tracemalloc.get_traced_memory()[1] - before >= least
    finally:
        tracemalloc.stop()


FLIGHT = """
import json, os, sys
import numpy as np
folder = sys.argv[1]
if folder:
    try:
        open(os.path.join(folder, 'liquid_pilot', 'liquid', 'x'), 'w')
    except OSError:
        pass
    else:
        sys.exit('the folder can be written to')
import cv2
import liquid_pilot
from liquid_pilot.interfaces import ImageBuffer, ImuSample, Observation
from liquid_pilot import pilot_file
from liquid_pilot.liquid import _jit
from liquid_pilot.onboard.inference.engine import Engine
engine = Engine(pilot_file.load(pilot_file.resolve('forest-ltc')))
engine.warm_up()
state = engine.initial_state()
data = np.random.default_rng(0).integers(0, 256, 640 * 480 * 3, dtype=np.uint8).tobytes()
for k in range(1, 6):
    tick = engine.tick(state, Observation(k * 50_000_000, ImageBuffer(
        data, 640, 480, 1920, 'rgb8'), (ImuSample(k * 50_000_000, (0.1, 0, 0), (0, 0, 9.81)),) * 5))
    state = tick.state
print(json.dumps({
    'command': tick.command.values, 'threads': len(os.listdir('/proc/self/task')),
    'opencv': cv2.getNumThreads(), 'from': liquid_pilot.__path__[0],
    'cache': str(_jit.cache_folder())}))
"""


def without_root_powers():
    """In the child: even root must not write where the permissions do not let it."""
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)  # PR_CAPBSET_DROP, CAP_DAC_OVERRIDE


def flight(folder, **changes):
    """Fly five frames in a process whose environment has `changes` (None: unset); what it says."""
    environment = {
        **os.environ,
        **flight_environment.environment(FlyOptions(), os.environ),
        'OMP_NUM_THREADS': '1',
        'OPENBLAS_NUM_THREADS': '1',
        'PYTHONPATH': str(folder or ROOT),
        **changes,
    }
    environment = {name: value for name, value in environment.items() if value is not None}
    answer = subprocess.run(
        [sys.executable, '-c', FLIGHT, str(folder or '')],
        env=environment,
        cwd='/',
        capture_output=True,
        text=True,
        timeout=180,
        preexec_fn=without_root_powers,
    )
    assert answer.returncode == 0, answer.stderr
    assert not answer.stderr
    return json.loads(answer.stdout.splitlines()[-1])


def here():
    engine = Engine(pilot_file.load(pilot_file.resolve('forest-ltc')))
    state = engine.initial_state()
    for k in range(1, 6):
        tick = engine.tick(state, observation(k))
        state = tick.state
    return list(tick.command.values)


def test_a_flying_process_has_one_thread():
    found = flight(None)
    assert found['threads'] == 1 and found['opencv'] == 1
    assert found['command'] == here()


@pytest.mark.parametrize('home', [pytest.param(None, marks=pytest.mark.slow), '/proc/nobody'])
def test_a_read_only_installation_flies_with_and_without_a_place_for_its_cache(tmp_path, home):
    folder = tmp_path / 'installed'
    for name in ('liquid_pilot', 'pilots'):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns('__pycache__'))
    places = [folder, *folder.rglob('*')]
    for path in places:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        found = flight(folder, HOME=home, XDG_CACHE_HOME=None, NUMBA_CACHE_DIR=None)
        assert {path for path in folder.rglob('*')} == set(places[1:])
    finally:
        for path in places:
            path.chmod(0o755)
    assert found['from'] == str(folder / 'liquid_pilot')
    if home is not None:
        assert found['cache'] == 'None'
    assert found['command'] == here()
