"""The layers in numpy give the features of ONNX Runtime, and the gradients of torch."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from liquid_pilot.explanation.encoder.encoder_layers import EncoderLayers
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.inference.encoder import Encoder

SIZE = (36, 64, 8)


def layers_of(pilot):
    camera = pilot.specification.camera
    return EncoderLayers(pilot.encoder, camera.height, camera.width, pilot.specification.features)


def small_encoder(*nodes, **tensors):
    """Return the bytes of an encoder of pictures of 36 x 64 pixels to 8 features."""
    graph = helper.make_graph(
        [helper.make_node(kind, inputs, [output], **more) for kind, inputs, output, more in nodes],
        'encoder',
        [helper.make_tensor_value_info('image', onnx.TensorProto.FLOAT, [1, 3, 36, 64])],
        [helper.make_tensor_value_info('features', onnx.TensorProto.FLOAT, [1, 8])],
        [numpy_helper.from_array(value, name) for name, value in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 20)])
    model.ir_version = 10
    onnx.checker.check_model(model)
    return model.SerializeToString()


def flat_encoder(activation='Relu', **options):
    """Return a convolution, an activation and a matrix."""
    rng = np.random.default_rng(1)
    return small_encoder(
        ('Conv', ['image', 'k'], 'c', {'strides': [4, 4], 'pads': [2, 1, 2, 1], **options}),
        (activation, ['c'], 'r', {}),
        ('Flatten', ['r'], 'f', {}),
        ('MatMul', ['f', 'm'], 'features', {}),
        k=rng.normal(0, 0.2, (4, 3, 5, 5)).astype(np.float32),
        m=rng.normal(0, 0.1, (4 * 9 * 16, 8)).astype(np.float32),
    )


@pytest.mark.parametrize('name', ['forest', 'road'])
def test_features_are_those_of_onnx_runtime(name, request):
    pilot = request.getfixturevalue(f'{name}_pilot')
    layers, camera = layers_of(pilot), pilot.specification.camera
    encode = Encoder(pilot.encoder, camera.height, camera.width, pilot.specification.features)
    rng = np.random.default_rng(0)
    pictures = [
        request.getfixturevalue(f'{name}_view').picture,
        np.zeros((1, 3, 72, 128), np.float32),
        np.ones((1, 3, 72, 128), np.float32),
        *(rng.random((6, 1, 3, 72, 128), np.float32)),
    ]
    expected = np.stack([encode(picture) for picture in pictures])
    each = np.concatenate([layers.run(picture).features for picture in pictures])
    np.testing.assert_allclose(each, expected, atol=1e-5, rtol=0)
    together = layers.run(np.concatenate(pictures)).features
    np.testing.assert_allclose(together, expected, atol=1e-5, rtol=0)
    assert np.ptp(expected, axis=0).min() > 0.05


def test_gradients_are_those_of_torch(forest_pilot, forest_view, torch_encoder, by_feature):
    import torch

    layers = layers_of(forest_pilot)
    picture = torch.from_numpy(forest_view.picture).requires_grad_()
    maps = torch_encoder.convolutions(picture - 0.5)
    features = torch_encoder(picture)
    (features @ torch.from_numpy(by_feature)).sum().backward()
    activations = layers.run(forest_view.picture)
    np.testing.assert_allclose(activations.features, features.detach().numpy(), atol=1e-5)
    expected = picture.grad.numpy()
    found = layers.gradient(activations, by_feature)
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()
    deepest = layers.convolutions(activations)[-1]
    np.testing.assert_allclose(deepest.maps, maps.detach().numpy(), atol=1e-5)


def test_one_gradient_for_each_picture(forest_pilot, by_feature):
    layers = layers_of(forest_pilot)
    pictures = np.random.default_rng(2).random((3, 3, 72, 128), np.float32)
    weights = np.stack([by_feature, -by_feature, np.zeros_like(by_feature)])
    found = layers.gradient(layers.run(pictures), weights)
    for picture, own, gradient in zip(pictures, weights, found, strict=True):
        alone = layers.gradient(layers.run(picture[None]), own)[0]
        np.testing.assert_allclose(gradient, alone, atol=1e-6)
    assert not found[2].any()


def check_against_runtime_and_differences(model):
    """Compare features with ONNX Runtime, and the gradient with differences of features."""
    layers, encode = EncoderLayers(model, *SIZE), Encoder(model, *SIZE)
    rng = np.random.default_rng(3)
    picture = rng.random((1, 3, 36, 64), np.float32)
    activations = layers.run(picture)
    np.testing.assert_allclose(activations.features[0], encode(picture), atol=1e-5)
    weights = rng.normal(size=8).astype(np.float32)
    gradient = layers.gradient(activations, weights)
    # Along the gradient and across it; a step so small that few activations change their sign.
    for direction in (gradient / np.abs(gradient).max(), rng.normal(size=picture.shape)):
        step = np.float32(1e-3) * direction.astype(np.float32)
        above, below = (layers.run(picture + sign * step).features[0] for sign in (1, -1))
        difference = float((above - below) @ weights)
        assert difference == pytest.approx(float((gradient * 2 * step).sum()), rel=0.02, abs=2e-5)


def test_an_encoder_of_another_make():
    check_against_runtime_and_differences(flat_encoder())


def test_all_operators_and_a_branch():
    rng = np.random.default_rng(5)
    check_against_runtime_and_differences(
        small_encoder(
            ('Mul', ['image', 'two'], 'a', {}),
            ('Sub', ['one', 'a'], 'b', {}),
            ('Div', ['b', 'two'], 'c', {}),
            ('Add', ['c', 'one'], 'd', {}),
            ('Conv', ['d', 'k', 'kb'], 'e', {'strides': [3, 2], 'pads': [0, 1, 2, 3]}),
            ('Reshape', ['e', 'flat'], 'f', {}),
            ('Softmax', ['f'], 'g', {'axis': -1}),
            ('ReduceMean', ['f', 'last'], 'h', {'keepdims': 0}),
            ('Mul', ['f', 'two'], 'i', {}),
            ('ReduceMean', ['i', 'last'], 'j', {'keepdims': 0}),
            ('MatMul', ['g', 'where'], 'l', {}),
            ('Flatten', ['l'], 'm', {}),
            ('Concat', ['h', 'm', 'j'], 'n', {'axis': 1}),
            ('Gemm', ['n', 'p', 'pb'], 'features', {'alpha': 0.5, 'beta': 2.0}),
            one=np.float32(1.0),
            two=np.float32(2.0),
            k=rng.normal(0, 0.5, (4, 3, 3, 4)).astype(np.float32),
            kb=rng.normal(0, 1, 4).astype(np.float32),
            flat=np.array([1, 4, -1], np.int64),
            last=np.array([2], np.int64),
            where=rng.normal(0, 1, (12 * 33, 2)).astype(np.float32),
            p=rng.normal(0, 1, (16, 8)).astype(np.float32),
            pb=rng.normal(0, 1, 8).astype(np.float32),
        )
    )


@pytest.mark.parametrize(
    ('model', 'said'),
    [
        (lambda: flat_encoder('Tanh'), 'the operator Tanh, which cannot be .*Relu, Reshape'),
        (lambda: flat_encoder(dilations=[1, 1], group=1)[:-40], 'not a readable ONNX file'),
        (lambda: b'', 'is empty'),
    ],
)
def test_what_is_not_supported_is_refused(model, said):
    with pytest.raises(LiquidPilotError, match=said) as caught:
        EncoderLayers(model(), *SIZE, where='pilot/encoder.onnx')
    assert str(caught.value).startswith('pilot/encoder.onnx: ')
    assert '\n' not in str(caught.value)


def test_another_number_of_features_is_refused():
    with pytest.raises(LiquidPilotError, match=r'\[1, 8\], and pilot.json says \[1, 9\]'):
        EncoderLayers(flat_encoder(), 36, 64, 9)
    with pytest.raises(LiquidPilotError, match='do not fit together'):
        EncoderLayers(flat_encoder(), 40, 64, 8)


def test_other_weights_make_another_encoder_and_leave_the_first(forest_pilot, forest_view):
    layers = layers_of(forest_pilot)
    before = layers.run(forest_view.picture).features
    assert layers.weight_layers == 5
    seen = []

    def half_the_last(number, name, tensor):
        seen.append((number, name))
        return tensor / 2 if number == 4 else tensor

    other = layers.replace_weights(half_the_last)
    np.testing.assert_allclose(other.run(forest_view.picture).features, before / 2, atol=1e-6)
    assert (layers.run(forest_view.picture).features == before).all()
    assert seen[0] == (0, 'convolutions.0.weight') and seen[-1] == (4, 'project.bias')
    assert not [name for _, name in seen if name == 'positions']
