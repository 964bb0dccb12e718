"""What arrives is what is recorded, to the last digit that is sent."""

import cv2
import numpy as np
import pytest
from shown_flights import GUARD, PERIOD_NS, show

from liquid_pilot.dashboard.flight_state import FlightState
from liquid_pilot.dashboard.history import History
from liquid_pilot.dashboard.pilot_view import MAPS, find_pilot
from liquid_pilot.dashboard.records import unpack
from liquid_pilot.explanation.core_paths import CorePaths, trace_tick
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.missions.obstacle_cloud import surface_points
from liquid_pilot.onboard.inference.trace import GATE_FIELDS
from liquid_pilot.onboard.safety.guard import STATES
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.tasks.registry import layout_of


def f4(values):
    return np.asarray(values, np.float32).ravel().tolist()


def test_a_record_holds_what_the_topics_said(state, flight):
    layout = state.view.layout
    for moment, (record, _) in zip(flight, state.records, strict=True):
        trace = moment.trace
        assert record.stamp_ns == trace.stamp_ns
        for name, value in {
            'wanted': trace.command,
            'sent': moment.sent.values,
            'gate': trace.gate,
            'position': moment.odometry.position_enu_m,
            'features': trace.features,
            'imu': trace.imu,
            'state': trace.state,
            'tau': trace.tau,
            'dt': [trace.dt_s],
            'guard': [STATES.index('engaged')],
        }.items():
            assert layout.read(record.row, name).tolist() == f4(value), name
        assert record.filter_tau.tolist() == f4(trace.filter_tau)
    row = state.records[3][0].row
    assert layout.read(row, 'state_before').tolist() == f4(flight[2].trace.state)
    # As trained the time constants are those that fly, to the rounding of float32.
    assert layout.read(row, 'tau_trained') == pytest.approx(layout.read(row, 'tau'), rel=1e-4)


def test_the_picture_is_what_the_pilot_saw(state, flight):
    seen = np.frombuffer(flight[0].image.data, np.uint8).reshape(72, 128, 3)
    shown = cv2.imdecode(np.frombuffer(state.records[0][0].picture, np.uint8), 1)[:, :, ::-1]
    # Noise is the hardest of all pictures for JPEG.
    assert shown.shape == seen.shape and np.abs(shown.astype(int) - seen).mean() < 25


def test_what_is_computed_agrees_with_the_explanation(state, flight):
    message = state.record_message(5, frozenset(MAPS[:2]))
    header, blocks = unpack(message)
    assert header['number'] == 5 and header['status']['guard']['values']['state'] == 'engaged'
    pilot, trace = state.view.pilot, flight[4].trace
    paths = CorePaths(pilot)
    tick = trace_tick(paths.tick, pilot, trace)
    currents = paths.currents(trace.state, tick.inputs)
    sensory, between = paths.tick.sensory, paths.tick.between
    assert blocks['sensory'] == pytest.approx(
        currents.sensory[sensory.sources, sensory.targets], rel=1e-4, abs=1e-6
    )
    assert blocks['between'] == pytest.approx(
        currents.between[between.sources, between.targets], rel=1e-4, abs=1e-6
    )
    parts = paths.decompose(flight[3].trace.state, tick.inputs, trace.dt_s, tick.log_cm)
    assert blocks['by_input'].reshape(4, -1) == pytest.approx(parts.by_input, rel=1e-3, abs=1e-5)
    for method, command in MAPS[:2]:
        drawn = cv2.imdecode(np.frombuffer(blocks[f'map:{method}:{command}'], np.uint8), 0)
        assert drawn.shape == (72, 128) and drawn.max() > 200


def test_a_tick_is_recorded_once_and_silence_is_recorded_as_such(state):
    record, _ = state.record(10.0)
    layout = state.view.layout
    for name in ('sequence', 'wanted', 'sent', 'state', 'position', 'guard'):
        assert np.isnan(layout.read(record.row, name)).all(), name
    assert not record.picture and record.stamp_ns == 0
    (_, events) = state.record(10.1)
    assert not events


def test_a_silent_node_is_told_once(flight):
    state = FlightState(History(100.0, 10.0))
    state.on_status(0.0, 'guard', GUARD)
    assert [event.kind for event in state.record(1.0)[1]] == ['guard']
    (event,) = state.record(4.0)[1]
    assert event.text == 'guard reports no more: it has ended, or hangs'
    assert state.record(5.0)[0].status == b'{}'


def test_another_pilot_begins_another_description(state, flight):
    before = state.version
    stranger = flight[0].trace._replace(
        digest='f' * 64, flight='two', features=np.zeros(5), state=np.zeros(3), tau=np.zeros(3)
    )
    state.on_trace(20.0, stranger)
    record, _ = state.record(20.0)
    assert state.version == before + 1 and len(state.history) == 1
    about = state.about()
    assert about['pilot'] is None and about['fields']['state'] == 3
    assert state.view.layout.read(record.row, 'state').tolist() == [0, 0, 0]
    assert unpack(state.record_message(record.number, frozenset()))[0]['number'] == record.number
    # And back, with the wiring of the shipped one.
    show(state, flight, 30.0)
    assert len(state.about()['wiring']['neurons']) == 34


