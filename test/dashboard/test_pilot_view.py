"""What the page is told of a pilot whose core is liquid and is not an LTC."""

import numpy as np
from lrc_pilots import with_lrc_core

from liquid_pilot import pilot_file
from liquid_pilot.dashboard.pilot_view import MAPS, PilotView
from liquid_pilot.dashboard.records import Record
from liquid_pilot.interfaces import ImuSample, Observation
from liquid_pilot.onboard.inference.engine import Engine
from liquid_pilot.onboard.inference.trace import make_trace


def test_an_lrc_core_is_shown_without_wiring_and_currents(flight):
    pilot = with_lrc_core(pilot_file.load(pilot_file.resolve('forest-ltc')))
    engine, stamp_ns = Engine(pilot), flight[0].trace.stamp_ns
    imu = ImuSample(stamp_ns, (0.0, 0.0, 0.1), (0.0, 0.0, 9.81))
    tick = engine.tick(engine.initial_state(), Observation(stamp_ns, flight[0].image, (imu,)))
    trace, view = make_trace(engine, tick, 'one', 1, None), PilotView(pilot)
    assert view.fits(trace)
    about = view.describe()
    assert about['wiring'] is None and about['pilot']['core'] == 'lrc'
    row = view.row({}, trace)
    assert view.layout.read(row, 'state').tolist() == trace.state.tolist()
    # A neuron that is chosen tells its time constant, as it is and not as it was trained.
    tau = view.layout.read(row, 'tau')
    assert np.isfinite(tau).all() and tau.tolist() == np.float32(trace.tau).tolist()
    assert np.isnan(view.layout.read(row, 'tau_trained')).all()
    record = Record(1, 0.0, stamp_ns, row, np.empty(0, np.float32), b'', b'')
    assert not {'sensory', 'between', 'leak', 'by_input'} & set(view.compute(record, MAPS))
