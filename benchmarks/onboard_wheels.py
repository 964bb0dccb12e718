"""Measure what a robot installs: wheels for a 64-bit ARM board, resolved on any machine.

    python benchmarks/onboard_wheels.py [--python 3.10 3.12] [--keep FOLDER]

For each Python, pip resolves what setup.py asks for without any extra, and with `mavlink`, taking
nothing but wheels for aarch64 (glibc 2.28 or newer: Debian 12, Ubuntu 22.04 and 24.04), as on a
board where nothing is compiled. rclpy and the messages come from apt or the container, and are not
counted; with apt's on Ubuntu 24.04 the versions are those of constraints-numpy1.txt. `download_mb`
is the size of the wheels, `installed_mb` of what they hold (10^6 bytes). Downloads some 150 MB a
Python. The last line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import ast
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parent.parent
PLATFORMS = (
    'manylinux_2_28_aarch64',
    'manylinux_2_27_aarch64',
    'manylinux_2_24_aarch64',
    'manylinux_2_17_aarch64',
    'manylinux2014_aarch64',
)
CONSTRAINTS = {'3.12': 'constraints-numpy1.txt'}
"""Constraints for a Python whose rclpy is compiled against the NumPy of apt."""
EXTRAS = ('', 'mavlink')


def requirements(extra: str) -> list[str]:
    """Return the requirements of setup.py, read without running it."""
    values: dict[str, object] = {}
    for node in ast.walk(ast.parse((ROOT / 'setup.py').read_text())):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List):
            try:
                values[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
        if isinstance(node, ast.keyword) and node.arg == 'install_requires':
            values['install_requires'] = ast.literal_eval(node.value)
    return [*values['install_requires'], *(values[extra.upper()] if extra else ())]


def download(python: str, extra: str, folder: Path) -> None:
    """Download the wheels of one Python.

    Args:
        python: version of Python, such as '3.12'.
        extra: extra of setup.py; empty: none.
        folder: folder of the wheels.

    Raises:
        CalledProcessError: a wheel is missing for this platform.
    """
    constraints = CONSTRAINTS.get(python)
    subprocess.run(
        [
            sys.executable,
            '-m',
            'pip',
            'download',
            '--quiet',
            '--disable-pip-version-check',
            '--only-binary',
            ':all:',
            '--python-version',
            python,
            '--implementation',
            'cp',
            *(text for name in PLATFORMS for text in ('--platform', name)),
            *(('--constraint', str(ROOT / constraints)) if constraints else ()),
            '--dest',
            str(folder),
            *requirements(extra),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def weigh(folder: Path) -> dict[str, object]:
    """Return the sizes and the versions of the wheels in a folder."""
    wheels, installed = {}, {}
    for path in sorted(folder.glob('*.whl')):
        name, version = path.name.split('-')[:2]
        wheels[name] = version
        with zipfile.ZipFile(path) as archive:
            installed[name] = sum(entry.file_size for entry in archive.infolist())
    largest = sorted(installed, key=installed.__getitem__, reverse=True)[:5]
    return {
        'download_mb': round(sum(path.stat().st_size for path in folder.glob('*.whl')) * 1e-6, 1),
        'installed_mb': round(sum(installed.values()) * 1e-6, 1),
        'largest_mb': {name: round(installed[name] * 1e-6, 1) for name in largest},
        'versions': wheels,
    }


def main(arguments: list[str] | None = None) -> int:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0], allow_abbrev=False)
    parser.add_argument('--python', nargs='+', default=['3.10', '3.12'], metavar='X.Y')
    parser.add_argument('--keep', type=Path, metavar='FOLDER', help='leave the wheels there')
    parsed = parser.parse_args(arguments)
    console, found = Console(stderr=True), {}
    with tempfile.TemporaryDirectory() as scratch:
        for python in parsed.python:
            for extra in EXTRAS:
                name = f'{python}{f" with {extra}" if extra else ""}'
                folder = (parsed.keep or Path(scratch)) / name.replace(' ', '-')
                with console.status(f'Python {name}: resolving for aarch64'):
                    try:
                        download(python, extra, folder)
                    except subprocess.CalledProcessError:
                        console.print(f'Python {name}: cannot be resolved; see what pip says above')
                        return 1
                found[name] = weigh(folder)
    print(json.dumps(found))
    return 0


if __name__ == '__main__':
    sys.exit(main())
