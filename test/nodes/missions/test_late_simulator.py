"""A simulator in real time on a machine that is too slow for it."""

import time
from types import SimpleNamespace

import pytest

from liquid_pilot.nodes.missions.simulator_missions import SimulatorMissions

TICKS = 8
PERIOD_S = 0.02


class Listening:
    """What the loop needs of its node; it notes how long callbacks may run after each frame."""

    def __init__(self):
        self.settings = SimpleNamespace(current=SimpleNamespace(startup_timeout_s=60.0))
        self.health = SimpleNamespace(tick=lambda *values: None)
        self.problems = ''
        self.listened_s = []
        self.shows_expert = False
        self.steady_s = time.monotonic

    def publish(self, packet, camera):
        self.listened_s.append(0.0)

    def wait(self, seconds):
        self.listened_s[-1] += max(seconds, 0.0)
        time.sleep(max(seconds, 0.0))

    def engage(self, on):
        return True, ''

    def check_alive(self):
        pass

    reset_pilot = pop_setpoint = check_alive


@pytest.mark.parametrize('work_s', [0.0, 1.3 * PERIOD_S, 4.0 * PERIOD_S])
def test_it_listens_between_any_two_ticks(work_s):
    """Or what the guard reports would seem to be missing, and the guard to hang."""
    node = Listening()
    packet = SimpleNamespace(stamp_ns=0)

    def advance(setpoint):
        time.sleep(work_s)
        return packet

    run = SimulatorMissions.__new__(SimulatorMissions)
    run._node = node
    run._settings = SimpleNamespace(publish_clock=True, startup_timeout_s=60.0)
    run._simulation = SimpleNamespace(
        control_period_ns=round(1e9 * PERIOD_S), camera=None, advance=advance
    )
    run._notes = SimpleNamespace(on_output=lambda setpoint: None)
    run._progress = SimpleNamespace(behind_real_time=lambda late_s: None)
    run._on_packet = lambda mission, packet: 'success' if len(node.listened_s) >= TICKS else None
    # It engages after a quarter of a second at the earliest.
    deadline_s = time.monotonic() + 20.0
    run._fly_in_real_time(None, packet)
    assert time.monotonic() < deadline_s
    assert len(node.listened_s) >= TICKS
    assert min(node.listened_s) > 0.0, node.listened_s
