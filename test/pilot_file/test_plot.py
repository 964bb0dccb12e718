"""The picture of a pilot, and the bounds on its time constants that it shows."""

import cv2
import numpy as np

from liquid_pilot import pilot_file
from liquid_pilot.cli import main
from liquid_pilot.liquid.dynamics import LtcDynamics
from liquid_pilot.pilot_file.plot import pilot_figure, time_constant_bounds
from liquid_pilot.utils.palette import BLUE, GREY, ORANGE, PURPLE, SKY_BLUE, VERMILLION, rgb


def test_no_state_and_no_input_leads_out_of_the_bounds():
    pilot = pilot_file.load(pilot_file.resolve('forest-ltc'))
    stepper = LtcDynamics(pilot.parameters, pilot.specification.unfolds)
    low, rest, high = time_constant_bounds(pilot.parameters)
    zeros = np.zeros(stepper.neurons, np.float32), np.zeros(stepper.inputs, np.float32)
    np.testing.assert_allclose(stepper.time_constants(*zeros), rest, rtol=1e-3)
    rng = np.random.default_rng(0)
    for scale in (0.1, 1.0, 30.0):
        tau = stepper.time_constants(
            rng.normal(0, scale, stepper.neurons).astype(np.float32),
            rng.normal(0, scale, stepper.inputs).astype(np.float32),
        )
        assert (tau >= low * 0.999).all()
        assert (tau <= high * 1.001).all()
    assert (low < high).all()


def test_inspect_draws(tmp_path, capsys):
    path = tmp_path / 'new' / 'pilot.png'
    assert main.main(['inspect', 'forest-ltc', '--plot', str(path)]) == 0
    picture = cv2.imread(str(path))
    # Excitatory and inhibitory synapses, and the neurons of each role.
    for colour in (BLUE, VERMILLION, GREY, SKY_BLUE, PURPLE, ORANGE):
        assert (np.abs(picture[..., ::-1].astype(int) - rgb(colour)).max(axis=2) < 30).sum() > 100
    assert [entry.name for entry in path.parent.iterdir()] == ['pilot.png']


def test_the_picture_says_what_it_shows():
    figure = pilot_figure(pilot_file.resolve('forest-ltc'))
    wiring, times, card = figure.axes
    texts = [text.get_text() for text in wiring.texts]
    for words in ('38 inputs:\nfeatures of the picture, IMU', '4 motor\nneurons', 'yaw rate'):
        assert words in texts
    assert [text.get_text() for text in wiring.get_legend().get_texts()] == [
        'excitatory synapse, ends in an arrow',
        'inhibitory synapse, ends in a bar',
    ]
    assert times.get_xlabel() == 'time constant, ms'
    assert 'dot: at rest' in times.get_title()
    assert [text.get_text() for text in times.get_legend().get_texts()] == [
        'inter',
        'command',
        'motor',
    ]
    assert max(len(line) for line in card.texts[0].get_text().split('\n')) <= 68
