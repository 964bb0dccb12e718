"""Conditions change the picture, the timing of the frames, and the vehicle."""

from __future__ import annotations

import numpy as np
import pytest

from liquid_pilot.interfaces import Command, LiquidPilotError, SensorPacket
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.frame_context import FrameContext
from liquid_pilot.simulation.conditions.pipeline import IMAGE_EFFECTS
from liquid_pilot.simulation.forest.layout import generate_forest
from liquid_pilot.simulation.simulator import Simulation

SEED = 7
AHEAD = (1.0, 0.2, 0.0, 0.3)


@pytest.fixture(scope='module')
def simulation():
    with Simulation() as simulation:
        yield simulation


def fly(simulation: Simulation, text: str, ticks: int, seed: int = SEED) -> list[SensorPacket]:
    packets = [simulation.reset(seed, conditions=parse(text))]
    for _ in range(ticks):
        packets.append(simulation.advance(Command(packets[-1].stamp_ns, *AHEAD)))
    return packets


def pixels(packet: SensorPacket) -> np.ndarray:
    image = packet.observation.image
    return np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, 3).astype(int)


def test_the_same_seed_and_conditions_fly_the_same(simulation):
    everything = '+'.join(
        f'{family}:3'
        for family in (*IMAGE_EFFECTS, 'wind', 'mass', 'motor', 'rate', 'dropped', 'latency')
    )
    once, again = (fly(simulation, everything, 12) for _ in range(2))
    assert once == again
    assert fly(simulation, 'clear', 12) != once


@pytest.mark.parametrize('family', list(IMAGE_EFFECTS))
def test_before_its_onset_a_flight_is_a_clear_one_to_the_bit(simulation, family):
    clear = fly(simulation, 'clear', 8)
    later = fly(simulation, f'{family}:5@0.3s', 8)
    assert later[:6] == clear[:6]
    changed = [
        not np.array_equal(pixels(a), pixels(b)) for a, b in zip(later[6:], clear[6:], strict=True)
    ]
    assert any(changed) or family in ('blink', 'occlusion')
    assert [packet.state for packet in later] == [packet.state for packet in clear]


@pytest.mark.parametrize('family', sorted(set(IMAGE_EFFECTS) - {'blink', 'occlusion'}))
def test_a_stronger_one_changes_the_picture_more(simulation, family):
    clear = pixels(fly(simulation, 'clear', 2)[-1])
    change = [
        np.abs(pixels(fly(simulation, f'{family}:{severity}', 2)[-1]) - clear).mean()
        for severity in (1, 3, 5)
    ]
    assert 0.0 < change[0] < change[1] < change[2]


@pytest.mark.parametrize(('family', 'share'), [('blink', 0.5), ('occlusion', 0.5)])
def test_bursts_and_blanks_take_their_share_of_the_time(simulation, family, share):
    clear = fly(simulation, 'clear', 120)
    hit = fly(simulation, f'{family}={share}', 120)
    shares = np.mean(
        [not np.array_equal(pixels(a), pixels(b)) for a, b in zip(hit, clear, strict=True)]
    )
    assert share - 0.25 < shares < share + 0.25


def test_a_slow_camera_gives_a_frame_a_period_and_all_the_samples_between(simulation):
    packets = fly(simulation, 'rate=0.2', 20)
    seen = [packet.observation for packet in packets]
    assert [k for k, each in enumerate(seen) if each is not None] == [0, 4, 8, 12, 16, 20]
    assert all(len(each.imu) == 20 for each in seen[4::4])
    assert [packet.stamp_ns for packet in packets] == [k * 50_000_000 for k in range(21)]
    assert packets[4].imu == seen[4].imu[-5:]


def test_a_late_frame_has_the_stamp_the_picture_and_the_samples_of_its_capture(simulation):
    clear, late = fly(simulation, 'clear', 10), fly(simulation, 'latency=0.1', 10)
    # The first frame comes at once, or nothing could begin.
    assert [k for k, each in enumerate(late) if each.observation is None] == [1, 2]
    for k in range(3, 11):
        assert late[k].observation == clear[k - 2].observation
        assert late[k].stamp_ns == clear[k].stamp_ns


def test_lost_frames_are_lost_at_about_their_share(simulation):
    seen = [packet.observation for packet in fly(simulation, 'dropped=0.5', 120)]
    assert 0.35 < np.mean([each is None for each in seen]) < 0.65
    assert sum(len(each.imu) for each in seen if each is not None) > 500


def test_contact_counts_between_frames(simulation):
    simulation.reset(SEED, conditions=parse('rate:5'))
    for _ in range(60):
        packet = simulation.advance(Command(0, 0.0, 0.0, -1.0, 0.0))
        if packet.contact_body:
            break
    assert packet.contact_body == 'ground'
    assert packet.stamp_ns % 1_000_000_000


def test_what_acts_on_the_vehicle_moves_it(simulation):
    clear = fly(simulation, 'clear', 30)[-1].state.position_enu_m
    for text in ('wind:5', 'motor:5', 'mass=1.0'):
        moved = fly(simulation, text, 30)[-1].state.position_enu_m
        assert np.linalg.norm(np.subtract(moved, clear)) > 0.02, text
    mass = simulation.model.body('quadrotor').mass[0]
    fly(simulation, 'mass=1.0', 1)
    assert simulation.model.body('quadrotor').mass[0] == mass
    fly(simulation, 'clear', 1)
    assert simulation.model.body('quadrotor').mass[0] == pytest.approx(mass / 2)


def test_the_world_differs_where_it_is_asked_to(simulation):
    usual = generate_forest(SEED)
    simulation.reset(SEED, conditions=parse('range=10'))
    assert simulation.layout.target_distance_m == pytest.approx(usual.target_distance_m + 10.0)
    simulation.reset(SEED, conditions=parse('target:5'))
    assert simulation.layout == usual
    simulation.reset(SEED, conditions=parse('forest:5'))
    assert (
        simulation.layout.obstacle_discs()[:, 2].mean() > 1.2 * usual.obstacle_discs()[:, 2].mean()
    )


def test_fog_says_that_it_needs_depth(simulation):
    packet = simulation.reset(SEED)
    fog = IMAGE_EFFECTS['fog'](np.random.default_rng(0), simulation.camera, 0.1)
    with pytest.raises(LiquidPilotError, match='render the frame with depth'):
        fog(np.zeros((144, 256, 3), np.uint8), FrameContext(0.0, packet.state, None))
