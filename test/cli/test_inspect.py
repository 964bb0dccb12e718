"""What `liquid-pilot inspect` shows of a pilot."""

import json

import onnx
import pytest

from liquid_pilot.cli import main
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.pilot_file.onnx_check import count_onnx_parameters


def test_as_json(pilot, capsys):
    assert main.main(['inspect', str(pilot.path), '--json']) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found['name'], found['digest']) == ('small', pilot.digest)
    assert found['neurons'] == pilot.wiring.neurons
    weights = onnx.load_from_string(pilot.encoder).graph.initializer
    numbers = sum(onnx.numpy_helper.to_array(weight).size for weight in weights)
    assert found['parameters'] is None and found['constants']['encoder'] == numbers
    # gleak, vleak and cm of each neuron; w, sigma, mu and erev of each synapse; two affine maps.
    core = 3 * 18 + 4 * (found['synapses'] + found['sensory_synapses']) + 2 * 14 + 2 * 4
    assert found['constants']['total'] == numbers + core
    assert found['camera']['vertical_fov_deg'] == pytest.approx(52.0)
    assert found['card'] == {'for': 'tests'}


def test_trained_parameters_are_those_of_the_card_and_the_constants_all_there_are(capsys):
    assert main.main(['inspect', 'forest-ltc', '--json']) == 0
    found = json.loads(capsys.readouterr().out)
    assert found['parameters'] == found['card']['parameters']
    assert found['parameters']['core'] == found['constants']['core']
    fixed = found['constants']['total'] - found['parameters']['total']
    assert main.main(['inspect', 'forest-ltc']) == 0
    text = capsys.readouterr().out
    assert f'{found["parameters"]["total"]} trained parameters: ' in text
    assert f'; {fixed} fixed constants; ' in text


def test_for_people(pilot, capsys):
    assert main.main(['inspect', str(pilot.path)]) == 0
    text = capsys.readouterr().out
    for words in (
        'small',
        pilot.digest,
        '64 x 36 pixels',
        '[command 6]',
        'at most  2.5  1.5',
        'for: tests',
        'm/s and rad/s',
    ):
        assert words in text


def test_what_a_pilot_adapts_by(pilot, adaptive_pilot, capsys):
    assert main.main(['inspect', str(adaptive_pilot.path), '--json']) == 0
    found = json.loads(capsys.readouterr().out)
    assert found['adaptation']['filter_blocks'] == [2, 4]
    assert found['adaptation']['has_predictor']
    assert found['bytes']['adaptation.safetensors'] > 1000
    for one, words in ((adaptive_pilot, '2 x 4 blocks'), (pilot, 'liquid-pilot fit-statistics')):
        assert main.main(['inspect', str(one.path)]) == 0
        assert words in capsys.readouterr().out


def test_a_broken_encoder_is_reported():
    with pytest.raises(LiquidPilotError, match='not a readable ONNX file'):
        count_onnx_parameters(b'\x3a\xff\x01abc')
