"""Memory courses: visibility over time, success and failure, and fair sides."""

import math
from dataclasses import replace

import numpy as np
import pytest

from liquid_pilot.interfaces import Command, LiquidPilotError
from liquid_pilot.simulation.base.action_noise import UndecidedSteering
from liquid_pilot.simulation.base.condition import MEMORY_COURSES, parse
from liquid_pilot.simulation.base.mission import Mission
from liquid_pilot.simulation.base.random_streams import random_stream
from liquid_pilot.simulation.forest.expert import ForestExpert
from liquid_pilot.simulation.forest.layout import ForestSettings, generate_forest
from liquid_pilot.simulation.forest.memory_courses import ForestRouteProgress
from liquid_pilot.simulation.forest.scene import build_forest_scene
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.simulation.tasks.registry import layout_of


@pytest.fixture(scope='module')
def simulation():
    with Simulation() as made:
        yield made


def course(seed, text):
    return layout_of('quadrotor', seed, parse(text))


def red_pixels(packet):
    image = packet.observation.image
    rgb = np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, 3).astype(int)
    return int(((rgb[..., 0] > 130) & (rgb[..., 1] < 60) & (rgb[..., 2] < 60)).sum())


def aside(layout, place):
    """Return the distance to the left of the first leg, m."""
    middle = np.add(layout.target_enu_m[:2], layout.course.decoy_enu_m[:2]) / 2
    along = middle - layout.start_enu_m[:2]
    offset = np.subtract(place[:2], layout.start_enu_m[:2])
    return float(along[0] * offset[1] - along[1] * offset[0]) / float(np.hypot(*along))


def fly(simulation, seed, text, command=None):
    """Return outcome, reason and packets of a flight by the expert, or by a function of it."""
    packet = simulation.reset(seed, conditions=parse(text))
    expert, mission = ForestExpert(simulation.layout), Mission(seed, simulation.layout)
    packets = []
    while mission.update(packet) is None:
        packets.append((packet, red_pixels(packet)))
        label = expert.command(packet.state)
        packet = simulation.advance(command(packet, label) if command else label)
    return mission.outcome, mission.reason, packets


@pytest.mark.slow
@pytest.mark.parametrize('family', MEMORY_COURSES)
def test_the_expert_remembers_and_arrives(simulation, family):
    for seed in range(3):
        outcome, reason, _ = fly(simulation, seed, f'{family}:{1 + 2 * seed}')
        assert outcome == 'success', (seed, reason)


@pytest.mark.parametrize('family', MEMORY_COURSES)
def test_target_and_decoy_are_mirror_images_and_either_side_is_as_likely(family):
    sides = []
    for seed in range(60):
        layout = course(seed, f'{family}:2')
        target, decoy = layout.target_enu_m, layout.course.decoy_enu_m
        assert math.dist(target[:2], layout.start_enu_m[:2]) == pytest.approx(
            math.dist(decoy[:2], layout.start_enu_m[:2])
        )
        assert aside(layout, target) == pytest.approx(-aside(layout, decoy))
        assert abs(aside(layout, target)) > 2.0
        sides.append(aside(layout, target) > 0)
    assert 18 <= sum(sides) <= 42


def test_forests_alone_do_not_tell_the_side():
    # What a course clears of trees it clears on both sides.
    left = [
        sum(
            aside(layout, (tree.x_m, tree.y_m)) * aside(layout, layout.target_enu_m) > 0
            for tree in layout.trees
            if not tree.backdrop
        )
        for layout in (course(seed, 'two_legs:3') for seed in range(40))
    ]
    total = [
        sum(not tree.backdrop for tree in course(seed, 'two_legs:3').trees) for seed in range(40)
    ]
    assert abs(sum(left) / sum(total) - 0.5) < 0.05


def test_two_legs_shows_the_target_at_the_start_and_both_chairs_behind_the_gate(simulation):
    _, _, packets = fly(simulation, 0, 'two_legs:3')
    progress, seen = ForestRouteProgress(simulation.layout), []
    for packet, red in packets:
        progress.update(packet.state.position_enu_m)
        shown = tuple(progress.body_visibility(packet.stamp_ns * 1e-9).values())
        seen.append((packet.stamp_ns * 1e-9, shown, red))
    assert seen[0][1] == (True, False) and seen[0][2] > 0
    dark = [row for row in seen if row[1] == (False, False)]
    assert dark[0][0] == pytest.approx(1.2) and dark[-1][0] - dark[0][0] > 2.0
    assert all(red == 0 for _, _, red in dark)
    assert seen[-1][1] == (True, True) and seen[-1][2] > 100


