from __future__ import annotations

import argparse
import json
import zipfile

import numpy as np
import pytest
import torch
from ncps.torch import LTC, LTCCell
from ncps.wirings import AutoNCP, FullyConnected
from safetensors import safe_open
from safetensors.torch import save_file

from liquid_pilot import pilot_file
from liquid_pilot.cli import import_ncps as import_verb
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.models import import_ncps
from liquid_pilot.liquid.dynamics import LtcDynamics
from liquid_pilot.liquid.parameters import LtcParameters
from liquid_pilot.liquid.wiring import Wiring

BASE = pilot_file.resolve('forest-ltc')
INPUTS = pilot_file.load(BASE).specification.features + 6


def _layer(wiring=None, inputs=INPUTS, **options) -> LTC:
    torch.manual_seed(3)
    layer = LTC(inputs, wiring or AutoNCP(19, 4), **options)
    with torch.no_grad():
        for name, value in layer.named_parameters():
            if name.split('.')[-1][:5] in ('input', 'outpu'):
                value += 0.2 * torch.randn_like(value)
    return layer


def _run(*words) -> int:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    import_verb.add_arguments(parser)
    return import_verb.run(parser.parse_args([str(word) for word in words]))


def _agree(layer: LTC, core: LtcDynamics, time_unit_s=1.0) -> None:
    """The imported core gives what ncps gives, over irregular elapsed times."""
    generator = torch.Generator().manual_seed(5)
    v, state = np.zeros(core.neurons, np.float32), torch.zeros(1, core.neurons).double()
    layer = layer.double()
    for _ in range(30):
        x = torch.randn(1, 1, core.inputs, generator=generator)
        dt = 0.02 + torch.rand(1, 1, generator=generator)
        v = core.step(v, x[0, 0].numpy(), float(dt) * time_unit_s)
        with torch.no_grad():
            output, state = layer(x.double(), state, dt.double())
        np.testing.assert_allclose(core.output(v), output[0, 0], rtol=1e-5, atol=3e-6)


@pytest.mark.parametrize('wiring', [AutoNCP(19, 4), FullyConnected(12, 4)], ids=['ncp', 'dense'])
def test_a_torch_file_becomes_a_pilot_that_gives_the_outputs_of_ncps(tmp_path, capsys, wiring):
    layer = _layer(wiring)
    torch.save(layer.state_dict(), tmp_path / 'ltc.pt')
    assert (
        _run(
            tmp_path / 'ltc.pt',
            '--pilot',
            BASE,
            '--out',
            tmp_path / 'mine',
            '--time-unit-s',
            '0.05',
        )
        == 0
    )
    assert f'{INPUTS} inputs, {wiring.units} neurons' in capsys.readouterr().out
    pilot, base = pilot_file.load(tmp_path / 'mine'), pilot_file.load(BASE)
    assert pilot.specification.name == 'mine' and pilot.encoder == base.encoder
    assert pilot.specification.camera == base.specification.camera
    np.testing.assert_array_equal(pilot.wiring.polarity, wiring.adjacency_matrix)
    np.testing.assert_array_equal(pilot.wiring.sensory_polarity, wiring.sensory_adjacency_matrix)
    roles = [wiring.get_type_of_neuron(i) for i in range(wiring.units)]
    if isinstance(wiring, AutoNCP):
        assert [pilot.wiring.role(i) for i in range(wiring.units)] == roles
    _agree(layer, LtcDynamics(pilot.parameters, pilot.specification.unfolds), 0.05)


def test_a_safetensors_file_of_a_larger_model_becomes_a_core_alone(tmp_path):
    layer = _layer(inputs=7, ode_unfolds=3)
    tensors = {'policy.ltc.' + name: value for name, value in layer.state_dict().items()}
    save_file({**tensors, 'head.weight': torch.ones(2)}, tmp_path / 'model.safetensors')
    out = tmp_path / 'new' / 'core.safetensors'
    assert (
        _run(
            tmp_path / 'model.safetensors', '--out', out, '--prefix', 'policy.ltc.', '--unfolds', 3
        )
        == 0
    )
    with safe_open(out, 'np') as file:
        names = file.keys()
        parameters = LtcParameters.from_tensors({name: file.get_tensor(name) for name in names})
        core = json.loads(file.metadata()['core'])
    assert Wiring.from_dict(core['wiring']).neurons == 19
    _agree(layer, LtcDynamics(parameters, core['unfolds']))


@pytest.mark.parametrize('mapping', [None, 'linear', 'affine'])
def test_a_cell_has_explicit_constraints_and_may_leave_mappings_out(mapping):
    torch.manual_seed(1)
    cell = LTCCell(
        FullyConnected(6, 2), 5, input_mapping=mapping, output_mapping=mapping or 'affine'
    )
    parameters, _ = import_ncps.convert(
        {name: value.numpy() for name, value in cell.state_dict().items()}
    )
    x, v = torch.randn(1, 5), torch.rand(1, 6)
    core = LtcDynamics(parameters, 6)
    with torch.no_grad():
        output, _ = cell(x, v, 0.3)
    ours = core.output(core.step(v[0].numpy(), x[0].numpy(), 0.3))
    np.testing.assert_allclose(ours, output[0], rtol=1e-5, atol=2e-6)


