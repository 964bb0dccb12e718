"""Whether this machine can fly: one check after the other, each with what to do about it."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from importlib import metadata
from importlib.util import find_spec

from liquid_pilot.cli.doctor_onboard import FAIL, OK, ONBOARD_CHECKS, WARN, Check
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils.resources import shipped_pilots


def run_checks(onboard: bool = False) -> list[Check]:
    """All checks; none of them raises.

    `onboard`: on a robot, which simulates nothing and has no screen, but has to keep up.
    """
    checks = [
        ('Python', _python),
        ('ROS 2', _ros),
        ('middleware', _middleware),
        ('discovery', _discovery),
        ('launch', _launch),
        ('compiler cache', _cache),
        ('ONNX Runtime', _onnxruntime),
        ('pilots', _pilots),
    ]
    checks += (
        ONBOARD_CHECKS
        if onboard
        else [('camera rendering', _rendering), ('window', _window), ONBOARD_CHECKS[0]]
    )
    return [_run_check(name, check) for name, check in checks]


def print_checks(checks: list[Check]) -> None:
    """Print the table."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    colours = {OK: 'green', WARN: 'yellow', FAIL: 'red'}
    table = Table(box=None, pad_edge=False, show_header=False)
    for check in checks:
        text = check.found + (f'\n-> {check.advice}' if check.advice else '')
        table.add_row(f'[{colours[check.level]}]{check.level}[/]', check.name, escape(text))
    Console(highlight=False).print(table)


def _run_check(name: str, check: Callable[[], tuple[str, ...]]) -> Check:
    try:
        return Check(name, *check())
    except LiquidPilotError as error:
        return Check(name, FAIL, str(error))
    except Exception as error:  # whatever is broken on this machine is what we came to find
        text = (str(error) or repr(error)).splitlines()[0]
        return Check(name, FAIL, f'{type(error).__name__}: {text}')


def _python() -> tuple[str, ...]:
    found = f'{platform.python_version()} ({sys.executable}), {platform.machine()}'
    if sys.version_info < (3, 10):  # noqa: UP036  it may be run from a checkout
        return FAIL, found, 'Python 3.10 or newer is needed'
    return OK, found


def _ros() -> tuple[str, ...]:
    if find_spec('rclpy') is None:
        return (
            FAIL,
            'rclpy is not installed',
            (
                'source ROS 2 (source /opt/ros/<distro>/setup.bash), or pip install '
                '"liquid_pilot[ros]"'
            ),
        )
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray  # noqa: F401
    from nav_msgs.msg import Odometry  # noqa: F401
    from sensor_msgs.msg import Image  # noqa: F401
    from trajectory_msgs.msg import MultiDOFJointTrajectory  # noqa: F401

    distro = os.environ.get('ROS_DISTRO', '')
    executor = 'events executor'
    if find_spec('rclpy.experimental') is None:
        executor = 'single-threaded executor (callbacks cost more than with Jazzy)'
    if distro == 'humble':
        return (
            WARN,
            f'humble ({os.path.dirname(rclpy.__file__)})',
            (
                'nothing here was ever run on it, and it does not know '
                'ROS_AUTOMATIC_DISCOVERY_RANGE: use the container of ros:jazzy (docs/onboard.md)'
            ),
        )
    source = 'sourced' if distro else 'from wheels'
    return OK, f'{distro or "rclpy"} {source} ({os.path.dirname(rclpy.__file__)}), {executor}'


def _middleware() -> tuple[str, ...]:
    from rclpy.utilities import get_rmw_implementation_identifier

    name = get_rmw_implementation_identifier()
    if name == 'rmw_fastrtps_cpp':
        return OK, name
    return WARN, name, 'it works, but only Fast DDS is tested here; its profile is not applied'


def _discovery() -> tuple[str, ...]:
    found = os.environ.get('ROS_AUTOMATIC_DISCOVERY_RANGE')
    domain = os.environ.get('ROS_DOMAIN_ID', '0')
    if found is None:
        return (
            OK,
            f'ROS_DOMAIN_ID {domain}; simulation stays on this machine (LOCALHOST)',
            (
                'to see its topics in another terminal: export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST'
            ),
        )
    if found == 'LOCALHOST':
        return OK, f'ROS_DOMAIN_ID {domain}, LOCALHOST'
    return (
        WARN,
        f'ROS_DOMAIN_ID {domain}, ROS_AUTOMATIC_DISCOVERY_RANGE={found}',
        ('a simulated drone is heard by every machine in this network; LOCALHOST keeps it here'),
    )


def _launch() -> tuple[str, ...]:
    if find_spec('launch_ros') is None:
        return OK, 'launch_ros is not installed: `liquid-pilot fly` runs the same graph without it'
    return OK, '`ros2 launch liquid_pilot fly.launch.py` is available'


def _rendering() -> tuple[str, ...]:
    from liquid_pilot.simulation.mujoco.rendering import CameraRenderer, mujoco

    model = mujoco.MjModel.from_xml_string(
        '<mujoco><worldbody><light pos="0 0 3"/><geom type="box" size="1 1 1" rgba="1 0 0 1"/>'
        '<camera name="c" pos="0 -4 0" xyaxes="1 0 0 0 0 1"/></worldbody></mujoco>'
    )
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    with CameraRenderer(model, 'c', 64, 48) as renderer:
        image = renderer.render(data)
    backend = os.environ.get('MUJOCO_GL', '')
    if len(set(image)) < 2:
        return (
            FAIL,
            f'MuJoCo {mujoco.__version__} with {backend} draws an empty picture',
            ('set MUJOCO_GL to another of egl, osmesa'),
        )
    return OK, f'MuJoCo {mujoco.__version__} draws with {backend}'


def _cache() -> tuple[str, ...]:
    from liquid_pilot.liquid._jit import cache_folder

    folder = cache_folder()
    if folder is None:
        return (
            WARN,
            'no folder can be written',
            (
                'every start compiles the network (some 20 s); set NUMBA_CACHE_DIR to a folder that '
                'can be written'
            ),
        )
    return OK, str(folder)


def _onnxruntime() -> tuple[str, ...]:
    # As in flight: with its telemetry switched off.
    from liquid_pilot.onboard.inference.onnx_session import onnxruntime

    return OK, onnxruntime.__version__


def _pilots() -> tuple[str, ...]:
    from liquid_pilot import pilot_file
    from liquid_pilot.onboard.inference.engine import Engine

    shipped = shipped_pilots()
    if not shipped:
        return FAIL, 'no pilot is installed', 'install liquid_pilot again, or train one'
    for name, folder in shipped.items():
        try:
            Engine(pilot_file.load(folder))
        except LiquidPilotError as error:
            return FAIL, f'{name}: {error}', 'install liquid_pilot again'
    return OK, ', '.join(f'{name} ({folder})' for name, folder in shipped.items())


def _window() -> tuple[str, ...]:
    if not (os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY')):
        return WARN, 'there is no display', 'flights show no window; everything else works'
    try:
        return OK, f'pygame-ce {metadata.version("pygame-ce")}'
    except metadata.PackageNotFoundError:
        return (
            WARN,
            'pygame is not installed',
            ('for the window: pip install "liquid_pilot[view]"; everything else works'),
        )