def test_hidden_hides_behind_hedges_for_seconds(simulation):
    _, _, packets = fly(simulation, 0, 'hidden:4')
    red = np.array([red for _, red in packets])
    assert red[:10].max() > 0
    longest = max(map(len, ''.join('x' if value == 0 else ' ' for value in red).split()))
    assert longest > 2.5 * 20
    assert simulation.layout.course.hedges


def test_glimpse_ignores_the_pilot_until_the_handover(simulation):
    wild = fly(
        simulation,
        0,
        'glimpse:2',
        lambda packet, label: (
            Command(packet.stamp_ns, 2.0, 1.0, 0.0, 1.0) if packet.stamp_ns < 2.9e9 else label
        ),
    )
    assert wild[0] == 'success'
    start, before = wild[2][0][0].state, wild[2][59][0].state
    assert math.dist(start.position_enu_m, before.position_enu_m) < 0.5
    assert wild[2][0][1] > 0
    assert max(red for _, red in wild[2][24:60]) == 0


def test_the_wrong_chair_ends_the_mission_and_the_gate_comes_first(simulation):
    layout = course(3, 'two_legs:1')
    mission = Mission(3, layout)
    packet = simulation.reset(3, conditions=parse('two_legs:1'))
    assert packet.target_distance_m == pytest.approx(layout.target_distance_m, abs=0.05)
    assert packet.target_distance_m > math.dist(layout.start_enu_m[:2], layout.target_enu_m[:2])

    def at(place, distance):
        state = packet.state._replace(position_enu_m=(*place[:2], 1.5))
        return replace(packet, state=state, target_distance_m=distance)

    progress = ForestRouteProgress(layout)
    # Past the gate, straight to the target: there is still the gate to fly through.
    assert progress.remaining_m((*layout.target_enu_m[:2], 1.5)) > 1.5
    remaining_m = progress.remaining_m(layout.target_enu_m)
    assert mission.update(at(layout.target_enu_m, remaining_m)) is None
    progress.update((*layout.course.gate_enu_m, 1.5))
    assert progress.remaining_m((*layout.target_enu_m[:2], 1.5)) == 0.0
    assert mission.update(at(layout.course.decoy_enu_m, 5.0)) == 'crash'
    assert mission.reason == 'came to the wrong target'


def test_without_a_course_nothing_is_other_than_before():
    settings = ForestSettings()
    assert course(5, 'clear') == generate_forest(5, settings)
    assert 'decoy' not in build_forest_scene(generate_forest(5)).bodies


def test_a_flight_has_one_course_and_it_cannot_begin_in_flight():
    with pytest.raises(LiquidPilotError, match='two courses'):
        parse('two_legs:1+hidden:2')
    with pytest.raises(LiquidPilotError, match='part of the world'):
        parse('glimpse:1@3s')
    assert parse('hidden:2+snow:3')


def test_undecided_steering_acts_for_a_while_at_the_decision_point():
    label = Command(1, 1.0, 0.5, 0.1, 0.9)
    undecided_count = 0
    for seed in range(60):
        undecided = UndecidedSteering(random_stream(seed, 'waver'))
        assert undecided(label, False, 0.05) == label
        flown = [undecided(label, True, 0.05) for _ in range(60)]
        ticks = sum(command != label for command in flown)
        assert flown[-1] == label
        assert all(
            abs(command.yaw_rate_rad_s) <= 1.0 and command.up_m_s == 0.1 for command in flown
        )
        undecided_count += ticks > 0
        assert ticks == 0 or 8 <= ticks <= 33
    assert 24 <= undecided_count <= 48


def test_deciding_begins_behind_the_gate_or_at_the_handover():
    progress = ForestRouteProgress(course(0, 'two_legs:1'))
    assert not progress.at_decision_point(100.0)
    progress.update((*course(0, 'two_legs:1').course.gate_enu_m, 1.5))
    assert progress.at_decision_point(0.0)
    progress = ForestRouteProgress(course(0, 'glimpse:2'))
    assert [progress.at_decision_point(time_s) for time_s in (0.0, 2.9, 3.0, 9.0)] == [
        False,
        False,
        True,
        True,
    ]
    assert not ForestRouteProgress(course(0, 'clear')).at_decision_point(9.0)


