"""What is drawn and scored around a vehicle elsewhere is what the embedded simulator does."""

import pytest

from liquid_pilot.interfaces import Command, LiquidPilotError
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.external_vehicle import ExternalVehicleSimulation
from liquid_pilot.simulation.simulator import Simulation

BEGIN_NS = 1_000_000_000


def settings(vehicle='quadrotor', condition='clear'):
    return SimulationSettings(
        vehicle=vehicle, camera_width=64, camera_height=36, conditions=parse(condition)
    )


@pytest.mark.parametrize(
    ('vehicle', 'condition'),
    [
        ('quadrotor', 'clear'),
        ('quadrotor', 'rain:3+blur:3+target:2'),
        ('quadrotor', 'fog:3@0.3s+noise:2+rate:3'),
        ('rover', 'clear'),
    ],
)
def test_every_picture_and_score_of_a_flight_is_the_same_to_the_last_bit(vehicle, condition):
    with (
        Simulation(settings(vehicle, condition)) as flown,
        ExternalVehicleSimulation(settings(vehicle, condition)) as followed,
    ):
        packet = flown.reset(7, BEGIN_NS)
        followed.reset(7)
        # Pictures from before a mission do not shift what is random in it.
        for _ in range(3):
            followed.render_from(followed.start)
        followed.begin(followed.start, BEGIN_NS)
        pictures = []
        for _ in range(16):
            other = followed.follow([packet.state], packet.state, packet.stamp_ns)
            assert other.state == packet.state
            assert other.target_distance_m == packet.target_distance_m
            assert other.contact_body == packet.contact_body
            assert (other.observation is None) == (packet.observation is None)
            if packet.observation is not None:
                pictures.append(packet.observation.image.data)
                assert other.observation.image == packet.observation.image
                assert other.observation.stamp_ns == packet.observation.stamp_ns
            packet = flown.advance(Command(packet.stamp_ns, 2.0, 0.0, 0.0, 0.6))
    assert len(set(pictures)) > 2


def test_the_first_picture_is_drawn_from_the_start():
    with Simulation(settings()) as flown, ExternalVehicleSimulation(settings()) as followed:
        expected = flown.reset(7).observation.image
        followed.reset(7)
        assert followed.render_from(followed.start) == expected


def trunk_of(simulation):
    """A state 2 m in front of a trunk with clear air before it, and its centre."""
    tree = min(
        (tree for tree in simulation.layout.trees if not tree.backdrop),
        key=lambda tree: (tree.x_m - 3.0) ** 2 + tree.y_m**2,
    )
    at = simulation.start._replace(
        position_enu_m=(tree.x_m - 1.0, tree.y_m, 1.5), orientation_wxyz=(1.0, 0.0, 0.0, 0.0)
    )
    return at, tree


def test_a_trunk_between_two_odometry_messages_is_hit():
    with ExternalVehicleSimulation(settings()) as followed:
        followed.reset(7)
        before, tree = trunk_of(followed)
        beyond = before._replace(position_enu_m=(tree.x_m + 1.0, tree.y_m, 1.5))
        followed.begin(before, BEGIN_NS)
        assert followed.follow([before], before, BEGIN_NS).contact_body is None
        # It is where the vehicle has been measured that counts, and not where it is drawn.
        seen = before._replace(position_enu_m=(tree.x_m, tree.y_m, 1.5))
        assert followed.follow([], seen, BEGIN_NS + 1).contact_body is None
        hit = followed.follow([beyond], beyond, BEGIN_NS + 2)
        assert hit.contact_body is not None and hit.state.position_enu_m == beyond.position_enu_m


def test_the_ground_is_hit_where_the_course_has_it():
    with ExternalVehicleSimulation(settings()) as followed:
        followed.reset(7)
        x, y, _ = followed.start.position_enu_m
        low = followed.start._replace(position_enu_m=(x, y, 0.03))
        followed.begin(followed.start, BEGIN_NS)
        assert followed.follow([low], low, BEGIN_NS).contact_body == 'ground'


@pytest.mark.parametrize('condition', ['wind:2', 'mass:1', 'motor:3', 'two_legs:1'])
def test_what_acts_on_the_vehicle_is_refused(condition):
    with (
        ExternalVehicleSimulation(settings(condition=condition)) as followed,
        pytest.raises(LiquidPilotError, match='the vehicle is elsewhere'),
    ):
        followed.reset(7)
