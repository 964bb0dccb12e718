"""Checks of a robot's computer: the time of a tick, its clock, threads, ports and packages.

Each check returns its level, what it found and, unless all is well, what to do about it.
"""

from __future__ import annotations

import glob
import os
import shutil
import time
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

OK, WARN, FAIL = 'ok', 'warn', 'fail'
"""Levels of a check: it flies, it flies with less, it does not fly."""
MEASURED_TICKS = 60
"""Number of ticks that are measured."""
_WIDTH, _HEIGHT = 640, 480
_MIN_FREE_SHM_BYTES = 64 << 20
"""Free shared memory below this is reported."""
_PORTS = ('/dev/serial*', '/dev/ttyACM*', '/dev/ttyUSB*', '/dev/ttyAMA*', '/dev/ttyTHS*')
_THREAD_VARIABLES = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS')
_PACKAGES = (
    'mavros_msgs',
    'px4_msgs',
    'ardupilot_msgs',
    'ackermann_msgs',
    'crazyflie_interfaces',
    'pymavlink',
)
"""Packages that adapters need."""


class Check(NamedTuple):
    """One line of the table of checks."""

    name: str
    level: str
    """OK, WARN or FAIL."""
    found: str
    """Finding of the check, in one line."""
    advice: str = ''
    """Advice to the user; empty where there is nothing to do."""


def measured_tick_s(name: str) -> tuple[float, float, float]:
    """Measure the ticks of a shipped pilot after warm-up: a VGA frame in, a command out.

    Args:
        name: name of the pilot.

    Returns:
        Median and 95th percentile of the time of a tick, and the period of the pilot's training,
        in seconds.
    """
    import numpy as np

    from liquid_pilot import pilot_file
    from liquid_pilot.interfaces import CameraGeometry, ImageBuffer, ImuSample, Observation
    from liquid_pilot.onboard.inference.engine import Engine

    pilot = pilot_file.load(pilot_file.resolve(name))
    engine = Engine(pilot)
    fov_rad = pilot.specification.camera.vertical_fov_rad
    engine.set_camera(CameraGeometry.from_vertical_fov(_WIDTH, _HEIGHT, 1.5 * fov_rad))
    engine.warm_up()
    pixels = np.random.default_rng(0).integers(0, 256, (_HEIGHT, _WIDTH, 3), np.uint8).tobytes()
    period_s = 1.0 / pilot.specification.rate_hz
    state, times_s = engine.initial_state(), []
    for k in range(MEASURED_TICKS):
        stamp_ns = round((k + 1) * period_s * 1e9)
        image = ImageBuffer(pixels, _WIDTH, _HEIGHT, 3 * _WIDTH, 'rgb8')
        imu = (ImuSample(stamp_ns, (0.0, 0.0, 0.0), (0.0, 0.0, 9.81)),)
        start_s = time.perf_counter()
        state = engine.tick(state, Observation(stamp_ns, image, imu)).state
        times_s.append(time.perf_counter() - start_s)
    return float(np.median(times_s)), float(np.quantile(times_s, 0.95)), period_s


def check_tick_time() -> tuple[str, ...]:
    """Compare the time of a tick with the period of the camera."""
    median_s, late_s, period_s = measured_tick_s('forest-ltc')
    found = (
        f'a tick of forest-ltc takes {1e3 * median_s:.2f} ms, at most {1e3 * late_s:.2f} ms '
        f'in 19 of 20; a frame arrives every {1e3 * period_s:.0f} ms'
    )
    if median_s > 0.8 * period_s:
        return (
            FAIL,
            found,
            'too slow: frames would be dropped. Set the performance governor, '
            'give the camera a size that is a whole multiple of 128x72, or lower '
            'its rate (the network takes the elapsed time into account)',
        )
    if late_s > 0.5 * period_s:
        return (
            WARN,
            found,
            'tight: set the performance governor, and stop other programs on this machine',
        )
    return OK, found


def check_cpu_governor() -> tuple[str, ...]:
    """Check the frequency governor of the processor."""
    files = glob.glob('/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor')
    found = sorted({Path(file).read_text().strip() for file in files})
    cores = f'{os.cpu_count()} cores'
    if not found:
        return OK, f'{cores}; no frequency governor to set (a virtual machine, or none)'
    if found == ['performance']:
        return OK, f'{cores}, governor performance'
    return (
        WARN,
        f'{cores}, governor {", ".join(found)}',
        'a clock that slows down between frames makes ticks late: echo performance | sudo tee '
        '/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor',
    )


def check_thread_pools() -> tuple[str, ...]:
    """Check that numerical libraries use one thread each."""
    unset = [name for name in _THREAD_VARIABLES if os.environ.get(name) != '1']
    if not unset:
        return OK, ', '.join(f'{name}=1' for name in _THREAD_VARIABLES)
    return (
        WARN,
        f'not set to 1: {", ".join(unset)}',
        'the launch files set them; for `ros2 run` export them: waking a thread pool costs more '
        'than it saves in one tick',
    )


def check_onnx_providers() -> tuple[str, ...]:
    """List the devices on which ONNX Runtime could run the encoder."""
    # First, because it switches the telemetry of ONNX Runtime off.
    import liquid_pilot.onboard.inference.onnx_session  # noqa: F401, I001
    import onnxruntime

    found = ', '.join(onnxruntime.get_available_providers())
    return OK, f'{found}; the encoder runs on the CPU, where it takes under a millisecond'


def check_shared_memory() -> tuple[str, ...]:
    """Check the shared memory that carries images between processes."""
    try:
        usage = shutil.disk_usage('/dev/shm')
    except OSError as error:
        return WARN, f'/dev/shm: {error.strerror}', 'images then go over UDP, which is slower'
    found = f'/dev/shm has {usage.free >> 20} of {usage.total >> 20} MB free'
    if usage.free < _MIN_FREE_SHM_BYTES:
        return WARN, found, 'DDS keeps images there: in a container, --shm-size=256m'
    return OK, found


def check_ports() -> tuple[str, ...]:
    """List cameras and serial ports, and check that this user may open them."""
    cameras = sorted(glob.glob('/dev/video*'))
    serial = sorted(path for pattern in _PORTS for path in glob.glob(pattern))
    closed = [path for path in (*cameras, *serial) if not os.access(path, os.R_OK | os.W_OK)]
    found = f'cameras: {", ".join(cameras) or "none"}; serial ports: {", ".join(serial) or "none"}'
    if closed:
        return (
            WARN,
            f'{found}; not allowed: {", ".join(closed)}',
            ('sudo usermod -aG video,dialout $USER, and log in again'),
        )
    return OK, found


def check_adapters() -> tuple[str, ...]:
    """List the packages of adapters that are installed and those that are not."""
    installed = [name for name in _PACKAGES if find_spec(name) is not None]
    missing = [name for name in _PACKAGES if name not in installed]
    found = f'installed: {", ".join(installed) or "none"}; not: {", ".join(missing) or "none"}'
    return OK, f'{found} (cmd_vel, mavros and ardupilot need none of them)'


ONBOARD_CHECKS = (
    ('tick', check_tick_time),
    ('governor', check_cpu_governor),
    ('thread pools', check_thread_pools),
    ('providers', check_onnx_providers),
    ('shared memory', check_shared_memory),
    ('ports', check_ports),
    ('vehicles', check_adapters),
)
