"""`liquid-pilot doctor`: checks whether this machine can fly, and says what to do."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable
from importlib import metadata
from importlib.util import find_spec

from liquid_pilot.cli.health.extension_checks import check_extensions
from liquid_pilot.cli.health.onboard_checks import FAIL, OK, ONBOARD_CHECKS, WARN, Check
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common.process import loopback
from liquid_pilot.utils.extras import install_advice
from liquid_pilot.utils.processes.browser import has_display
from liquid_pilot.utils.resources import shipped_pilots

_UNFOLDED_COLUMNS = 1000

DESCRIPTION = (
    'Checks Python, ROS 2, OpenGL, the pilots and whatever else a flight needs, and says what to '
    'do about anything that is missing. The exit code is 1 when something necessary is missing.'
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument(
        '--onboard',
        action='store_true',
        help='check a robot: without simulation and window, but with clock, ports, shared memory '
        'and message packages',
    )


def run(arguments: argparse.Namespace) -> int:
    """Check this machine and return the exit code."""
    checks = run_checks(arguments.onboard)
    print_checks(checks)
    return 1 if any(check.level == FAIL for check in checks) else 0


def run_checks(onboard: bool = False) -> list[Check]:
    """Run all checks; none of them raises.

    Args:
        onboard: whether to check a robot, which has no simulation and no screen.
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
        ('extensions', check_extensions),
    ]
    checks += (
        ONBOARD_CHECKS
        if onboard
        else [('camera rendering', _rendering), ('live page', _page), ONBOARD_CHECKS[0]]
    )
    return [_run_check(name, check) for name, check in checks]


def print_checks(checks: list[Check]) -> None:
    """Print the table of checks."""
    from rich.console import Console
    from rich.markup import escape

    from liquid_pilot.utils.tables import terminal_table

    colours = {OK: 'green', WARN: 'yellow', FAIL: 'red'}
    table = terminal_table(
        ('level', 'check', 'found'), left=('level', 'check', 'found'), header=False
    )
    for check in checks:
        text = check.found + (f'\n-> {check.advice}' if check.advice else '')
        table.add_row(f'[{colours[check.level]}]{check.level}[/]', check.name, escape(text))
    # Where nobody sees it as it is printed, lines are not folded: the report of a problem.
    folded = sys.stdout.isatty() or 'COLUMNS' in os.environ
    Console(highlight=False, width=None if folded else _UNFOLDED_COLUMNS).print(table)


def _run_check(name: str, check: Callable[[], tuple[str, ...]]) -> Check:
    try:
        return Check(name, *check())
    except LiquidPilotError as error:
        return Check(name, FAIL, str(error))
    except Exception as error:  # A check finds whatever is broken on this machine.
        text = (str(error) or repr(error)).splitlines()[0]
        return Check(name, FAIL, f'{type(error).__name__}: {text}')


def _python() -> tuple[str, ...]:
    found = f'{platform.python_version()} ({sys.executable}), {platform.machine()}'
    if sys.version_info < (3, 10):  # noqa: UP036  it may be run from a checkout
        return FAIL, found, 'Python 3.10 or newer is needed'
    return OK, found


def _ros() -> tuple[str, ...]:
    if find_spec('rclpy') is None:
        return FAIL, 'rclpy is not installed', install_advice('rclpy')
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray  # noqa: F401
    from nav_msgs.msg import Odometry  # noqa: F401
    from sensor_msgs.msg import Image  # noqa: F401
    from trajectory_msgs.msg import MultiDOFJointTrajectory  # noqa: F401

    distro = os.environ.get('ROS_DISTRO', '')
    executor = 'events executor'
    if find_spec('rclpy.experimental') is None:
        executor = 'single-threaded executor (callbacks are slower than with Jazzy)'
    if distro == 'humble':
        return (
            WARN,
            f'humble ({os.path.dirname(rclpy.__file__)})',
            'this package is not tested on it, and it does not support '
            'ROS_AUTOMATIC_DISCOVERY_RANGE: use the container of ros:jazzy '
            '(docs/how_to/onboard.md)',
        )
    source = 'sourced' if distro else 'from wheels'
    return OK, f'{distro or "rclpy"} {source} ({os.path.dirname(rclpy.__file__)}), {executor}'


def _middleware() -> tuple[str, ...]:
    from rclpy.utilities import get_rmw_implementation_identifier

    name = get_rmw_implementation_identifier()
    if name == 'rmw_fastrtps_cpp':
        return OK, name
    return WARN, name, 'only Fast DDS is tested; its profile is not applied to others'


def _discovery() -> tuple[str, ...]:
    found = os.environ.get('ROS_AUTOMATIC_DISCOVERY_RANGE')
    domain = os.environ.get('ROS_DOMAIN_ID', '0')
    if not loopback.is_up():
        return (
            FAIL,
            'the loopback interface is down, by which nodes find each other',
            loopback.ADVICE,
        )
    if found is None:
        return (
            OK,
            f'ROS_DOMAIN_ID {domain}; simulation stays on this machine (LOCALHOST)',
            'to see its topics in another terminal: export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST',
        )
    if found == 'LOCALHOST':
        return OK, f'ROS_DOMAIN_ID {domain}, LOCALHOST'
    return (
        WARN,
        f'ROS_DOMAIN_ID {domain}, ROS_AUTOMATIC_DISCOVERY_RANGE={found}',
        'other machines in this network receive the topics of a simulated drone; LOCALHOST keeps '
        'them here',
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
            f'MuJoCo {mujoco.__version__} renders an empty image with {backend}',
            'set MUJOCO_GL to the other of egl and osmesa',
        )
    return OK, f'MuJoCo {mujoco.__version__} renders with {backend}'


def _cache() -> tuple[str, ...]:
    from liquid_pilot.liquid.kernel_cache import cache_folder

    folder = cache_folder()
    if folder is None:
        return (
            WARN,
            'no folder is writable',
            'every start compiles the network (about 20 s); set NUMBA_CACHE_DIR to a writable '
            'folder',
        )
    return OK, str(folder)


def _onnxruntime() -> tuple[str, ...]:
    # First, because it switches the telemetry of ONNX Runtime off.
    import liquid_pilot.onboard.inference.onnx_session  # noqa: F401, I001
    import onnxruntime

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


def _page() -> tuple[str, ...]:
    try:
        version = metadata.version('aiohttp')
    except metadata.PackageNotFoundError:
        return (
            WARN,
            'aiohttp is not installed',
            f'for the page of a flight: {install_advice("aiohttp")}; everything else works',
        )
    screen = 'opened by fly' if has_display(os.environ) else 'no screen: --dashboard serves it'
    return OK, f'aiohttp {version}; {screen}'
