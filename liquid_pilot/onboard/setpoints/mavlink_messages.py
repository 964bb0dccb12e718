"""The messages that a MAVLink link needs: what they mean, and requests for them.

By itself an autopilot sends few messages, and those slowly. It forgets what it was asked for when
it starts again, and a ground station may ask for another rate. So each rate is measured all the
time, and a message that comes at under half of its rate is asked for again (SET_MESSAGE_INTERVAL).

An answer (COMMAND_ACK) does not tell which message it is about, so that one request at a time is on
its way, as the protocol prescribes (https://mavlink.io/en/services/command.html).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from liquid_pilot.onboard.geometry import flu_frd

REQUEST_PERIOD_S = 2.0
"""Least time between two requests for a message at the same rate, s."""
MAX_REQUEST_PERIOD_S = 30.0
"""Time between two requests for a message that does not come, which doubles up to here, s."""
_ANSWER_TIMEOUT_S = 0.5
_WINDOW_S, _WINDOW_MESSAGES = 1.0, 3.0
"""A rate is measured over this time, and over the time of this many messages at least."""
_MIN_RATE_RATIO = 0.5
_MIN_RATE_HZ = 20.0
"""A rate that is refused is halved, as a slow main loop bounds it, but not to below this, Hz."""
_PATIENCE = 2
"""Number of requests for the better one of two messages before the other one is asked for."""
_MAV_RESULT_ACCEPTED, _MAV_RESULT_IN_PROGRESS = 0, 5

ATTITUDE_ESTIMATED, VELOCITY_ESTIMATED, NO_AIDING = 1, 2 | 4, 128
"""Bits of ESTIMATOR_STATUS (PX4) and EKF_STATUS_REPORT (ArduPilot), which agree in these."""
AIRBORNE = {1: False, 2: True, 3: False, 4: False}
"""Whether the vehicle flies, by MAV_LANDED_STATE: on ground, in air, take-off, landing."""
_MILLI_G_M_S2 = 9.80665e-3
IMU, RAW_IMU, ESTIMATOR, ARDUPILOT_ESTIMATOR, RC_CHANNELS = (
    'HIGHRES_IMU',
    'RAW_IMU',
    'ESTIMATOR_STATUS',
    'EKF_STATUS_REPORT',
    'RC_CHANNELS',
)
"""Messages that not every autopilot has, or that another one makes superfluous."""
_MESSAGES = (
    (105, IMU, 100.0),
    (27, RAW_IMU, 100.0),
    (31, 'ATTITUDE_QUATERNION', 50.0),
    (32, 'LOCAL_POSITION_NED', 50.0),
    (245, 'EXTENDED_SYS_STATE', 5.0),
    (230, ESTIMATOR, 2.0),
    (193, ARDUPILOT_ESTIMATOR, 2.0),
    (65, RC_CHANNELS, 20.0),
)
"""Number, type and rate (Hz) of each message."""


class ImuReading(NamedTuple):
    """One IMU message without a stamp, which the receiver adds, since the clocks differ."""

    angular_velocity_flu_rad_s: tuple[float, float, float]
    """Angular velocity in the body frame, rad/s."""
    specific_force_flu_m_s2: tuple[float, float, float]
    """Specific force in the body frame, m/s^2."""


def highres_imu_reading(message: Any) -> ImuReading:
    """Return the reading of a HIGHRES_IMU.

    Args:
        message: the message.
    """
    return _imu_reading(message, 1.0, 1.0)


def raw_imu_reading(message: Any) -> ImuReading:
    """Return the reading of a RAW_IMU, as ArduPilot sends it: in thousandths of rad/s and of 1 g.

    Args:
        message: the message.
    """
    return _imu_reading(message, 1e-3, _MILLI_G_M_S2)


def _imu_reading(message: Any, rate_scale: float, force_scale: float) -> ImuReading:
    rates = (
        rate_scale * message.xgyro,
        rate_scale * message.ygyro,
        rate_scale * message.zgyro,
    )
    forces = (force_scale * message.xacc, force_scale * message.yacc, force_scale * message.zacc)
    return ImuReading(flu_frd(rates), flu_frd(forces))


def estimator_fault(flags: int) -> str:
    """Return what the autopilot's estimator cannot estimate, in words; empty: nothing.

    Args:
        flags: flags of ESTIMATOR_STATUS or EKF_STATUS_REPORT.
    """
    # Without aiding, the estimate of the velocity rests on no measurement.
    velocity = 0 if flags & NO_AIDING else flags
    missing = [
        name
        for name, known, bits in (
            ('attitude', flags, ATTITUDE_ESTIMATED),
            ('velocity', velocity, VELOCITY_ESTIMATED),
        )
        if known & bits != bits
    ]
    return f'no estimate of {" and ".join(missing)}' if missing else ''


class MessageRequest:
    """One message, its rate as measured, and when it may be asked for again.

    Args:
        number: number of the message.
        kind: its type.
        rate_hz: the rate that is needed, Hz.
    """

    def __init__(self, number: int, kind: str, rate_hz: float) -> None:
        self.number, self.kind, self._full_rate_hz = number, kind, rate_hz
        self.begin(0.0, False)

    @property
    def unavailable(self) -> bool:
        """Whether it does not come, although it was asked for."""
        return self.is_slow and (self._refused or self._requests >= _PATIENCE)

    def begin(self, now_s: float, is_slow: bool) -> None:
        """Begin to measure, as the autopilot has just started.

        Args:
            now_s: the time, s.
            is_slow: whether it is known already that it does not come as it should.
        """
        self.rate_hz, self.is_slow = self._full_rate_hz, is_slow
        """The rate that is asked for, Hz, and whether it comes at under half of it."""
        self._count, self._since_s = 0, now_s
        self._requests, self._refused = 0, False
        self._next_s, self._wait_s = -math.inf, REQUEST_PERIOD_S

    def count(self) -> None:
        """Count one that has come."""
        self._count += 1

    def measure(self, now_s: float) -> None:
        """Measure the rate once the window is over."""
        elapsed_s = now_s - self._since_s
        if elapsed_s < max(_WINDOW_S, _WINDOW_MESSAGES / self.rate_hz):
            return
        self.is_slow = self._count < _MIN_RATE_RATIO * self.rate_hz * elapsed_s
        self._count, self._since_s = 0, now_s
        if not self.is_slow:
            self._requests, self._refused = 0, False
            self._wait_s = REQUEST_PERIOD_S

    def is_due(self, now_s: float) -> bool:
        """Return whether it is to be asked for now."""
        return self.is_slow and now_s >= self._next_s

    def on_request(self, now_s: float) -> None:
        """Note that it is asked for."""
        self._requests += 1
        self._count, self._since_s = 0, now_s
        self._next_s = now_s + self._wait_s
        self._wait_s = min(2.0 * self._wait_s, MAX_REQUEST_PERIOD_S)

    def on_refusal(self, now_s: float) -> None:
        """Note that the request was refused: a lower rate may be accepted."""
        if self.rate_hz >= 2.0 * _MIN_RATE_HZ:
            self.rate_hz *= 0.5
            self._requests, self._next_s, self._wait_s = 0, now_s, REQUEST_PERIOD_S
            return
        self._refused = True
        self._next_s = now_s + MAX_REQUEST_PERIOD_S


class MessageRequests:
    """Decides which message is to be asked for. Times are seconds of a steady clock."""

    def __init__(self, rc_channels: bool = False) -> None:
        """Begin without an autopilot, of which nothing is asked.

        Args:
            rc_channels: whether the channels of the remote control are needed.
        """
        self._needs_rc_channels = rc_channels
        self._messages = {row[1]: MessageRequest(*row) for row in _MESSAGES}
        self._asked: MessageRequest | None = None
        self._asked_s = -math.inf
        self._began = False

    def begin(self, now_s: float) -> None:
        """Begin anew with the autopilot, whose start or restart was noticed.

        At first it may send all by itself, which is measured. After a restart it has forgotten what
        it was asked for, and is asked at once.

        Args:
            now_s: the time.
        """
        for message in self._messages.values():
            message.begin(now_s, is_slow=self._began)
        self._began, self._asked = True, None

    def count(self, kind: str) -> None:
        """Count a message that has come.

        Args:
            kind: its type.
        """
        message = self._messages.get(kind)
        if message is not None:
            message.count()

    def on_answer(self, result: int, now_s: float) -> None:
        """Take the result of the newest request.

        Args:
            result: MAV_RESULT of the COMMAND_ACK.
            now_s: the time.
        """
        asked, self._asked = self._asked, None
        if asked is not None and result not in (_MAV_RESULT_ACCEPTED, _MAV_RESULT_IN_PROGRESS):
            asked.on_refusal(now_s)

    def due(self, now_s: float, ardupilot: bool) -> MessageRequest | None:
        """Return the message to ask for now, which counts as asked for then; None if there is none.

        Args:
            now_s: the time.
            ardupilot: whether the autopilot is ArduPilot.
        """
        if not self._began:
            return None
        for message in self._messages.values():
            message.measure(now_s)
        if self._asked is not None and now_s - self._asked_s < _ANSWER_TIMEOUT_S:
            return None
        self._asked = None
        for message in self._messages.values():
            if message.is_due(now_s) and self._is_needed(message.kind, ardupilot):
                message.on_request(now_s)
                self._asked, self._asked_s = message, now_s
                return message
        return None

    def _is_needed(self, kind: str, ardupilot: bool) -> bool:
        better, other = self._messages[IMU], self._messages[RAW_IMU]
        if kind == IMU:
            return other.is_slow or not better.unavailable
        if kind == RAW_IMU:
            return better.unavailable
        if kind == RC_CHANNELS:
            return self._needs_rc_channels
        if kind in (ESTIMATOR, ARDUPILOT_ESTIMATOR):
            return ardupilot == (kind == ARDUPILOT_ESTIMATOR)
        return True
