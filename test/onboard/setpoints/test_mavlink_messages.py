"""How a MAVLink link gets the messages that it needs from autopilots that do not just send them."""

from collections import Counter, deque

import pytest
from autopilot_model import (
    ATTITUDE,
    EKF,
    ESTIMATE,
    GUIDED,
    IMU,
    LAND,
    LANDED,
    POSITION,
    RAW_IMU,
    Autopilot,
)
from mavlink_peer import mavlink

from liquid_pilot.onboard.setpoints.mavlink import HEARTBEAT_TIMEOUT_S, MavlinkLink

STEP_S = 0.01
WANTED = {IMU: 100.0, ATTITUDE: 50.0, POSITION: 50.0, LANDED: 5.0, EKF: 2.0}
SENDER = ('127.0.0.1', 1)


class Wire:
    """The transport of a link whose other end is in the same test, in its own time."""

    def __init__(self):
        self.peer, self.to_link, self.to_autopilot = None, deque(), deque()

    def choose(self, sender):
        self.peer = sender

    consider = choose

    def received(self):
        while self.to_link:
            yield self.to_link.popleft(), SENDER

    def write(self, data):
        self.to_autopilot.append(bytes(data))

    def close(self):
        pass


class WiredAutopilot(Autopilot):
    def __init__(self, kind, **options):
        self.wire = Wire()
        super().__init__(0, kind, **options)
        self.socket.close()

    def send(self, *messages):
        self.wire.to_link.extend(self.pack(message) for message in messages)

    def received(self):
        found = []
        while self.wire.to_autopilot:
            found += self.parser.parse_buffer(self.wire.to_autopilot.popleft()) or []
        return found


class Ends:
    """A link and an autopilot, and what has come of it, with its times."""

    def __init__(self, kind='copter', **options):
        self.autopilot = WiredAutopilot(kind, **options)
        self.link = MavlinkLink(self.autopilot.wire, mavlink)
        self.now_s, self.imu, self.states = 0.0, [], []

    def run(self, seconds, step_s=STEP_S):
        """Run, and return which message was asked for how often meanwhile."""
        self.autopilot.requests.clear()
        for _ in range(round(seconds / step_s)):
            self.now_s += step_s
            self.autopilot.step(self.now_s)
            update = self.link.poll(self.now_s)
            self.imu += [(self.now_s, reading) for reading in update.imu]
            if update.state is not None:
                self.states.append((self.now_s, update.state))
        return Counter(number for _, number, _ in self.autopilot.requests)

    def rates_hz(self, seconds=2.0):
        """The rates of IMU and odometry over a time."""
        self.imu.clear()
        self.states.clear()
        self.run(seconds)
        return len(self.imu) / seconds, len(self.states) / seconds

    @property
    def airborne(self):
        return self.link.status(self.now_s).airborne


def test_nothing_is_asked_for_while_all_comes():
    ends = Ends(rates=WANTED)
    assert not ends.run(20.0, 0.05)
    # A little less, as over a slow radio, is enough.
    ends = Ends(rates={number: 0.7 * rate for number, rate in WANTED.items()})
    assert not ends.run(20.0, 0.05)


@pytest.mark.parametrize(('kind', 'estimate', 'other'), [('copter', EKF, 230), ('px4', 230, EKF)])
def test_what_does_not_come_is_asked_for_once(kind, estimate, other):
    ends = Ends(kind)
    asked = ends.run(2.0)
    assert asked == {IMU: 1, ATTITUDE: 1, POSITION: 1, LANDED: 1, estimate: 1} and not asked[other]
    assert not ends.run(30.0, 0.05)
    imu_hz, odometry_hz = ends.rates_hz()
    assert imu_hz == pytest.approx(100.0, rel=0.05) and odometry_hz >= 45.0


def test_slow_streams_are_asked_for_although_they_came_with_the_first_heartbeat():
    ends = Ends(rates={number: 4.0 for number in WANTED})
    asked = ends.run(2.0)
    assert asked == {IMU: 1, ATTITUDE: 1, POSITION: 1}
    # So is a stream of which one message has come before the link began.
    ends = Ends(rates={**WANTED, POSITION: 0.1})
    assert ends.run(2.0) == {POSITION: 1}


def test_requests_that_are_lost_are_repeated_and_those_without_an_answer_are_enough():
    ends = Ends()
    ends.autopilot.uplink = False
    ends.run(2.5)
    ends.autopilot.uplink = True
    ends.run(5.0)
    assert ends.rates_hz()[0] > 90.0
    ends = Ends()
    ends.autopilot.answers = False
    ends.run(5.0)
    assert min(ends.rates_hz()) > 45.0
    assert not ends.run(20.0, 0.05)


@pytest.mark.parametrize('takes_s', [0.3, 2.0, HEARTBEAT_TIMEOUT_S + 2.0])
@pytest.mark.parametrize('own_hz', [None, 2.0])
def test_after_a_restart_of_the_autopilot_imu_and_odometry_come_back(takes_s, own_hz):
    ends = Ends(rates={} if own_hz is None else dict.fromkeys(WANTED, own_hz))
    ends.run(4.0)
    for _ in range(2):
        ends.autopilot.reboot(takes_s)
        ends.run(takes_s + 2.9)
        assert min(ends.rates_hz(0.5)) > 45.0
    assert not ends.run(10.0, 0.05)