def test_a_forest_without_a_gate_says_so():
    forest = generate_forest(5)
    assert forest.gate_posts() == []
    with pytest.raises(LiquidPilotError, match='has no gate'):
        _ = forest.gate_yaw_rad


HOVER = (0.0, 0.0, 0.0, 0.0)


def holds(progress, path, period_s=0.05):
    """Return the ticks in which the vehicle is held, on a path of (east, north)."""
    held = []
    for tick, place in enumerate(path):
        progress.update((*place, 1.5))
        command = progress.handover_command(tick * period_s, tick)
        # Asked twice, it says the same.
        assert progress.handover_command(tick * period_s, tick) == command
        assert command is None or command.values == HOVER
        held.append(command is not None)
    return np.array(held)


@pytest.mark.parametrize('family', ['two_legs', 'hidden'])
@pytest.mark.parametrize('factor', [1, 4])
def test_a_held_vehicle_is_held_half_way_to_the_gate_once(family, factor):
    seconds = []
    for seed in range(12):
        layout = course(seed, f'{family}:3+held={factor}')
        start, gate = np.array(layout.start_enu_m[:2]), np.array(layout.course.gate_enu_m)
        shares = np.concatenate(
            [np.linspace(0, 0.49, 40), np.full(400, 0.51), np.linspace(0.51, 1)]
        )
        # Away from the gate and there again, as a vehicle that is pushed back.
        shares = np.concatenate([shares, np.linspace(0.9, 0.4), np.linspace(0.4, 1)])
        held = holds(ForestRouteProgress(layout), start + shares[:, None] * (gate - start))
        ticks = np.flatnonzero(held)
        assert ticks[0] == 40 and (np.diff(ticks) == 1).all()
        seconds.append(len(ticks) * 0.05 / factor)
        # Nothing else of the course differs.
        plain = course(seed, f'{family}:3')
        unheld = replace(layout.course, hold_s=0.0, hold_gate_distance_m=0.0)
        assert replace(layout, course=unheld) == plain
        assert not holds(ForestRouteProgress(plain), [start, gate]).any()
    assert min(seconds) >= 1.2 and max(seconds) <= 2.05 and len(set(seconds)) > 5


def test_a_vehicle_on_two_legs_is_held_when_the_target_is_not_visible_any_more():
    layout = course(0, 'two_legs=3+held:2')
    gate = np.array(layout.course.gate_enu_m)
    near = np.array(layout.start_enu_m[:2]) * 0.4 + gate * 0.6
    held = holds(ForestRouteProgress(layout), [near] * 60)
    assert np.flatnonzero(held)[0] == round(1.2 / 0.05)


def test_a_glimpse_is_held_longer_between_turn_and_handover():
    plain = course(1, 'glimpse:3').course
    for factor in (1, 2, 8):
        held = course(1, f'glimpse:3+held={factor}').course
        assert held.handover_s == held.visible_again_s == pytest.approx(2.4 + factor * 1.6)
        assert held.hold_s == 0.0
        changed = replace(held, handover_s=plain.handover_s, visible_again_s=plain.visible_again_s)
        assert changed == plain


def test_a_held_vehicle_ignores_its_pilot_and_hovers(simulation):
    packet = simulation.reset(2, conditions=parse('hidden:1+held:3'))
    expert, held = ForestExpert(simulation.layout), []
    for _ in range(240):
        label = expert.command(packet.state)
        if not simulation.pilot_has_authority:
            held.append(packet.state)
            label = Command(packet.stamp_ns, 2.0, 1.0, 0.5, 1.0)
        packet = simulation.advance(label)
    assert 4 * 1.2 * 20 <= len(held) <= 4 * 2.0 * 20
    # It comes to rest from its cruise, and stays.
    assert math.dist(held[30].position_enu_m, held[-1].position_enu_m) < 0.4
    assert math.hypot(*held[-1].velocity_flu_m_s) < 0.3
    assert simulation.pilot_has_authority
    simulation.reset(2, conditions=parse('clear'))
    assert simulation.pilot_has_authority
