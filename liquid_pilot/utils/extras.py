"""Optional packages: which of them are missing, and how to install them here."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from liquid_pilot.interfaces import LiquidPilotError

_INSTALLED_NAMES = {'serial': 'pyserial', 'sklearn': 'scikit-learn'}
"""Names on the package index of the modules whose names differ from it."""
_TORCH_INDEX = 'https://download.pytorch.org/whl/cpu'
"""Index of the builds of torch for the CPU."""
_VENV = '~/liquid_pilot_venv'
"""Virtual environment that is advised where the system's Python refuses pip."""
_ROS_MODULES = {
    'rclpy',
    'diagnostic_msgs',
    'geometry_msgs',
    'nav_msgs',
    'sensor_msgs',
    'std_msgs',
    'std_srvs',
    'trajectory_msgs',
}
"""Modules of ROS 2 that every node needs."""
_SOURCE_ONLY = {
    'px4_msgs': 'https://github.com/PX4/px4_msgs (the branch of your firmware)',
    'crazyflie_interfaces': 'https://github.com/IMRCLab/crazyswarm2',
    'ardupilot_msgs': 'https://github.com/ArduPilot/ardupilot (Tools/ros2/ardupilot_msgs)',
}
"""Packages of messages that are built from their sources: apt has none of them."""
_MESSAGE_ENDINGS = ('_msgs', '_interfaces')
"""Ends of the names of ROS packages of messages."""


def require_modules(modules: Sequence[str], purpose: str, *, by_run: bool = True) -> None:
    """Check that optional modules are installed, without importing them.

    Args:
        modules: the modules, such as 'torch'.
        purpose: what needs them, such as 'training'.
        by_run: whether `./run COMMAND` of a checkout installs them for this command.

    Raises:
        LiquidPilotError: names those that are missing, and how to install them.
    """
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        names = ' and '.join(missing)
        verb = 'is' if len(missing) == 1 else 'are'
        advice = install_advice(*missing, by_run=by_run)
        raise LiquidPilotError(f'{purpose} needs {names}, which {verb} not installed; {advice}')


def install_advice(*modules: str, by_run: bool = True) -> str:
    """Return how to install modules for the Python that runs now.

    This package is on no package index, so the modules are named and not an extra of it.

    Args:
        modules: modules that are missing.
        by_run: whether `./run COMMAND` of a checkout installs them for the command in question.
    """
    if _ROS_MODULES & set(modules):
        return (
            'source ROS 2 (source /opt/ros/<distro>/setup.bash), or start the command by ./run of '
            'a checkout, which brings ROS 2 as wheels'
        )
    if modules[0] in _SOURCE_ONLY:
        return (
            f'clone {_SOURCE_ONLY[modules[0]]} into the src folder of your workspace, build it '
            f'(colcon build --packages-up-to {modules[0]}), and source it: apt does not have it'
        )
    if modules[0].endswith(_MESSAGE_ENDINGS):
        return (
            f'sudo apt install ros-$ROS_DISTRO-{modules[0].replace("_", "-")}, or build '
            f'{modules[0]} in your workspace, and source it'
        )
    checkout = Path(__file__).resolve().parents[2]
    in_checkout = Path(sys.prefix) == checkout / '.venv' and (checkout / 'run').is_file()
    if in_checkout and by_run:
        return f'start the command by {checkout / "run"}, which installs what it needs'
    if _is_externally_managed():
        # ROS from apt runs on the system's Python, which a virtual environment can see.
        pip = f'{_VENV}/bin/python -m pip install'
        return (
            f'this Python refuses pip (PEP 668): {Path(sys.executable).name} -m venv '
            f'--system-site-packages {_VENV} && {_pip_commands(pip, modules)}, then '
            f'`source {_VENV}/bin/activate` in each terminal before the command'
        )
    return _pip_commands(f'{sys.executable} -m pip install', modules)


def _pip_commands(pip: str, modules: Sequence[str]) -> str:
    """Return the commands that install modules.

    Args:
        pip: the command that installs a package of that name.
        modules: the modules.
    """
    names = [_INSTALLED_NAMES.get(name, name) for name in modules if name != 'torch']
    commands = [f'{pip} {" ".join(names)}'] if names else []
    if 'torch' in modules:
        # What the package index has for Linux brings gigabytes of CUDA. It comes first, because
        # others may depend on it.
        commands.insert(0, f'{pip} torch --index-url {_TORCH_INDEX}')
    return ' && '.join(commands)


def _is_externally_managed() -> bool:
    """Return whether pip refuses to install into this Python (PEP 668)."""
    if sys.prefix != sys.base_prefix:
        return False
    return Path(sysconfig.get_path('stdlib'), 'EXTERNALLY-MANAGED').is_file()
