"""The house stays small: files that do one thing, folders that can be read at a glance."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / 'liquid_pilot'
MAX_LINES = 410
MAX_FILES = 18


def modules(folder):
    return [path for path in folder.rglob('*.py') if '__pycache__' not in path.parts]


def test_no_file_of_the_package_is_longer_than_about_400_lines():
    lines = {
        path.relative_to(ROOT): len(path.read_text().splitlines()) for path in modules(PACKAGE)
    }
    assert {str(path): count for path, count in lines.items() if count > MAX_LINES} == {}


def test_no_folder_of_the_package_has_more_than_about_15_files():
    folders = {path.parent for path in modules(PACKAGE)}
    count = {str(folder.relative_to(ROOT)): len([*folder.glob('*.py')]) for folder in folders}
    assert {folder: files for folder, files in count.items() if files > MAX_FILES} == {}


@pytest.mark.parametrize(
    'floor', ['evaluation', 'learning', 'liquid', 'nodes', 'onboard', 'pilot_file', 'simulation']
)
def test_the_tests_mirror_the_package(floor):
    """A folder of tests of a floor is the folder of what it tests."""
    for path in (ROOT / 'test' / floor).rglob('test_*.py'):
        assert (PACKAGE / path.parent.relative_to(ROOT / 'test')).is_dir(), path
