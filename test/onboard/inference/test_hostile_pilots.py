"""Pilots from an unknown hand: each ends in one line that names the file, or flies.

Hashes are put right after every change, so that what is behind them is reached: they guard against
damage, not against somebody who writes a pilot to do harm.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import pickle
import random
import shutil
import struct
import time
import zipfile

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import LiquidPilotError, ObservationError
from liquid_pilot.onboard.inference.engine import Engine

FILES = ('pilot.json', 'core.safetensors', 'encoder.onnx')


@pytest.fixture
def folder(pilot, tmp_path):
    """A copy of the small real pilot."""
    return shutil.copytree(pilot.path, tmp_path / 'pilot')


def put(folder, name, data):
    """Replace a file and its hash."""
    (folder / name).write_bytes(data)
    if name != 'pilot.json':
        content = json.loads((folder / 'pilot.json').read_bytes())
        content['sha256'][name] = hashlib.sha256(data).hexdigest()
        (folder / 'pilot.json').write_text(json.dumps(content))


def fly(folder):
    """Load, and make one tick."""
    engine = Engine(pilot_file.load(folder))
    engine.warm_up()


def refused(folder, name, *parts):
    """The error's line; it must name the file."""
    with pytest.raises(LiquidPilotError) as caught:
        fly(folder)
    check(str(caught.value), name)
    for part in parts:
        assert part in str(caught.value), str(caught.value)
    return str(caught.value)


def check(message, name):
    assert name in message, message
    assert len(message.splitlines()) == 1 and len(message) < 1200, message


