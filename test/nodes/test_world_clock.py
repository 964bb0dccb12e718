"""The rule `world_clock` over ROS: as in one process, refused where it cannot be, and kept."""

import json
import math
from dataclasses import replace

import clock_pilots
import numpy as np
import pytest
import yaml
from adaptation_rig import Rig
from std_msgs.msg import Float32MultiArray, Float64MultiArray

from liquid_pilot import pilot_file
from liquid_pilot.nodes.common import qos, trace_messages
from liquid_pilot.onboard.adaptation.frontend_settings import FrontendSettings
from liquid_pilot.onboard.adaptation.novelty_gate import NoveltyGateSettings
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.onboard.adaptation.world_clock.learner import WorldClockLearner
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.task import MissionRules
from liquid_pilot.simulation.rollout import InProcessPilot, fly_mission
from liquid_pilot.simulation.simulator import Simulation

TOLD = 0.25


class Source(Rig):
    """Publishes the traces of a pilot whose stamps lie, and compares the answers with a learner."""

    def __init__(self, eventually, pilot):
        super().__init__('clock', eventually)
        self.pilot, self.learner = pilot, WorldClockLearner(pilot)
        self.proposals = []
        self.traces = self.node.create_publisher(Float64MultiArray, 'pilot/trace', qos.TRACE)
        self.node.create_subscription(
            Float32MultiArray,
            'adaptation/time_scales',
            lambda m: self.proposals.append(trace_messages.unpack_time_scales(m, pilot.digest)),
            qos.TRACE,
        )

    def trace(self, tick, flight):
        neurons = np.zeros(self.pilot.wiring.neurons)
        gate = np.array([tick.novel, tick.elapsed_s, 0, tick.log_core_time_scale, 1, 1, 0, 0, 0])
        return trace_messages.Trace(
            self.pilot.digest,
            flight,
            round(1e9 * tick.dt_s) * tick.sequence,
            tick.sequence,
            tick.dt_s,
            tick.features,
            tick.imu,
            neurons,
            neurons,
            np.zeros(4),
            filter_error=tick.error,
            filter_gradient=tick.gradient,
            filter_tau=self.pilot.training_statistics.filter_tau_s,
            gate=gate,
        )

    def connect(self, tick):
        """Send traces of novel frames until the node answers, then begin with nothing learned."""

        def say():
            hello = replace(tick, novel=True)
            flight = f'hello-{len(tries)}'
            self.traces.publish(trace_messages.pack_trace(self.trace(hello, flight)))
            tries.append(flight)

        tries = []
        self.again_until(say, lambda: self.proposals, 30.0)
        self.until(lambda: self.proposals[-1][0] == tries[-1])
        assert self.call('adaptation/reset').success
        self.proposals.clear()

    def fly(self, ticks, flight):
        """Send a flight; each answer must be that of the learner here, to the bit."""
        for tick in ticks:
            count = len(self.proposals)
            self.traces.publish(trace_messages.pack_trace(self.trace(tick, flight)))
            self.until(lambda count=count: len(self.proposals) > count)
            [(answered, proposal)] = self.proposals[count:]
            expected = self.learner.update(tick)
            assert (answered, proposal.sequence) == (flight, tick.sequence)
            np.testing.assert_array_equal(proposal.log_cm, expected.log_cm)
        return float(proposal.log_cm[0])


