"""The encoder: one-frame determinism, ONNX parity, and what the spatial softmax must see."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from liquid_pilot.learning.models.encoder import Encoder


@pytest.fixture(scope='module')
def encoder():
    torch.manual_seed(3)
    return Encoder(36, 64, features=12).eval()


def test_onnx_gives_the_same_features(encoder):
    session = onnxruntime.InferenceSession(encoder.to_onnx(), providers=['CPUExecutionProvider'])
    image = np.random.default_rng(0).random((1, 3, 36, 64), np.float32)
    (found,) = session.run(['features'], {'image': image})
    wanted = encoder(torch.from_numpy(image)).detach().numpy()
    assert found.shape == (1, 12)
    np.testing.assert_allclose(found, wanted, atol=2e-6)


def test_the_file_says_nothing_of_the_machine_that_made_it(encoder):
    model = encoder.to_onnx()
    for word in (b'site-packages', b'.py', str(Path(__file__).parents[2]).encode()):
        assert word not in model


def test_features_tell_where_a_thing_is(encoder):
    images = torch.full((2, 3, 36, 64), 0.5)
    images[0, 0, 10:20, 5:15] = 1.0
    images[1, 0, 10:20, 45:55] = 1.0
    encoder.log_sharpness.data.fill_(3.0)  # as attentive as a trained one
    left, right = encoder(images)
    assert (left - right).abs().max() > 1e-3


def test_it_is_small():
    assert sum(p.numel() for p in Encoder().parameters()) < 30_000
