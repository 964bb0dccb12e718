"""A copy of the small real pilot, which tests may damage."""

import shutil

import pytest


@pytest.fixture
def folder(pilot, tmp_path):
    """The folder of a copy of the small real pilot."""
    return shutil.copytree(pilot.path, tmp_path / 'pilot')
