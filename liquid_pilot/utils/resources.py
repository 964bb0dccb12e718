"""Look-up of the files that come with the package."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from liquid_pilot.interfaces import LiquidPilotError

PACKAGE = 'liquid_pilot'


def _share_folders() -> list[Path]:
    """The repository (in a checkout or an editable install), then the ament share folders."""
    prefixes = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
    return [
        Path(__file__).resolve().parents[2],
        *(Path(prefix) / 'share' / PACKAGE for prefix in (*prefixes, sys.prefix) if prefix),
    ]


def share_path(relative: str) -> Path:
    """A file that comes with the package: in the checkout, else in an ament share folder."""
    folders = _share_folders()
    for folder in folders:
        if (folder / relative).exists():
            return folder / relative
    raise LiquidPilotError(
        f'{relative} of {PACKAGE} is not found in {", ".join(map(str, folders))}; install again'
    )


def shipped_pilots() -> dict[str, Path]:
    """The pilots that come with the package: name -> folder."""
    found: dict[str, Path] = {}
    for folder in _share_folders():
        for settings in sorted(folder.glob('pilots/*/pilot.json')):
            # `colcon build --symlink-install` links file by file into the repository.
            found.setdefault(settings.parent.name, settings.resolve().parent)
    return found
