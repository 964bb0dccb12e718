"""Missions of an evaluation that are flown again for its report."""

import numpy as np
import pytest

from liquid_pilot.evaluation import runner
from liquid_pilot.evaluation.flight_report import evaluation_records
from liquid_pilot.evaluation.flight_report.evaluation_records import keep_records
from liquid_pilot.evaluation.flight_report.flight_record import FOLDER, read_record, to_npz
from liquid_pilot.pilot_file import load, resolve
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.rollout import InProcessPilot, fly_mission
from liquid_pilot.simulation.simulator import Simulation

SEED, CONDITION = 1, 'snow:4'
"""A crash after 3 s of the pilot as trained."""


@pytest.mark.slow
@pytest.mark.parametrize('mode', ['', 'adapt'])
def test_a_mission_is_flown_again_to_the_bit_and_kept_once(tmp_path, mode):
    pilot, commands, taus = load(resolve('forest-ltc')), [], []

    class Listening(InProcessPilot):
        def setpoint(self, packet):
            answer = super().setpoint(packet)
            commands.append(self.tick.command.values)
            taus.append(self.engine.core.neuron_states(self.tick.state.core).copy())
            return answer

    results = runner.evaluate([pilot], [CONDITION], [SEED], workers=1, modes=[mode])
    calls = []
    assert keep_records(tmp_path, results, pilot, lambda *done: calls.append(done)) == []
    assert calls == [(0, 1), (1, 1)]
    path = tmp_path / FOLDER / f'seed_{SEED}.npz'
    record = read_record(path)
    with Simulation() as simulation:
        flown = Listening(pilot, simulation, adapting=runner.parse_mode(mode))
        fly_mission(SEED, simulation, flown, conditions=parse(CONDITION))
    assert np.array_equal(record.command, np.float32(commands))
    assert np.array_equal(record.state, np.float16(taus).astype(np.float32))
    assert (record.gate.ndim == 2) is bool(mode)
    assert np.isfinite(record.output).all()
    # It is there: it is not flown again.
    assert keep_records(tmp_path, results, pilot, lambda *done: calls.append(done)) == []
    assert len(calls) == 2
    # A record of another condition makes way.
    record.key = 'another'
    path.write_bytes(to_npz(record))
    evaluation_records._remove_others(tmp_path / FOLDER, {SEED: 'this'})
    assert not path.exists()
    # A mission that ended otherwise is not shown.
    key = results.run_key('forest-ltc' + f'+{mode}' * bool(mode), CONDITION, SEED)
    object.__setattr__(results.flights[key], 'reason', 'hit a cow')
    (problem,) = keep_records(tmp_path, results, pilot, lambda *done: None)
    assert 'ended otherwise' in problem
    assert not path.exists()
