"""Packages that a page of docs/how_to/ shows, installed as pip would leave them.

A page has each file of its package as a fenced block with the file's name as title.
"""

import contextlib
import importlib
import os
import re
import sys
from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    from pip._vendor import tomli as tomllib

ROOT = Path(__file__).resolve().parents[3]
HOW_TO = ROOT / 'docs' / 'how_to'
_BLOCK = re.compile(r'^```(\w+) title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def files_of(page):
    """Return the files of a page by name, such as those of 'own_weather.md'."""
    found = {title: text for _, title, text in _BLOCK.findall((HOW_TO / page).read_text())}
    assert 'pyproject.toml' in found, f'{page} shows no package'
    return found


def write_metadata(folder, name, entry_points, version='1.0'):
    """Write what an installed package says of itself, and what it adds to others.

    Args:
        folder: the folder of its modules.
        name: name of the package.
        entry_points: object by name of the entry, by group.
        version: version of the package.
    """
    about = folder / f'{name}-{version}.dist-info'
    about.mkdir()
    (about / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n')
    (about / 'entry_points.txt').write_text(
        '\n'.join(
            f'[{group}]\n' + ''.join(f'{entry} = {value}\n' for entry, value in entries.items())
            for group, entries in entry_points.items()
        )
    )


def install(files, folder):
    """Write the modules of a package into a folder, and the metadata that says what it adds.

    Args:
        files: text of its files by name; other files than pyproject.toml and modules stay out.
        folder: the folder, which must be on the path of whoever uses the package.

    Returns:
        The names of its modules.
    """
    project = tomllib.loads(files['pyproject.toml'])['project']
    folder.mkdir(parents=True, exist_ok=True)
    modules = [name for name in files if name.endswith('.py')]
    for name in modules:
        (folder / name).write_text(files[name])
    name, version = project['name'], project['version']
    write_metadata(folder, name, project['entry-points'], version)
    return [name.removesuffix('.py') for name in modules]


@contextlib.contextmanager
def installed(files, folder):
    """Install a package for the time of a `with` block, for this process and those it starts."""
    modules = install(files, folder)
    before = os.environ.get('PYTHONPATH', '')
    sys.path.insert(0, str(folder))
    os.environ['PYTHONPATH'] = os.pathsep.join(filter(None, (str(folder), before)))
    importlib.invalidate_caches()
    try:
        yield folder
    finally:
        sys.path.remove(str(folder))
        os.environ['PYTHONPATH'] = before
        for module in modules:
            sys.modules.pop(module, None)
