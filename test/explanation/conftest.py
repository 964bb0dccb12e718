"""Pictures of the forest and the road, and the encoder of a shipped pilot as a torch module."""

from typing import NamedTuple

import numpy as np
import pytest
from gru_pilots import gru_pilot  # noqa: F401
from small_pilots import pilot, rover_pilot  # noqa: F401

from liquid_pilot import pilot_file
from liquid_pilot.explanation.object_masks import preprocessed_mask
from liquid_pilot.explanation.pixels import PixelExplainer
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.simulator import Simulation


class View(NamedTuple):
    """What a pilot sees at the start of a mission."""

    picture: np.ndarray
    """(1, 3, H, W) preprocessed picture."""
    target: np.ndarray
    """(H, W) share of each pixel that shows the target; all 0 on a road."""


def _view(pilot, seed):  # noqa: F811
    settings = SimulationSettings(vehicle=pilot.specification.vehicle)
    with Simulation(settings) as simulation:
        packet = simulation.reset(seed)
        preprocess = Preprocessor(pilot.specification.camera, simulation.camera)
        picture = preprocess(packet.observation.image).copy()
        return View(picture, preprocessed_mask(simulation.segment().mask('target'), preprocess))


@pytest.fixture(scope='session')
def forest_pilot():
    return pilot_file.load(pilot_file.resolve('forest-ltc'))


@pytest.fixture(scope='session')
def road_pilot():
    return pilot_file.load(pilot_file.resolve('road-ltc'))


@pytest.fixture(scope='session')
def forest_view(forest_pilot):
    """The start of mission 7: the red chair is in view, between trunks."""
    return _view(forest_pilot, 7)


@pytest.fixture(scope='session')
def road_view(road_pilot):
    return _view(road_pilot, 3)


@pytest.fixture(scope='session')
def explainer(forest_pilot):
    return PixelExplainer(forest_pilot)


@pytest.fixture(scope='session')
def by_feature():
    """Weights of the 32 features, as a command could have them."""
    return np.random.default_rng(4).normal(size=32).astype(np.float32)


@pytest.fixture(scope='session')
def torch_encoder(forest_pilot):
    """The encoder of the forest pilot as the torch module that it was trained as."""
    import onnx
    import torch
    from onnx import numpy_helper

    from liquid_pilot.learning.models.encoder import Encoder

    graph = onnx.load_from_string(forest_pilot.encoder).graph
    tensors = {
        tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy())
        for tensor in graph.initializer
    }
    tensors['log_sharpness'] = tensors.pop('unsqueeze')[:, 0].log()
    encoder = Encoder(72, 128, 32).eval()
    wanted = set(encoder.state_dict())
    encoder.load_state_dict({name: tensors[name] for name in wanted})
    return encoder