def test_the_node_finds_the_factor_as_a_learner_in_one_process_and_keeps_it(
    ros,
    start_node,
    clock_pilot,
    eventually,
    tmp_path,
):
    snapshot = tmp_path / 'learned.json'

    def start():
        return start_node(
            'adaptation',
            tmp_path / 'adaptation.log',
            'clock',
            pilot=str(clock_pilot.path),
            rule='world_clock',
            snapshot=str(snapshot),
        )

    flights = [clock_pilots.flight(clock_pilot, 300, seed, TOLD) for seed in range(3)]
    source, process = Source(eventually, clock_pilot), start()
    try:
        source.connect(flights[0][0])
        for number, ticks in enumerate(flights[:2]):
            last = source.fly(ticks, f'flight-{number}')
        assert abs(last - math.log(TOLD)) < 0.5 * math.log(2.0)
        source.forget()
        source.until(lambda: 'adaptation: clock_slow' in source.said.get('adaptation', ''))
        assert source.call('adaptation/snapshot').success
        assert process.end() == 0
        # Started again, it goes on with the evidence of the flights before.
        source.proposals.clear()
        kept = source.learner.snapshot(clock_pilot.digest)
        assert json.loads(snapshot.read_text()) == json.loads(kept)
        process = start()
        begin = flights[2]
        tries = []

        def say():
            trace = source.trace(replace(begin[0], novel=True), f'again-{len(tries)}')
            source.traces.publish(trace_messages.pack_trace(trace))
            tries.append(trace.flight)

        source.again_until(say, lambda: source.proposals, 30.0)
        assert source.proposals[0][1].log_cm[0] == pytest.approx(last, abs=0.08)
    finally:
        source.close()


def test_a_node_whose_pilot_has_no_clock_to_scale_ends_with_one_line(
    start_node,
    gru_pilot,
    clock_pilot,
    tmp_path,
):
    pilot = pilot_file.save(
        tmp_path / 'gru',
        gru_pilot.specification,
        None,
        None,
        gru_pilot.encoder,
        gru_pilot.core_graph,
        replace(clock_pilot.training_statistics, predictor=np.zeros((14, 0), np.float32)),
    )
    process = start_node(
        'adaptation', tmp_path / 'log', 'no_clock', pilot=str(pilot.path), rule='world_clock'
    )
    assert process.popen.wait(60) == 1
    assert 'this core is a gru; choose the rule temporal_filter' in process.output
    assert process.output.count('\n') == 1, process.output


def test_a_mission_with_the_rule_flies_as_in_one_process(adaptive_pilot, run_cli, tmp_path):
    limit_s, seed = 2.5, 11
    # A predictor that is fitted to nothing, and far off, finds some factor in any flight.
    statistics = adaptive_pilot.training_statistics
    wild = replace(
        statistics,
        change_whitening=np.eye(8, dtype=np.float32),
        predictor=(10.0 * statistics.predictor).astype(np.float32),
    )
    pilot = pilot_file.save(
        tmp_path / 'pilot',
        replace(adaptive_pilot.specification, capacitance_scale_range=(0.125, 16.0)),
        adaptive_pilot.wiring,
        adaptive_pilot.parameters,
        adaptive_pilot.encoder,
        training_statistics=wild,
    )
    parameters = tmp_path / 'parameters.yaml'
    parameters.write_text(
        yaml.safe_dump(
            {
                f'/**/{node}': {'ros__parameters': values}
                for node, values in {
                    'simulator': {'time_limit_s': limit_s},
                    'pilot': {'max_rejection_s': 0.1, 'adaptation_timeout_s': 5.0},
                    'adaptation': {'rule': 'world_clock'},
                }.items()
            }
        )
    )
    process = run_cli(
        'fly',
        '--adapt',
        '--pilot',
        pilot.path,
        '--missions',
        1,
        '--seed',
        seed,
        '--headless',
        '--out',
        tmp_path / 'run',
        '--params-file',
        parameters,
    )
    rules = MissionRules(time_limit_s=limit_s)
    with Simulation(SimulationSettings()) as simulation:
        frontend = FrontendSettings(gate=NoveltyGateSettings(max_rejection_s=0.1))
        adapting = AdaptationSettings(frontend, rule='world_clock')
        flier = InProcessPilot(pilot, simulation, adapting=adapting)
        result = fly_mission(seed, simulation, flier, rules)
        log_cm = flier.learner.time_scale_update.log_cm
        trained = InProcessPilot(pilot, simulation, adapting=AdaptationSettings(frontend))
        plain = fly_mission(seed, simulation, trained, rules)
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, out + err
    flown = np.load(tmp_path / 'run' / 'paths.npz')[f'seed_{seed}']
    assert np.array_equal(flown[:, 1:], np.array(result.path)[:, 1:])
    # The core was scaled.
    assert np.abs(log_cm).max() > 0.1
    assert not np.array_equal(np.array(plain.path)[-1], np.array(result.path)[-1])
