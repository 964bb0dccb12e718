"""A pilot that is taught in simulation: the hand flies, the lesson learns, and it flies better."""

import math

import numpy as np
import pytest

from liquid_pilot import load_pilot
from liquid_pilot.onboard.teaching.settings import TeachingSettings
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.mission import Mission
from liquid_pilot.simulation.rollout import InProcessPilot, fly_mission
from liquid_pilot.simulation.simulator import Simulation
from liquid_pilot.simulation.taught_pilot import TaughtPilot

SEED = 17_700_000


@pytest.fixture(scope='module')
def simulation():
    with Simulation() as simulation:
        yield simulation


@pytest.fixture(scope='module')
def shipped():
    return load_pilot('forest-ltc')


def teach(simulation, taught, condition, seconds):
    """Let the expert show how it is done."""
    lesson, seed = taught.book.lesson, SEED
    while lesson.taught_s < seconds:
        packet = simulation.reset(seed, conditions=parse(condition))
        expert = simulation.task.expert(simulation.layout)
        taught.hand = lambda packet, expert=expert: expert.command(packet.state)
        taught.reset()
        mission = Mission(seed, simulation.layout)
        while mission.update(packet) is None and lesson.taught_s < seconds:
            packet = simulation.advance(taught.setpoint(packet))
        seed += 1
    taught.hand = None


def test_a_hand_finds_a_turned_camera_and_it_flies_with_it_once_accepted(simulation, shipped):
    taught = TaughtPilot(shipped, simulation, TeachingSettings(lesson='aim'))
    conditions = parse('camera_left=20')
    teach(simulation, taught, 'camera_left=20', 15.0)
    assert math.degrees(taught.book.lesson.correction.aim.yaw_rad) > 5.0
    # Not before it is accepted.
    as_trained = fly_mission(
        SEED, simulation, InProcessPilot(shipped, simulation), conditions=conditions
    )
    assert fly_mission(SEED, simulation, taught, conditions=conditions) == as_trained
    taught.book.accept()
    assert fly_mission(SEED, simulation, taught, conditions=conditions) != as_trained
    aim_deg = np.degrees(taught.engine.aim)
    largest = taught.settings.trust_region.max_taught_aim_deg
    assert aim_deg[0] > 5.0 and np.abs(aim_deg).max() <= largest + 1e-9
    taught.book.undo()
    assert fly_mission(SEED, simulation, taught, conditions=conditions) == as_trained


def test_the_hand_flies_while_it_commands(simulation, shipped):
    taught = TaughtPilot(shipped, simulation, TeachingSettings(lesson='readout'))
    packet = simulation.reset(SEED)
    expert = simulation.task.expert(simulation.layout)
    taught.reset()
    wanted = expert.command(packet.state)
    taught.hand = lambda packet: wanted
    assert taught.setpoint(packet) == taught.command == wanted
    assert taught.book.lesson.taught_s > 0.0
    taught.hand = lambda packet: None
    setpoint = taught.setpoint(simulation.advance(wanted))
    assert setpoint.stamp_ns == taught.tick.command.stamp_ns and taught.command != wanted
