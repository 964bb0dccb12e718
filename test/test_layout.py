"""The repository stays easy to survey: short files of one subject, in folders of a few entries.

Its programs take options alike, too.
"""

import ast
from collections import Counter
from pathlib import Path

import pytest
from repository_files import repository_files

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / 'liquid_pilot'
MAX_LINES = 410
MAX_FILES = 16
PROGRAMS = ('benchmarks', 'examples', 'liquid_pilot', 'scripts', 'studies')


def test_no_python_file_is_longer_than_about_400_lines():
    """This holds for the package, tests, studies, examples, benchmarks and scripts."""
    lines = {
        str(path): len((ROOT / path).read_text().splitlines())
        for path in repository_files()
        if path.suffix == '.py'
    }
    assert len(lines) > 400
    assert {path: count for path, count in lines.items() if count > MAX_LINES} == {}


def test_no_folder_has_more_than_16_files():
    """Sub-folders and __init__.py are not counted.

    The root is not counted either: git, pip, colcon and GitHub each need their files there.
    """
    files = Counter(str(path.parent) for path in repository_files() if path.name != '__init__.py')
    del files['.']
    assert {folder: count for folder, count in files.items() if count > MAX_FILES} == {}


@pytest.mark.parametrize(
    'floor',
    [
        'dashboard',
        'evaluation',
        'explanation',
        'learning',
        'liquid',
        'nodes',
        'onboard',
        'pilot_file',
        'simulation',
    ],
)
def test_the_tests_mirror_the_package(floor):
    """Every folder of tests of a floor has the path of the folder that it tests."""
    for path in (ROOT / 'test' / floor).rglob('test_*.py'):
        assert (PACKAGE / path.parent.relative_to(ROOT / 'test')).is_dir(), path


def parsers(path):
    """Calls in a file that make a parser of options."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith('ArgumentParser'):
            yield node


def test_no_program_takes_the_beginning_of_an_option_for_the_option():
    """A misspelt or a later option would be another one in silence."""
    made = [
        (f'{path}:{call.lineno}', {key.arg: ast.unparse(key.value) for key in call.keywords})
        for path in repository_files()
        if path.suffix == '.py' and path.parts[0] in PROGRAMS
        for call in parsers(path)
    ]
    assert len(made) > 25
    assert [at for at, options in made if options.get('allow_abbrev') != 'False'] == []
