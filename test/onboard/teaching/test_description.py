"""A correction in words says what was changed, by how much, and in which neurons."""

import numpy as np

from liquid_pilot.liquid.recurrent_learning.columns import Columns
from liquid_pilot.onboard.inference.correction import Correction, no_correction
from liquid_pilot.onboard.perception.camera_mount import CameraMount
from liquid_pilot.onboard.teaching.description import describe


def test_nothing_is_called_nothing(pilot):
    assert describe(no_correction(pilot.wiring.neurons, 4), pilot) == 'nothing'


def test_angles_and_offsets_are_named(pilot):
    readout = np.zeros((4, pilot.wiring.neurons + 1), np.float32)
    readout[:, -1] = (0.0, -0.05, 0.0, 0.1)
    text = describe(Correction(readout, aim=CameraMount.from_degrees(7.5, 0.0, -1.0)), pilot)
    assert text == (
        'camera turned by +7.5, +0.0, -1.0 degrees (yaw, pitch, roll); '
        'outputs moved: forward +0.000, left -0.050, up +0.000, turn +0.100'
    )


def test_the_neurons_that_changed_most_are_named(pilot):
    columns = Columns.of(pilot.parameters, ('leak',))
    change = np.zeros(columns.count, np.float32)
    change[columns.at_neuron[5][1]], change[columns.at_neuron[2][2]] = -0.3, 0.1
    nothing = no_correction(pilot.wiring.neurons, 4)
    text = describe(nothing._replace(groups=('leak',), change=change), pilot)
    assert text == ('2 parameters (leak) by at most 0.300, most in neurons 5 (0.300), 2 (0.100)')
    readout = nothing.readout.copy()
    readout[1, 3] = -0.02
    assert describe(Correction(readout), pilot) == (
        'a read-out of the state, most of neuron 3 (0.020)'
    )
