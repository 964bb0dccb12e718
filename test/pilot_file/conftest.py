"""Random but valid cores, and a saved pilot, for the tests of this folder."""

import pytest
from random_parameters import parameters_for  # noqa: F401
from saved_pilots import ENCODER, NET, SPECIFICATION

from liquid_pilot import pilot_file
from liquid_pilot.pilot_file import PilotFile


@pytest.fixture
def saved(tmp_path, parameters_for) -> PilotFile:  # noqa: F811
    """The pilot that the tests of the format start from, on disk."""
    return pilot_file.save(tmp_path / 'pilot', SPECIFICATION, NET, parameters_for(NET), ENCODER)
