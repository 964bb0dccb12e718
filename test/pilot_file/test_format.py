"""The content of a pilot file: what is saved is loaded, and wrong content is refused by name."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load as tensors_from_bytes
from safetensors.numpy import save as tensors_to_bytes
from saved_pilots import (
    ENCODER,
    NET,
    OTHER_ENCODER,
    SPECIFICATION,
    assert_load_refused,
    edit_json,
    put_file,
)

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid import wiring
from liquid_pilot.pilot_file import PilotFile


def test_what_is_saved_is_what_is_loaded(saved, parameters_for):
    loaded = pilot_file.load(saved.path)
    assert loaded.specification == SPECIFICATION == saved.specification
    assert loaded.specification.unfolds == 6
    assert loaded.encoder == ENCODER
    assert np.array_equal(loaded.wiring.polarity, NET.polarity)
    for name, tensor in parameters_for(NET).to_tensors().items():
        np.testing.assert_array_equal(getattr(loaded.parameters, name), tensor)
    assert loaded.digest == saved.digest
    assert loaded.digest == hashlib.sha256((saved.path / 'pilot.json').read_bytes()).hexdigest()
    assert sorted(path.name for path in saved.path.iterdir()) == [
        'core.safetensors',
        'encoder.onnx',
        'pilot.json',
    ]


def test_a_pilot_without_a_word_on_lenses_asks_for_rectified_images(saved):
    assert saved.specification.rectify
    edit_json(saved.path, lambda content: content.pop('rectify'))
    assert pilot_file.load(saved.path).specification.rectify
    edit_json(saved.path, _at('rectify', False))
    assert not pilot_file.load(saved.path).specification.rectify


def test_the_trust_region_of_the_capacitances_is_optional(saved, parameters_for, tmp_path):
    assert saved.specification.capacitance_scale_range == (0.5, 2.0)
    assert 'capacitance_scale_range' not in (saved.path / 'pilot.json').read_text()
    edit_json(saved.path, _at('capacitance_scale_range', [0.125, 16]))
    wide = pilot_file.load(saved.path)
    assert wide.specification.capacitance_scale_range == (0.125, 16.0)
    again = pilot_file.save(
        tmp_path / 'again', wide.specification, NET, parameters_for(NET), ENCODER
    )
    assert again.specification == wide.specification


def test_the_digest_follows_every_part(saved, parameters_for, tmp_path):
    others = [
        pilot_file.save(tmp_path / 'a', SPECIFICATION, NET, parameters_for(NET, 1), ENCODER),
        pilot_file.save(tmp_path / 'b', SPECIFICATION, NET, parameters_for(NET), OTHER_ENCODER),
    ]
    same = pilot_file.save(tmp_path / 'c', SPECIFICATION, NET, parameters_for(NET), ENCODER)
    assert len({saved.digest, *(other.digest for other in others)}) == 3
    assert same.digest == saved.digest


def test_saving_with_another_wiring_is_refused(tmp_path, parameters_for):
    other = wiring.dense(14, 15, 4, seed=0)
    with pytest.raises(LiquidPilotError, match=r'core\.wiring'):
        pilot_file.save(tmp_path / 'p', SPECIFICATION, other, parameters_for(other), ENCODER)
    assert not (tmp_path / 'p').exists()


def _replace(name, change):
    return lambda tensors: tensors.update({name: change(tensors[name])})


def _nan(tensor):
    return np.where(np.arange(tensor.size).reshape(tensor.shape) == 1, np.float32(np.nan), tensor)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda tensors: tensors.pop('erev'), "tensor 'erev' is missing"),
        (
            _replace('mu', lambda t: t[:-1]),
            "tensor 'mu' must have the shape (15, 15), not (14, 15)",
        ),
        (_replace('vleak', _nan), "tensor 'vleak' holds values that are not finite"),
        (_replace('cm', lambda t: 0 * t), "tensor 'cm' must be positive"),
        (_replace('sigma', lambda t: t.astype(np.float16)), "tensor 'sigma' must be float32"),
        (_replace('w', np.ones_like), "tensor 'w' has synapses that core.wiring has not"),
        (
            _replace('sensory_w', np.ones_like),
            "tensor 'sensory_w' has synapses that core.wiring has not",
        ),
        (
            lambda tensors: tensors.update(
                {name: tensors[name][:-1] for name in tensors if name in ('output_w', 'output_b')}
            ),
            'core.wiring needs (14, 15, 4)',
        ),
    ],
)
def test_wrong_tensors_are_refused_by_name(saved, change, message):
    tensors = tensors_from_bytes((saved.path / 'core.safetensors').read_bytes())
    change(tensors)
    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    put_file(saved.path, 'core.safetensors', tensors_to_bytes(tensors))
    assert_load_refused(saved.path, 'pilot/core.safetensors: ', message)


@pytest.mark.parametrize(
    'field',
    [
        'format',
        'version',
        'name',
        'vehicle',
        'rate_hz',
        'dt_min_s',
        'dt_max_s',
        'camera',
        'core',
        'features',
        'imu_mean',
        'imu_scale',
        'command_scale',
        'limits',
        'card',
        'sha256',
        'camera.width',
        'camera.fx',
        'core.type',
        'core.unfolds',
        'core.wiring',
        'core.wiring.kind',
        'core.wiring.seed',
        'limits.maximum',
        'limits.slew',
        'limits.command_timeout_s',
        'limits.safe_command',
        'sha256.core.safetensors',
        'sha256.encoder.onnx',
    ],
)
def test_every_field_is_needed_and_typed(saved, field):
    content = json.loads((saved.path / 'pilot.json').read_text())
    # File names have dots of their own.
    parents = field.split('.')[:-1] if not field.startswith('sha256.') else ['sha256']
    last = field.removeprefix('.'.join([*parents, '']))
    for wrong in (None, 'absent', True, {'no': 1}, -1, 'text', [], '@huge@', 10**400):
        changed = copy.deepcopy(content)
        place = changed
        for parent in parents:
            place = place[parent]
        if wrong == 'absent':
            del place[last]
        elif (wrong, last) in (('text', 'vehicle'), ('text', 'name'), ({'no': 1}, 'card')):
            continue  # right by its type
        else:
            place[last] = wrong
        text = json.dumps(changed).replace('"@huge@"', '1e400')
        (saved.path / 'pilot.json').write_text(text)
        # A hash that is only wrong is reported with the file it is of.
        assert_load_refused(saved.path, 'pilot/' if wrong == 'text' else 'pilot/pilot.json', field)


def _at(*keys_and_value):
    *keys, last, value = keys_and_value

    def change(content):
        for key in keys:
            content = content[key]
        content[last] = value

    return change


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (_at('format', 'lerobot'), "format must be 'liquid_pilot'"),
        (_at('version', 2), 'version must be 1'),
        (_at('name', '../../etc'), 'name may have letters'),
        (_at('rate_hz', 1000.0), 'rate_hz must fit dt_min_s'),
        (_at('dt_max_s', 0.001), 'dt_max_s must lie in'),
        (_at('camera', 'height', 0), 'camera.height must lie in'),
        (_at('camera', 'width', 128.0), 'camera.width must be an integer'),
        (_at('camera', 'lens', 1), 'camera.lens is not a field'),
        (_at('core', 'type', 'rnn'), 'core.type must be one of ltc, lrc, cfc, gru'),
        (_at('core', 'unfolds', 0), 'core.unfolds must lie in'),
        (_at('core', 'wiring', 'inputs', 15), 'core.wiring.inputs must be features + 6'),
        (_at('core', 'wiring', 'motor', 3), 'core.wiring must have 4 motor neurons'),
        (_at('core', 'wiring', 'inter_fanout', 99), 'core.wiring.inter_fanout must be'),
        (_at('features', 9), 'core.wiring.inputs must be features + 6 = 15'),
        (_at('imu_mean', [0.0] * 5), 'imu_mean must have 6 entries, not 5'),
        (_at('imu_scale', [0.0] * 6), 'imu_scale must lie in'),
        (_at('imu_scale', ['1'] * 6), 'imu_scale must hold numbers'),
        (_at('command_scale', [1.0, 1.0, 1.0, True]), 'command_scale must hold numbers'),
        (_at('limits', 'slew', [0.0] * 4), 'limits: maximum must be >= 0 and slew > 0'),
        (_at('limits', 'safe_command', [9.0] * 4), 'limits: safe_command exceeds maximum'),
        (_at('limits', 'command_timeout_s', 0.0), 'limits.command_timeout_s must lie in'),
        (_at('rectify', 1), 'rectify must be true or false'),
        (_at('capacitance_scale_range', [0.1, 2.0]), 'capacitance_scale_range must lie in [0.125'),
        (_at('capacitance_scale_range', [0.5, 17.0]), 'capacitance_scale_range must lie in'),
        (_at('capacitance_scale_range', [2.0, 4.0]), 'must have 1, which is as trained, between'),
        (_at('capacitance_scale_range', [0.5]), 'capacitance_scale_range must have 2 entries'),
        (_at('capacitance_scale_range', 2.0), 'capacitance_scale_range must be a list of 2'),
        (_at('comment', 'hello'), 'comment is not a field of version 1'),
        (_at('sha256', 'pilot.json', 'x'), 'sha256.pilot.json is not a field'),
    ],
)
def test_wrong_values_are_refused_by_field(saved, change, message):
    edit_json(saved.path, change)
    assert_load_refused(saved.path, 'pilot/pilot.json: ', message)


def test_a_card_that_json_cannot_hold_is_refused(tmp_path, parameters_for):
    for value in (float('nan'), b'bytes'):
        specification = dataclasses.replace(SPECIFICATION, card={'value': value})
        with pytest.raises(LiquidPilotError, match=r'pilot\.json cannot be written'):
            pilot_file.save(tmp_path / 'p', specification, NET, parameters_for(NET), ENCODER)


def _graph_pilot(path: Path, **core) -> PilotFile:
    specification = dataclasses.replace(
        SPECIFICATION, core={'type': 'gru', 'state_size': 12, **core}
    )
    return pilot_file.save(path, specification, None, None, ENCODER, OTHER_ENCODER)


def test_a_core_that_is_a_graph_is_saved_and_loaded(tmp_path, parameters_for):
    saved = _graph_pilot(tmp_path / 'p')
    assert (saved.core_graph, saved.encoder) == (OTHER_ENCODER, ENCODER)
    assert saved.wiring is None and saved.parameters is None
    assert saved.specification.core == {'type': 'gru', 'state_size': 12}
    (saved.path / 'core.onnx').write_bytes(ENCODER)
    assert_load_refused(saved.path, 'p/core.onnx:', 'sha256.core.onnx')
    put_file(saved.path, 'core.onnx', b'no graph')
    assert_load_refused(saved.path, 'p/core.onnx: is not a readable ONNX file')
    # A liquid pilot in its place leaves nothing of it.
    pilot_file.save(tmp_path / 'p', SPECIFICATION, NET, parameters_for(NET), ENCODER)
    assert not (tmp_path / 'p' / 'core.onnx').exists()


def test_a_core_that_is_a_graph_has_fields_of_its_own(tmp_path):
    for core, message in (
        ({'state_size': 0}, 'core.state_size must lie in'),
        ({'unfolds': 6}, 'core.unfolds is not a field'),
    ):
        with pytest.raises(LiquidPilotError) as caught:
            _graph_pilot(tmp_path / 'p', **core)
        assert message in str(caught.value)
    assert not (tmp_path / 'p').exists()


def test_a_core_is_either_a_graph_or_liquid(tmp_path, parameters_for):
    graph = dataclasses.replace(SPECIFICATION, core={'type': 'lstm', 'state_size': 12})
    for specification, given in (
        (SPECIFICATION, (None, None, ENCODER, ENCODER)),
        (SPECIFICATION, (NET, parameters_for(NET), ENCODER, ENCODER)),
        (graph, (NET, parameters_for(NET), ENCODER)),
        (graph, (None, None, ENCODER)),
    ):
        with pytest.raises(LiquidPilotError, match=r'core\.type .* needs .* alone'):
            pilot_file.save(tmp_path / 'p', specification, *given)
