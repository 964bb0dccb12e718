"""The sticks of a remote control, where they command velocities."""

import math
import time

import pytest
from free_ports import free_port
from mavlink_peer import Peer

from liquid_pilot.interfaces import VehicleLimits
from liquid_pilot.onboard.setpoints.mavlink import MavlinkLink
from liquid_pilot.onboard.setpoints.mavlink_messages import MessageRequests
from liquid_pilot.onboard.teaching.rc_hand import RcHandSettings, hand_command

LIMITS = VehicleLimits(maximum=(2.5, 1.5, 1.0, 1.5), slew=(8.0, 8.0, 8.0, 10.0))
CENTRE = [1500] * 8
ROVER = RcHandSettings(rc_channels=(3, 0, 0, -1))


def moved(**pulses):
    """Pulses of eight channels, of which some are moved."""
    found = list(CENTRE)
    for name, value in pulses.items():
        found[int(name[2:]) - 1] = value
    return found


@pytest.mark.parametrize(
    ('pulses', 'command'),
    [
        (CENTRE, (0.0, 0.0, 0.0, 0.0)),
        # Mode 2: the right stick forward is a short pulse, to the right a long one.
        (moved(ch2=1100), (2.5, 0.0, 0.0, 0.0)),
        (moved(ch2=1900), (-2.5, 0.0, 0.0, 0.0)),
        (moved(ch1=1700), (0.0, -0.75, 0.0, 0.0)),
        (moved(ch3=1900), (0.0, 0.0, 1.0, 0.0)),
        (moved(ch4=1300), (0.0, 0.0, 0.0, 0.75)),
        # Beyond full deflection, and within the dead zone.
        (moved(ch4=2100), (0.0, 0.0, 0.0, -1.5)),
        (moved(ch1=1519, ch2=1481), (0.0, 0.0, 0.0, 0.0)),
    ],
)
def test_each_stick_commands_its_axis(pulses, command):
    assert hand_command(pulses, RcHandSettings(), LIMITS) == pytest.approx(command)


def test_a_rover_has_a_throttle_and_a_steering_wheel():
    assert hand_command(moved(ch3=1700, ch1=1900), ROVER, LIMITS) == (1.25, 0.0, 0.0, -1.5)


@pytest.mark.parametrize(
    'pulses', [[], CENTRE[:3], moved(ch3=0), moved(ch1=65535), moved(ch2=math.nan)]
)
def test_without_a_receiver_nothing_is_commanded(pulses):
    assert hand_command(pulses, RcHandSettings(), LIMITS) is None


@pytest.fixture
def ends():
    port = free_port()
    link, peer = MavlinkLink.open(f'udpin:127.0.0.1:{port}', rc_channels=True), Peer(port)
    yield link, peer
    link.close()
    peer.close()


def test_the_link_asks_for_the_sticks_and_forgets_old_ones(ends):
    link, peer = ends
    peer.send(peer.heartbeat(), peer.sticks(1500, 1400, 1600, 1500))
    time.sleep(0.02)
    link.poll(0.0)
    assert link.sticks_us(0.4) == (1500, 1400, 1600, 1500)
    assert link.sticks_us(0.6) == ()
    asked = set()
    for k in range(1, 40):
        peer.send(peer.heartbeat())
        time.sleep(0.01)
        link.poll(0.6 * k)
        asked |= {int(m.param1) for m in peer.received() if m.get_type() == 'COMMAND_LONG'}
    assert 65 in asked


def test_a_link_that_does_not_need_them_does_not_ask():
    requests = MessageRequests()
    requests.begin(0.0)
    asked = {message.number for k in range(60) if (message := requests.due(0.6 * k, False))}
    assert asked and 65 not in asked
