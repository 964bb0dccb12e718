"""Encoders from an unknown source: a graph that is not safe to load is refused in one line."""

from __future__ import annotations

import gzip
import pickle
import time

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from saved_pilots import assert_flight_refused, assert_one_line, put_file

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import LiquidPilotError


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
    put_file(folder, 'encoder.onnx', changed_model(pilot, change))
    assert_flight_refused(folder, 'encoder.onnx', 'cannot be loaded')


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

    put_file(folder, 'encoder.onnx', changed_model(pilot, outside))
    monkeypatch.chdir(folder)
    assert_flight_refused(folder, 'encoder.onnx', "tensor 'k0' keeps its data in another file")


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
    put_file(folder, 'encoder.onnx', changed_model(pilot, change))
    with pytest.raises(LiquidPilotError) as caught:
        pilot_file.load(folder)
    assert_one_line(str(caught.value), 'encoder.onnx')
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

    put_file(folder, 'encoder.onnx', changed_model(pilot, bomb))
    assert_flight_refused(folder, 'encoder.onnx')


def test_a_file_of_millions_of_empty_parts_is_refused_soon(folder):
    started = time.process_time()
    put_file(folder, 'encoder.onnx', b'\x3a\x00' * 10_000_000)
    assert_flight_refused(folder, 'encoder.onnx', 'parts')
    assert time.process_time() - started < 5.0


@pytest.mark.parametrize(
    'data',
    [
        b'\x00',
        b'\x08',
        b'\xff' * 30,
        b'\x3a\x7f',
        b'\x0b\x0c',
        b'\x38\x01',
        pytest.param(gzip.compress(bytes(50_000_000)), id='gzip bomb'),
        pickle.dumps([1]),
        b'PK\x03\x04' + bytes(60),
        b'\x08\x0a',
    ],
)
def test_what_is_no_graph_is_refused(folder, data):
    put_file(folder, 'encoder.onnx', data)
    assert_flight_refused(folder, 'encoder.onnx', 'not a')
