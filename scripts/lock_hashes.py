#!/usr/bin/env python3
"""Write requirements-hashes.txt: what an installation takes, with the hash of every file.

    python scripts/lock_hashes.py                writes it, from PyPI; takes some minutes
    python scripts/lock_hashes.py 3.12           for this Python only

pip checks hashes only where every requirement has some, which a checkout cannot have. So two
commands install from the file: one for what others have written, one for the package itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / 'requirements-hashes.txt'
PYTHONS = ('3.11', '3.12', '3.13')
"""Pythons for which there are wheels of ROS 2."""
EXTRAS = 'ros,mavlink,sim,view'
"""What flies, on a robot and in simulation; torch differs between its indexes."""
HEAD = f"""\
# What liquid_pilot[{EXTRAS}] takes on x86-64 with Python {' or '.join(PYTHONS)}: versions of
# constraints.txt and the SHA-256 of each file on PyPI. Made by: python scripts/lock_hashes.py
# In a new virtual environment (the first line, because one package is built from its source):
#   pip install --require-hashes --no-deps -r <(grep -A1 ^setuptools= requirements-hashes.txt)
#   pip install --require-hashes --no-deps --no-build-isolation -r requirements-hashes.txt
#   pip install --no-deps --no-build-isolation -e .
"""


def resolve(wanted: list[str], *options: str) -> list[tuple[str, str]]:
    """Return what pip would install: 'name==version' and the hash of the file.

    Args:
        wanted: the requirements.
        options: further options of pip.
    """
    with tempfile.TemporaryDirectory() as folder:
        report, lines = Path(folder) / 'report.json', Path(folder) / 'wanted.txt'
        lines.write_text('\n'.join(wanted))
        # Another index, such as a mirror, may have other files.
        environment = {**os.environ, 'PIP_CONFIG_FILE': os.devnull}
        command = [sys.executable, '-m', 'pip', 'install', '-q', '--dry-run', '--ignore-installed']
        command += ['--target', folder, '--report', str(report), '-r', str(lines), *options]
        subprocess.run(command, env=environment, check=True)
        installed = json.loads(report.read_text())['install']
    found = []
    for entry in installed:
        name, version = entry['metadata']['name'], entry['metadata']['version']
        value = entry['download_info']['archive_info']['hashes']['sha256']
        found.append((f'{name.lower().replace("_", "-")}=={version}', value))
    return found


def requirements() -> list[str]:
    """Return what the package and its extras require, as setup.py says."""
    script = (
        'import setuptools, runpy, json\n'
        'found = {}\n'
        'setuptools.setup = lambda **options: found.update(options)\n'
        'runpy.run_path("setup.py")\n'
        f'extras = {EXTRAS.split(",")!r}\n'
        'lists = [found["install_requires"]] + [found["extras_require"][name] for name in extras]\n'
        'print(json.dumps(sorted({line for lines in lists for line in lines})))\n'
    )
    output = subprocess.run(
        [sys.executable, '-c', script], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    found: list[str] = json.loads(output)
    return found


def main() -> int:
    """Write the file."""
    pins = [
        name
        for name, _ in resolve(['setuptools', *requirements()], '-c', str(ROOT / 'constraints.txt'))
    ]
    hashes: dict[str, set[str]] = defaultdict(set)
    for python in tuple(sys.argv[1:]) or PYTHONS:
        for name, value in resolve(pins, '--no-deps', '--python-version', python):
            hashes[name].add(value)
        print(f'Python {python}: {len(hashes)} packages', file=sys.stderr)
    lines = [
        ' \\\n    '.join([name, *(f'--hash=sha256:{value}' for value in sorted(hashes[name]))])
        for name in sorted(hashes)
    ]
    FILE.write_text(HEAD + '\n'.join(lines) + '\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
