"""A small adaptive pilot whose core is an LRC with random weights."""

from dataclasses import replace

import pytest
from random_parameters import lrc_parameters

from liquid_pilot import pilot_file
from liquid_pilot.pilot_file import PilotFile


def with_lrc_core(pilot, seed=1):
    """Return a pilot of the same wiring with an LRC core; it is on no disk."""
    core = {'type': 'lrc', 'wiring': pilot.wiring.to_dict()}
    return PilotFile(
        **{
            **vars(pilot),
            'specification': replace(pilot.specification, name='small-lrc', core=core),
            'parameters': lrc_parameters(pilot.wiring, seed),
        }
    )


@pytest.fixture(scope='session')
def lrc_pilot(adaptive_pilot, tmp_path_factory):
    """The small adaptive pilot with an LRC in place of its LTC, saved."""
    made = with_lrc_core(adaptive_pilot)
    return pilot_file.save(
        tmp_path_factory.mktemp('pilots') / 'lrc',
        made.specification,
        made.wiring,
        made.parameters,
        made.encoder,
        training_statistics=made.training_statistics,
    )
