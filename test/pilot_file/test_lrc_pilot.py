"""A pilot with an LRC core on disk: what is saved is loaded, and what does not fit is refused."""

import dataclasses

import numpy as np
import pytest
from lrc_pilots import lrc_pilot  # noqa: F401
from random_parameters import lrc_parameters, random_parameters
from safetensors.numpy import load as tensors_from_bytes
from safetensors.numpy import save as tensors_to_bytes
from saved_pilots import (
    ENCODER,
    NET,
    SPECIFICATION,
    assert_load_refused,
    edit_json,
    put_file,
)
from small_pilots import adaptive_pilot, pilot  # noqa: F401

from liquid_pilot import pilot_file
from liquid_pilot.cli import main
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid.lrc.parameters import LrcParameters, count_lrc_parameters
from liquid_pilot.pilot_file.plot import pilot_figure
from liquid_pilot.pilot_file.summary import describe, summarize

LRC = dataclasses.replace(SPECIFICATION, core={'type': 'lrc', 'wiring': NET.to_dict()})


@pytest.fixture
def saved(tmp_path):
    return pilot_file.save(tmp_path / 'pilot', LRC, NET, lrc_parameters(NET), ENCODER)


def test_what_is_saved_is_what_is_loaded(saved):
    loaded = pilot_file.load(saved.path)
    assert loaded.specification == LRC and loaded.specification.unfolds == 1
    assert isinstance(loaded.parameters, LrcParameters) and loaded.ltc_parameters is None
    for name, tensor in lrc_parameters(NET).to_tensors().items():
        np.testing.assert_array_equal(getattr(loaded.parameters, name), tensor)
    assert np.array_equal(loaded.wiring.polarity, NET.polarity)


def test_core_and_parameters_must_be_of_one_kind(tmp_path):
    for specification, parameters, words in (
        (LRC, random_parameters(NET), "core.type 'lrc' needs the parameters of an LRC core"),
        (SPECIFICATION, lrc_parameters(NET), "core.type 'ltc' needs the parameters of an LTC core"),
    ):
        with pytest.raises(LiquidPilotError, match=words):
            pilot_file.save(tmp_path / 'p', specification, NET, parameters, ENCODER)
    assert not (tmp_path / 'p').exists()


def test_a_type_that_is_not_that_of_the_tensors_is_refused(saved):
    edit_json(saved.path, lambda content: content['core'].update(type='ltc', unfolds=6))
    assert_load_refused(saved.path, 'core.safetensors', 'is not a parameter of an LTC core')
    edit_json(saved.path, lambda content: content['core'].update(type='lrc'))
    assert_load_refused(saved.path, 'pilot.json', 'core.unfolds is not a field')


@pytest.mark.parametrize(
    ('name', 'change', 'message'),
    [
        ('elastance_w', np.ones_like, "tensor 'elastance_w' has synapses that core.wiring has not"),
        (
            'sensory_elastance_w',
            np.ones_like,
            "tensor 'sensory_elastance_w' has synapses that core.wiring has not",
        ),
        ('elastance_shift', np.negative, "tensor 'elastance_shift' must not be negative"),
        ('elastance_b', lambda tensor: tensor / 0.0, "tensor 'elastance_b' holds values that are"),
    ],
)
def test_wrong_tensors_are_refused_by_name(saved, name, change, message):
    tensors = tensors_from_bytes((saved.path / 'core.safetensors').read_bytes())
    with np.errstate(divide='ignore'):
        tensors[name] = np.ascontiguousarray(change(tensors[name]))
    put_file(saved.path, 'core.safetensors', tensors_to_bytes(tensors))
    assert_load_refused(saved.path, 'pilot/core.safetensors: ', message)


def test_it_is_described_and_counted(lrc_pilot, capsys):  # noqa: F811
    found, wired = summarize(lrc_pilot.path), lrc_pilot.wiring
    synapses = wired.synapses + wired.sensory_synapses
    # w, sigma, mu, erev and elastance_w of a synapse; gleak, vleak, cm, elastance_b and
    # elastance_shift of a neuron; the mappings of 14 inputs and 4 motor neurons.
    assert found['constants']['core'] == 5 * synapses + 5 * 18 + 2 * 14 + 2 * 4
    assert found['constants']['core'] == count_lrc_parameters(14, 18, 4, synapses)
    assert (found['core'], found['neurons'], found['unfolds']) == ('lrc', 18, 1)
    assert 'in the LRC core' in describe(lrc_pilot.path)
    assert main.main(['inspect', str(lrc_pilot.path)]) == 0
    assert '[command 6]' in capsys.readouterr().out


def test_a_plot_is_refused_with_the_kind_of_core(lrc_pilot, tmp_path, capsys):  # noqa: F811
    with pytest.raises(LiquidPilotError, match="of kind 'lrc'; only the wiring and the time const"):
        pilot_figure(lrc_pilot.path)
    command = ['inspect', str(lrc_pilot.path), '--plot', str(tmp_path / 'lrc.png')]
    assert main.main(command) != 0
    assert "is of kind 'lrc', and only" in capsys.readouterr().err
    assert not (tmp_path / 'lrc.png').exists()
