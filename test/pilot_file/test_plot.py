"""The picture of a pilot, and the bounds on its time constants that it shows."""

import cv2
import numpy as np

from liquid_pilot import pilot_file
from liquid_pilot.cli import main
from liquid_pilot.liquid.dynamics import LtcDynamics
from liquid_pilot.pilot_file.plot import time_constant_bounds


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
    # Excitatory blue and inhibitory red synapses (BGR), and the neurons of each role.
    for colour in ((218, 105, 9), (46, 36, 209), (55, 127, 26), (223, 80, 130), (0, 76, 188)):
        assert (np.abs(picture.astype(int) - colour).max(axis=2) < 30).sum() > 100
    assert [entry.name for entry in path.parent.iterdir()] == ['pilot.png']
