"""A small training of all stages, which the tests of this folder share."""

import pytest
from small_trainings import quiet, small

from liquid_pilot.learning.data import dataset_index
from liquid_pilot.learning.training.train import train


@pytest.fixture(scope='session')
def trained(episodes, tmp_path_factory):
    """The folder of a run of all stages, and its pilot."""
    out = tmp_path_factory.mktemp('run')
    return out, train(small(), out, quiet, threads=1, data=dataset_index.read(episodes))
