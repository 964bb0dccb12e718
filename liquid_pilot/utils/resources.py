"""Look-up of installed files: those of this package, and those of other ROS packages."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from liquid_pilot.interfaces import LiquidPilotError

PACKAGE = 'liquid_pilot'


def package_prefixes(package: str) -> list[Path]:
    """Return the installation prefixes in which a package may be found, the likeliest first.

    The first one is what the ament index says, where ament_index_python is installed and knows the
    package. The others follow without it: every entry of AMENT_PREFIX_PATH, then the prefix of
    this Python.
    """
    prefixes = [*_ament_prefix(package), *os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)]
    return list(dict.fromkeys(Path(prefix) for prefix in (*prefixes, sys.prefix) if prefix))


def find_installed(package: str, kind: str, relative: str) -> Path | None:
    """Return the path of an installed file, or None when no prefix has it.

    Args:
        package: name of the package.
        kind: the folder below the prefix, 'share' or 'lib'.
        relative: path of the file in the package's folder.
    """
    for prefix in package_prefixes(package):
        path = prefix / kind / package / relative
        if path.is_file():
            return path
    return None


def share_path(relative: str) -> Path:
    """Return the path of a file that comes with this package, such as 'config/fly.yaml'.

    Raises:
        LiquidPilotError: when it is neither in the checkout nor in an installed share folder.
    """
    folders = _share_folders()
    for folder in folders:
        if (folder / relative).exists():
            return folder / relative
    raise LiquidPilotError(
        f'{relative} of {PACKAGE} is not found in {", ".join(map(str, folders))}; install again'
    )


def shipped_pilots() -> dict[str, Path]:
    """Return the folders of the pilots that come with the package, by name."""
    found: dict[str, Path] = {}
    for folder in _share_folders():
        for settings in sorted(folder.glob('pilots/*/pilot.json')):
            # `colcon build --symlink-install` links file by file into the repository.
            found.setdefault(settings.parent.name, settings.resolve().parent)
    return found


def _share_folders() -> list[Path]:
    """Return the repository (in a checkout or an editable install), then the share folders."""
    return [
        Path(__file__).resolve().parents[2],
        *(prefix / 'share' / PACKAGE for prefix in package_prefixes(PACKAGE)),
    ]


def _ament_prefix(package: str) -> list[str]:
    """Return the prefix of a package in the ament index, or nothing without an index or entry."""
    try:
        from ament_index_python.packages import get_package_prefix
    except ImportError:
        return []
    try:
        return [str(get_package_prefix(package))]
    except (LookupError, OSError, ValueError):  # OSError: AMENT_PREFIX_PATH is not set.
        return []