HOSTILE = {
    'a million neurons': {'state': np.zeros(10**6), 'tau': np.ones(10**6)},
    'a million features': {'features': np.zeros(10**6)},
    'no neuron': {'state': np.empty(0), 'tau': np.empty(0)},
    'another IMU': {'imu': np.zeros(5)},
}
STRANGE = {
    'nothing but NaN': dict.fromkeys(
        ('features', 'imu', 'state', 'tau', 'command', 'gate', 'friction'), np.nan
    ),
    'infinite numbers': dict.fromkeys(
        ('features', 'imu', 'state', 'tau', 'command', 'gate', 'filter_tau'), np.inf
    ),
    'negative time constants': dict.fromkeys(('tau', 'filter_tau', 'dt_s'), -1.0),
    'huge numbers': dict.fromkeys(('features', 'state', 'command', 'filter_error'), 1e300),
}


@pytest.mark.parametrize('what', HOSTILE)
def test_a_trace_that_no_pilot_makes_is_refused_and_forgotten(state, flight, what):
    before = len(state.history)
    with pytest.raises(LiquidPilotError, match=r'^trace: '):
        state.on_trace(5.0, flight[0].trace._replace(flight='two', **HOSTILE[what]))
    record, _ = state.record(5.0)
    assert not record.picture and len(state.history) == before + 1
    assert len(state.about()['wiring']['neurons']) == 34


@pytest.mark.filterwarnings('ignore::RuntimeWarning')
@pytest.mark.parametrize('what', STRANGE)
def test_numbers_that_are_none_are_recorded_as_such_and_end_nothing(state, flight, what):
    trace = flight[0].trace
    changed = {
        name: value if name == 'dt_s' else np.full_like(getattr(trace, name), value)
        for name, value in STRANGE[what].items()
    }
    for number in (1, 2):
        state.on_picture(trace.stamp_ns, flight[0].image)
        state.on_odometry(5.0, flight[0].odometry._replace(position_enu_m=(np.nan,) * 3))
        state.on_trace(5.0, trace._replace(flight='two', sequence=number, **changed))
        message = state.encoded(*state.record(5.0), frozenset(MAPS))
        header, blocks = unpack(message)
        assert blocks['row'].size == state.view.layout.size and header['kind'] == 'record'
    # And what comes after it is shown as before.
    show(state, flight, 30.0)
    assert np.isfinite(
        unpack(state.record_message(state.history.last_number, frozenset(MAPS)))[1]['inputs']
    ).all()


def test_a_known_digest_with_other_sizes_is_an_unknown_pilot(flight):
    state = FlightState(History(100.0, 10.0))
    state.on_trace(0.0, flight[0].trace._replace(state=np.zeros(3), tau=np.zeros(3)))
    record, _ = state.record(0.0)
    assert state.about()['pilot'] is None
    assert state.view.layout.read(record.row, 'state').tolist() == [0, 0, 0]


def test_the_scene_is_that_of_the_seed_where_a_simulator_flies_it(state):
    assert state.scene(0) == {}
    state.on_mission(1.0, 'seed 7', 0)
    assert state.scene(1) == {}
    state.on_status(1.0, 'simulator', GUARD)
    scene = state.scene(1)
    (goal,) = [mark for mark in scene['landmarks'] if mark['goal']]
    assert goal['label'] == 'target' and scene['arrival_radius_m'] == 1.5
    assert sum(len(discs['places']) for discs in scene['discs']) > 20


@pytest.mark.parametrize('condition', ['clear', 'forest:3'])
def test_a_scene_that_is_another_one_is_not_drawn(state, condition):
    """Who only looks on is not told of the conditions; the obstacles show that they differ."""
    layout = layout_of('quadrotor', 7, parse(condition))
    state.on_mission(1.0, 'seed 7', 0)
    state.on_status(1.0, 'simulator', GUARD)
    state.on_obstacles(surface_points(layout.obstacle_discs()))
    scene = state.scene(1)
    assert ('landmarks' in scene) == (condition == 'clear')
    assert ('cloud' in scene) == (condition != 'clear')


def test_a_real_vehicle_shows_the_obstacles_that_are_published(state):
    state.on_mission(1.0, 'seed 7', 0)
    state.on_obstacles(np.array([[1.0, 2.0, 0.0], [1.0, 2.0, 3.0]]))
    assert state.scene(1)['cloud'] == [[1.0, 2.0]]


def test_a_pilot_is_found_by_its_digest(flight):
    digest = flight[0].trace.digest
    assert find_pilot(digest).specification.name == 'forest-ltc'
    assert find_pilot('0' * 64) is None and find_pilot('0' * 64, '/nowhere') is None


def test_what_the_page_reads_by_name_is_there(state):
    about = state.about()
    assert about['gate_fields'] == list(GATE_FIELDS)
    assert list(about['guard_states']) == list(STATES)
    assert sum(about['fields'].values()) == state.view.layout.size
    assert len(about['colours']) == 256
    assert len(about['wiring']['sensory'][0]) == state.view.pilot.wiring.sensory_synapses
    assert about['pilot']['filter_grid'] == [4, 8]
    assert state.records[-1][0].stamp_ns == 8 * PERIOD_NS
