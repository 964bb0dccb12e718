"""The files of this repository: tracked ones, and new ones that git does not ignore."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def repository_files():
    """Return the paths of all existing files, relative to the root and sorted.

    Skips the test outside of a git checkout.
    """
    listed = subprocess.run(
        ['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip('not a git checkout')
    names = {name for name in listed.stdout.split('\0') if name and (ROOT / name).is_file()}
    return [Path(name) for name in sorted(names)]