def test_what_was_reported_before_a_restart_is_forgotten():
    ends = Ends()
    ends.run(3.0)
    ends.autopilot.position_ned[2] = -5.0
    ends.autopilot.landed = False
    ends.run(1.0)
    assert ends.airborne is True
    ends.autopilot.own_rates = {ATTITUDE: 10.0}
    ends.autopilot.reboot(0.5)
    ends.autopilot.refused = {LANDED, POSITION}
    ends.run(1.0)
    # No odometry of an attitude of now and a position of then.
    ends.states.clear()
    ends.run(0.5)
    assert (ends.airborne, ends.states) == (None, [])


def test_a_stream_that_a_ground_station_stops_or_slows_is_asked_for_again():
    ends = Ends()
    ends.run(3.0)
    for rate_hz in (None, 1.0, 20.0):
        for number in (IMU, POSITION):
            ends.autopilot.rates.pop(number)
            if rate_hz:
                ends.autopilot.rates[number] = rate_hz
        ends.autopilot.due.clear()
        ends.run(2.5)
        assert min(ends.rates_hz(1.0)) > 45.0
        assert (ends.autopilot.rates[IMU], ends.autopilot.rates[POSITION]) == (100.0, 50.0)
        assert not ends.run(5.0)


def test_a_refused_message_is_asked_for_ever_more_seldom():
    ends = Ends(refused=[LANDED, EKF])
    ends.run(100.0, 0.05)
    times = {number: [] for number in (LANDED, EKF)}
    for at_s, number, _ in ends.autopilot.requests:
        times.get(number, []).append(at_s)
    for number in (LANDED, EKF):
        assert 1 <= len(times[number]) <= 4
        gaps = [
            after - before for before, after in zip(times[number], times[number][1:], strict=False)
        ]
        assert min(gaps) >= 29.0
    # A stream that never comes, although nobody refuses it.
    ends = Ends()
    ends.autopilot.answers = False
    message = ends.autopilot._message
    ends.autopilot._stream = lambda: ends.autopilot.send(message(None))
    assert all(count <= 8 for count in ends.run(120.0, 0.05).values())
    assert 3 <= ends.run(120.0, 0.05)[ATTITUDE] <= 5


def test_the_other_imu_serves_where_the_better_one_is_refused():
    ends = Ends(refused=[IMU])
    asked = ends.run(4.0)
    assert asked[RAW_IMU] == 1
    assert ends.imu[-1][1].specific_force_flu_m_s2 == pytest.approx((0.0, 0.0, 9.80665))
    assert ends.rates_hz()[0] == pytest.approx(100.0, rel=0.05)
    assert not ends.run(40.0, 0.05)
    # Where it comes, the other one is not used, until it ends.
    ends = Ends(rates={**WANTED, RAW_IMU: 100.0})
    assert ends.rates_hz()[0] == pytest.approx(100.0, rel=0.05)
    ends.autopilot.refused = [IMU]
    ends.autopilot.rates.pop(IMU)
    ends.run(1.0)
    assert ends.rates_hz()[0] == pytest.approx(100.0, rel=0.05)


def test_a_rate_that_the_main_loop_cannot_send_is_lowered():
    """A Rover with its default loop of 50 Hz refuses more than 40 Hz."""
    ends = Ends('rover', max_rate_hz=40.0)
    ends.run(3.0)
    assert ends.rates_hz()[0] == pytest.approx(25.0, rel=0.05)
    rates = ends.autopilot.rates
    assert (rates[ATTITUDE], rates[POSITION], rates[LANDED]) == (25.0, 25.0, 5.0)
    assert not ends.run(40.0, 0.05)


def test_an_answer_to_another_one_is_not_taken():
    ends = Ends()
    ends.autopilot.answers = False
    ends.run(1.05)
    assert [number for _, number, _ in ends.autopilot.requests] == [IMU]
    refusal = mavlink.MAVLink_command_ack_message(511, 2, 0, 0, 255, 190)
    ends.autopilot.send(refusal)
    ends.run(4.0)
    assert {rate for _, number, rate in ends.autopilot.requests if number == IMU} <= {100.0}
    ends.autopilot.send(mavlink.MAVLink_command_ack_message(400, 4))
    ends.run(1.0)
    assert ends.rates_hz()[0] > 90.0


def test_the_landed_state_tells_whether_it_flies():
    ends = Ends()
    assert ends.airborne is None
    ends.run(2.0)
    assert ends.airborne is False
    autopilot = ends.autopilot
    autopilot.set_mode(GUIDED)
    autopilot.armed = True
    autopilot.take_off(2.0)
    ends.run(0.8)
    assert autopilot.height > 0.3 and ends.airborne is False
    ends.run(3.0)
    assert autopilot.height > 1.9 and ends.airborne is True
    autopilot.set_mode(LAND)
    ends.run(0.5)
    assert autopilot.height > 0.5 and ends.airborne is False
    ends.run(4.0)
    assert autopilot.landed and ends.airborne is False
    # Silence, and an autopilot that does not know.
    autopilot.downlink = False
    ends.run(3.5)
    assert ends.airborne is None
    rover = Ends('rover')
    rover.run(2.0)
    assert rover.autopilot.rates[LANDED] == 5.0 and rover.airborne is None


def test_estimators_are_asked_of_the_autopilot_that_has_them():
    ends = Ends('px4')
    ends.run(3.0)
    assert ends.link.status(ends.now_s).estimator == '' and ESTIMATE in ends.autopilot.rates
