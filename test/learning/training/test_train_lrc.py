"""A pilot with an LRC core from its training to its flight, and its training continued."""

from __future__ import annotations

import numpy as np
import pytest
from small_trainings import quiet, small

from liquid_pilot.learning.data import dataset_index
from liquid_pilot.learning.models.factory import make_core, parameter_budget, parameter_count
from liquid_pilot.learning.training.plan import Initialisation
from liquid_pilot.learning.training.train import train
from liquid_pilot.liquid.lrc.parameters import LrcParameters
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.rollout import InProcessPilot, fly_mission
from liquid_pilot.simulation.simulator import Simulation

SHORT = MissionRules(time_limit_s=1.0)


@pytest.fixture(scope='module')
def trained_lrc(trained, episodes, tmp_path_factory):
    """A pilot of core and joint stage, by the encoder of the shared training."""
    run, _ = trained
    return train(
        small(core='lrc'),
        tmp_path_factory.mktemp('lrc'),
        quiet,
        threads=1,
        data=dataset_index.read(episodes),
        initialisation=Initialisation(encoder_source=run),
    )


def test_it_is_trained_in_all_stages_and_can_adapt(trained, trained_lrc):
    _, ltc = trained
    assert trained_lrc.specification.core == {'type': 'lrc', 'wiring': ltc.wiring.to_dict()}
    assert isinstance(trained_lrc.parameters, LrcParameters)
    assert trained_lrc.training_statistics.has_predictor
    card = trained_lrc.specification.card
    assert {'core', 'joint'} <= set(card['stages'])
    assert card['parameters']['core'] == parameter_count(make_core(small(core='lrc'), 20.0))


def test_it_flies_as_trained_and_adapting(trained_lrc):
    with Simulation() as simulation:
        paths = [
            fly_mission(
                3, simulation, InProcessPilot(trained_lrc, simulation, adapting=adapting), SHORT
            ).path
            for adapting in (None, None, AdaptationSettings())
        ]
    assert paths[0] == paths[1] and len(paths[0]) > 10
    assert all(np.isfinite(path).all() for path in paths)


def test_its_training_goes_on_where_it_was(trained_lrc, episodes, tmp_path):
    def further(**settings):
        return train(
            small(core='lrc', encoder_frozen=True, **settings),
            tmp_path / str(len(settings)),
            quiet,
            threads=1,
            data=dataset_index.read(episodes),
            initialisation=Initialisation(pilot=trained_lrc),
        )

    still = further(core_rate=0.0)
    for name, tensor in trained_lrc.parameters.to_tensors().items():
        np.testing.assert_allclose(
            still.parameters.to_tensors()[name], tensor, rtol=1e-5, atol=1e-6
        )
    moved = further(core_epochs=20, fine_tune_rate=1.0)
    before, after = (pilot.specification.card['validation_loss'] for pilot in (trained_lrc, moved))
    assert after < before


def test_a_dense_one_has_as_many_parameters_as_the_ltc_and_an_ncp_wired_one_its_synapses():
    settings = {wiring: small(core='lrc', wiring=wiring) for wiring in ('ncp', 'dense')}
    cores = {wiring: make_core(each, 20.0) for wiring, each in settings.items()}
    assert parameter_count(cores['dense']) / parameter_budget(small()) == pytest.approx(1, abs=0.2)
    assert cores['ncp'].wiring.to_dict() == make_core(small(), 20.0).wiring.to_dict()