def mutated(data, rng):
    """One to four changes of bytes, as fuzzers make them."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        if not data:
            return b''
        at = rng.randrange(len(data))
        length = min(rng.choice((1, 1, 2, 4, 8, 64)), len(data) - at)
        kind = rng.randrange(6)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at : at + length] = rng.randbytes(length)
        elif kind == 2:
            del data[at : at + length]
        elif kind == 3:
            data[at:at] = data[at : at + length]
        elif kind == 4:
            data[at : at + length] = rng.choice((b'\x00', b'\xff', b'\x7f', b'\x80')) * length
        else:
            del data[at:]
    return bytes(data)


def survives(folder):
    """Whether it still flies; anything but one line about a file is a failure."""
    started = time.monotonic()
    try:
        fly(folder)
    except ObservationError as error:
        # Weights that are allowed but overflow: the tick refuses to give a command.
        assert 'not finite' in str(error)
        return False
    except LiquidPilotError as error:
        assert any(file in str(error) for file in FILES), error
        check(str(error), '')
        return False
    finally:
        assert time.monotonic() - started < 5.0
    return True


@pytest.mark.parametrize('name', FILES)
def test_fuzzed_files_fly_or_end_in_one_line(folder, name):
    original = {file: (folder / file).read_bytes() for file in FILES}
    rng = random.Random(f'seed 1 {name}')
    # The weights of the encoder are most of its bytes; its structure is at the edges.
    data = original[name]
    edges = len(data) if name == 'pilot.json' else 1500
    flew = 0
    rounds = 150
    for _ in range(rounds):
        (folder / 'pilot.json').write_bytes(original['pilot.json'])
        where = rng.randrange(3)
        if where == 0:
            changed = mutated(data[:edges], rng) + data[edges:]
        elif where == 1:
            changed = data[:-edges] + mutated(data[-edges:], rng)
        else:
            changed = mutated(data, rng)
        put(folder, name, changed)
        flew += survives(folder)
    assert flew < rounds


@pytest.mark.parametrize('name', FILES)
def test_files_cut_anywhere_are_refused(folder, name):
    data = (folder / name).read_bytes()
    cuts = {int(k) for k in np.linspace(0, len(data) - 1, 40)} | {1, 2, 7, 8, 9, len(data) - 2}
    if name == 'pilot.json':
        cuts.discard(len(data) - 1)  # the newline at its end
    settings = (folder / 'pilot.json').read_bytes()
    for cut in sorted(cuts):
        (folder / 'pilot.json').write_bytes(settings)
        put(folder, name, data[:cut])
        refused(folder, name)


def test_values_of_any_kind_in_any_field_end_in_one_line(folder):
    original = json.loads((folder / 'pilot.json').read_bytes())
    rng = random.Random(3)
    wrong = (
        None,
        True,
        -1,
        0,
        1,
        3,
        1e308,
        -0.0,
        2**63,
        10**300,
        '',
        'a\nb',
        '\x00',
        '../x',
        [],
        [[]],
        {},
        {'a\nb': 1},
        [1e-300] * 6,
        'ltc',
        'gru',
        'ncp',
        'dense',
        4096,
    )

    def places(value):
        if isinstance(value, (dict, list)):
            for key in value if isinstance(value, dict) else range(len(value)):
                yield value, key
                yield from places(value[key])

    for _ in range(400):
        content = json.loads(json.dumps(original))
        for _ in range(rng.choice((1, 1, 2))):
            place, key = rng.choice(list(places(content)))
            place[key] = rng.choice(wrong)
        (folder / 'pilot.json').write_text(json.dumps(content))
        survives(folder)


def test_a_field_with_a_line_break_in_its_name_is_named_on_one_line(folder):
    content = json.loads((folder / 'pilot.json').read_bytes())
    for place in (content, content['camera'], content['core'], content['core']['wiring']):
        place['a\nb'] = 1
        (folder / 'pilot.json').write_text(json.dumps(content))
        refused(folder, 'pilot.json')
        del place['a\nb']


@pytest.mark.parametrize('kind', ['dense', 'ncp'])
def test_a_wiring_that_would_take_minutes_to_draw_is_refused_at_once(folder, kind):
    content = json.loads((folder / 'pilot.json').read_bytes())
    sizes = (
        {'neurons': 4096, 'motors': 4}
        if kind == 'dense'
        else {
            'inter': 4096,
            'command': 4096,
            'motor': 4,
            'sensory_fanout': 4096,
            'inter_fanout': 4096,
            'recurrent_command_synapses': 4096,
            'motor_fanin': 4096,
        }
    )
    content['core']['wiring'] = {
        'kind': kind,
        'inputs': content['features'] + 6,
        'seed': 1,
        **sizes,
    }
    (folder / 'pilot.json').write_text(json.dumps(content))
    started = time.monotonic()
    refused(folder, 'pilot.json', 'core.wiring is too large')
    assert time.monotonic() - started < 1.0


# safetensors


def header_of(entries, body=b''):
    text = json.dumps(entries).encode()
    return struct.pack('<Q', len(text)) + text + body


@pytest.mark.parametrize(
    'data',
    [
        struct.pack('<Q', 1 << 63) + b'{}',
        struct.pack('<Q', 100_000_001) + b' ' * 64,
        header_of(
            {'w': {'dtype': 'F32', 'shape': [1 << 40] * 2, 'data_offsets': [0, 4]}}, bytes(4)
        ),
        header_of({'w': {'dtype': 'F32', 'shape': [1], 'data_offsets': [4, 0]}}, b'abcd'),
        header_of({'w': {'dtype': 'F32', 'shape': [1], 'data_offsets': [0, 1 << 62]}}),
        header_of({'w': {'dtype': 'O', 'shape': [1], 'data_offsets': [0, 8]}}, bytes(8)),
        header_of({'a\nb': {'dtype': 'F32', 'shape': [1], 'data_offsets': [0, 4]}}, bytes(4)),
        header_of(
            {f'w{k}': {'dtype': 'F32', 'shape': [0], 'data_offsets': [0, 0]} for k in range(2000)}
        ),
        gzip.compress(bytes(50_000_000)),
        pickle.dumps({'w': np.ones(3)}),
    ],
    ids=[
        'huge header',
        'header over its limit',
        'overflowing shape',
        'backward offsets',
        'offsets beyond',
        'objects',
        'line break in a name',
        'thousands of tensors',
        'gzip bomb',
        'pickle',
    ],
)
def test_hostile_tensors_are_refused(folder, data):
    put(folder, 'core.safetensors', data)
    refused(folder, 'core.safetensors')


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), 'w')


@pytest.mark.parametrize('name', FILES)
def test_no_pickle_is_ever_loaded(folder, tmp_path, name):
    trap = tmp_path / 'sprung'
    pickle.loads(pickle.dumps(Trap(trap))).close()
    assert trap.exists()  # it works
    trap.unlink()
    archive = tmp_path / 'torch.zip'
    with zipfile.ZipFile(archive, 'w') as file:  # as torch.save writes
        file.writestr('archive/data.pkl', pickle.dumps(Trap(trap)))
    for data in (pickle.dumps(Trap(trap)), archive.read_bytes()):
        put(folder, name, data)
        refused(folder, name)
    assert not trap.exists()


# ONNX


def changed_model(pilot, change):
    model = onnx.load_from_string(pilot.encoder)
    change(model)
    return model.SerializeToString()


def no_such_op_set(model):
    model.opset_import[0].version = 9999


def foreign_domain(model):
    model.graph.node[0].domain = 'com.example'
    model.opset_import.append(helper.make_opsetid('com.example', 1))


def no_such_operator(model):
    model.graph.node[0].op_type = 'Explode'


def wrong_shape(model):
    model.graph.initializer[0].dims[0] = 1 << 40


def cycle(model):
    model.graph.node[0].input[0] = model.graph.node[-1].output[0]


@pytest.mark.parametrize(
    'change', [no_such_op_set, foreign_domain, no_such_operator, wrong_shape, cycle]
)
def test_graphs_that_the_runtime_does_not_know_are_refused(folder, pilot, change):
    put(folder, 'encoder.onnx', changed_model(pilot, change))
    refused(folder, 'encoder.onnx', 'cannot be loaded')


@pytest.mark.parametrize('location', ['../secret.bin', '/etc/hostname', 'weights.bin'])
@pytest.mark.parametrize('marked', [True, False])
def test_weights_in_other_files_are_refused(folder, pilot, location, marked, monkeypatch):
    """The runtime would look for them from the folder that the node was started in."""

    def outside(model):
        weight = model.graph.initializer[0]
        size = len(numpy_helper.to_array(weight).tobytes())
        for path in (folder.parent / 'secret.bin', folder / 'weights.bin'):
            path.write_bytes(bytes(size))
        onnx.external_data_helper.set_external_data(weight, location, 0, size)
        weight.ClearField('raw_data')
        if not marked:
            weight.ClearField('data_location')

    put(folder, 'encoder.onnx', changed_model(pilot, outside))
    monkeypatch.chdir(folder)
    refused(folder, 'encoder.onnx', "tensor 'k0' keeps its data in another file")


def attribute_tensor(model):
    tensor = helper.make_tensor('hidden', TensorProto.FLOAT, [1], bytes(4), raw=True)
    onnx.external_data_helper.set_external_data(tensor, '../secret.bin')
    model.graph.node.append(helper.make_node('Constant', [], ['extra'], value=tensor))


def endless_loop(model):
    body = helper.make_graph(
        [helper.make_node('Identity', ['go'], ['on'])],
        'body',
        [
            helper.make_tensor_value_info('k', TensorProto.INT64, []),
            helper.make_tensor_value_info('go', TensorProto.BOOL, []),
        ],
        [helper.make_tensor_value_info('on', TensorProto.BOOL, [])],
    )
    true = numpy_helper.from_array(np.array(True), 'true')
    count = numpy_helper.from_array(np.array(1 << 62), 'count')
    model.graph.initializer.extend([true, count])
    model.graph.node.insert(0, helper.make_node('Loop', ['count', 'true'], [], body=body))


def local_function(model):
    model.functions.append(
        helper.make_function(
            'mine',
            'Same',
            ['x'],
            ['y'],
            [helper.make_node('Identity', ['x'], ['y'])],
            [helper.make_opsetid('', 17)],
        )
    )


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (attribute_tensor, "tensor 'hidden' keeps its data in another file (external_data)"),
        (endless_loop, "attribute 'body' holds a graph of its own: loops and branches"),
        (local_function, 'model holds local functions'),
    ],
)
def test_what_a_graph_must_not_hold_is_refused_before_the_runtime_sees_it(
    folder, pilot, change, message
):
    put(folder, 'encoder.onnx', changed_model(pilot, change))
    with pytest.raises(LiquidPilotError) as caught:
        pilot_file.load(folder)
    check(str(caught.value), 'encoder.onnx')
    assert message in str(caught.value)


@pytest.mark.parametrize('side', [30_000, 1 << 30])
def test_a_graph_that_asks_for_gigabytes_is_refused(folder, pilot, side):
    def bomb(model):
        model.graph.initializer.append(
            numpy_helper.from_array(np.array([side, side], np.int64), 'size')
        )
        last = model.graph.node[-1]
        name, last.output[0] = last.output[0], 'small'
        model.graph.node.extend(
            [
                helper.make_node('ConstantOfShape', ['size'], ['huge']),
                helper.make_node('ReduceMax', ['huge'], ['one'], keepdims=0),
                helper.make_node('Add', ['small', 'one'], [name]),
            ]
        )

    put(folder, 'encoder.onnx', changed_model(pilot, bomb))
    refused(folder, 'encoder.onnx')


def test_a_file_of_millions_of_empty_parts_is_refused_soon(folder):
    started = time.monotonic()
    put(folder, 'encoder.onnx', b'\x3a\x00' * 10_000_000)
    refused(folder, 'encoder.onnx', 'parts')
    assert time.monotonic() - started < 5.0


@pytest.mark.parametrize(
    'data',
    [
        b'\x00',
        b'\x08',
        b'\xff' * 30,
        b'\x3a\x7f',
        b'\x0b\x0c',
        b'\x38\x01',
        gzip.compress(bytes(50_000_000)),
        pickle.dumps([1]),
        b'PK\x03\x04' + bytes(60),
        b'\x08\x0a',
    ],
)
def test_what_is_no_graph_is_refused(folder, data):
    put(folder, 'encoder.onnx', data)
    refused(folder, 'encoder.onnx', 'not a')