def _change(name, change):
    def spoil(tensors):
        tensors['rnn_cell.' + name] = change(tensors['rnn_cell.' + name])

    return spoil


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (lambda t: t.pop('rnn_cell.mu'), "'rnn_cell.mu' is missing"),
        (lambda t: t.pop('rnn_cell.sparsity_mask'), "'rnn_cell.sparsity_mask' is missing"),
        (lambda t: t.pop('rnn_cell.output_w'), 'do not say which neurons are motors'),
        (lambda t: t.clear(), 'is missing'),
        (
            lambda t: t.update({'head.weight': np.ones(3, np.float32)}),
            "'head.weight' is not part of an ncps LTC; --prefix",
        ),
        (lambda t: t.update({'rnn_cell.tau': np.ones(3, np.float32)}), "'tau' is not part"),
        (lambda t: t.update({'lstm.input_map.bias': np.ones(3, np.float32)}), 'mixed memory'),
        (_change('w', lambda w: w * np.nan), "'rnn_cell.w' holds values that are not finite"),
        (_change('w', lambda w: w.astype(np.int32)), 'must hold floating-point numbers'),
        (_change('erev', lambda e: e.astype(np.float64) + 1e300), "'erev' holds values"),
        (_change('sigma', lambda s: s[:-1]), "'sigma' must have the shape"),
        (_change('sparsity_mask', lambda m: m[:-1]), "sparsity_mask' must have the shape"),
        (_change('sparsity_mask', lambda m: m * 0.5), 'zeros and ones only'),
        (
            _change('output_w', lambda w: np.ones((4, 19), np.float32)),
            "'output_w' must be a vector",
        ),
        (_change('output_w', lambda w: np.ones(30, np.float32)), "'output_w' has 30 entries"),
        (_change('output_b', lambda w: np.ones(5, np.float32)), "'output_b' must have the shape"),
    ],
)
def test_what_cannot_be_represented_is_refused_by_name(spoil, message):
    tensors = {name: value.numpy().copy() for name, value in _layer().state_dict().items()}
    spoil(tensors)
    with pytest.raises(LiquidPilotError, match=message) as caught:
        import_ncps.convert(tensors)
    assert '\n' not in str(caught.value)


def test_negative_weights_without_softplus_are_refused():
    tensors = {name: value.numpy().copy() for name, value in _layer().state_dict().items()}
    tensors['rnn_cell.w'] -= 2.0
    with pytest.raises(LiquidPilotError, match=r"'rnn_cell.w' has negative values.*softplus"):
        import_ncps.convert(tensors, constraints='none')
    import_ncps.convert(tensors)


class _Code:
    def __reduce__(self):
        return print, ('executed',)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (_Code(), 'holds Python objects, which are not loaded'),
        ({'rnn_cell.w': _Code()}, 'holds Python objects'),
        ([torch.ones(2)], 'holds a list, not a state dict'),
        ({'state': {'w': torch.ones(2)}}, "entry 'state' is not a tensor"),
        ({'w': torch.ones(2, 2).to_sparse()}, "tensor 'w' is sparse"),
    ],
)
def test_torch_files_with_more_than_weights_are_refused(tmp_path, capsys, content, message):
    torch.save(content, tmp_path / 'ltc.pt')
    with pytest.raises(LiquidPilotError, match=message):
        import_ncps.read(tmp_path / 'ltc.pt')
    assert 'executed' not in capsys.readouterr().out


def test_damaged_and_foreign_files_end_in_one_line(tmp_path):
    file = tmp_path / 'ltc.pt'
    torch.save(_layer().state_dict(), file)
    whole = file.read_bytes()
    torch.save(_layer().state_dict(), file, _use_new_zipfile_serialization=False)
    legacy = file.read_bytes()
    damaged = [b'', b'hello', b'PK', b'PK\x03\x04' + bytes(100), bytes(64), b'\x80\x02']
    damaged += [data[:size] for data in (whole, legacy) for size in (50, len(data) // 2)]
    for data in damaged:
        file.write_bytes(data)
        with pytest.raises(LiquidPilotError) as caught:
            import_ncps.read(file)
        assert str(file) in str(caught.value) and '\n' not in str(caught.value)
    with pytest.raises(LiquidPilotError, match='cannot be read'):
        import_ncps.read(tmp_path / 'nothing')


def test_a_file_that_unpacks_to_too_much_is_refused_unread(tmp_path):
    with (
        zipfile.ZipFile(tmp_path / 'ltc.pt', 'w', zipfile.ZIP_DEFLATED) as archive,
        archive.open('bomb/data.pkl', 'w') as entry,
    ):
        for _ in range(257):
            entry.write(bytes(1 << 20))
    with pytest.raises(LiquidPilotError, match='unpacks to more than 256 MiB'):
        import_ncps.read(tmp_path / 'ltc.pt')


def test_a_core_that_does_not_fit_the_pilot_is_refused(tmp_path):
    torch.save(_layer(inputs=5).state_dict(), tmp_path / 'ltc.pt')
    with pytest.raises(LiquidPilotError, match=f'has 5 inputs and 4 outputs; .* needs {INPUTS} '):
        _run(tmp_path / 'ltc.pt', '--pilot', BASE, '--out', tmp_path / 'mine')
    with pytest.raises(LiquidPilotError, match=r'name ends in \.safetensors'):
        _run(tmp_path / 'ltc.pt', '--out', tmp_path / 'mine')
    assert not (tmp_path / 'mine').exists()
