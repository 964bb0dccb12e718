"""A small pilot whose core is a GRU with random weights, written as ONNX without torch."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from liquid_pilot import pilot_file

NEURONS = 6


def gru_graph(inputs, neurons, seed=3):
    """Return one step of a GRU (Cho et al. 2014) with a linear read-out, as ONNX."""
    rng = np.random.default_rng(seed)
    tensors = {
        f'{kind}{gate}': rng.normal(0, 0.4, shape).astype(np.float32)
        for gate in 'zrn'
        for kind, shape in (('w', (inputs, neurons)), ('u', (neurons, neurons)), ('b', (neurons,)))
    }
    tensors['out_w'] = rng.normal(0, 0.5, (neurons, 4)).astype(np.float32)
    tensors['out_b'] = np.float32([0.5, 0.0, 0.0, 0.1])
    tensors['one'] = np.ones(1, np.float32)
    nodes, node = [], lambda kind, given, made: nodes.append(helper.make_node(kind, given, [made]))
    node('Add', ['state', 'b0'], 'h')
    tensors['b0'] = np.zeros(1, np.float32)
    for gate, squash in (('z', 'Sigmoid'), ('r', 'Sigmoid'), ('n', 'Tanh')):
        node('MatMul', ['inputs', f'w{gate}'], f'x{gate}')
        node('MatMul', ['h', f'u{gate}'], f'h{gate}')
        if gate == 'n':
            node('Mul', ['r', 'hn'], 'rhn')
        node('Add', [f'x{gate}', 'rhn' if gate == 'n' else f'h{gate}'], f's{gate}')
        node('Add', [f's{gate}', f'b{gate}'], f't{gate}')
        node(squash, [f't{gate}'], gate)
    node('Sub', ['h', 'n'], 'difference')
    node('Mul', ['z', 'difference'], 'kept')
    node('Add', ['n', 'kept'], 'state_after')
    node('MatMul', ['state_after', 'out_w'], 'read')
    node('Add', ['read', 'out_b'], 'output')

    def value(name, *shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes,
        'gru',
        [value('state', 1, neurons), value('inputs', 1, inputs), value('dt', 1, 1)],
        [value('state_after', 1, neurons), value('output', 1, 4)],
        [numpy_helper.from_array(tensor, name) for name, tensor in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model.SerializeToString()


@pytest.fixture(scope='session')
def gru_pilot(pilot, tmp_path_factory):
    """The small pilot with a GRU in place of its liquid core."""
    specification = replace(
        pilot.specification, name='small-gru', core={'type': 'gru', 'state_size': NEURONS}
    )
    graph = gru_graph(specification.features + 6, NEURONS)
    return pilot_file.save(
        tmp_path_factory.mktemp('pilots') / 'gru',
        specification,
        None,
        None,
        pilot.encoder,
        core_graph=graph,
    )
