"""The registration of an external mode with PX4: when to ask for it, and when it is lost.

PX4 (1.15 and later) lets a companion register a flight mode. It answers with two numbers: the mode
(`nav_state`) and the arming check. From then on it asks every 0.3 s whether the mode can run. A
mode whose checks go unanswered for about a second is unresponsive, and is dropped once it is not
selected. A PX4 that has restarted knows no mode. So a registration has to be watched, and asked for
again. This is plain Python: every time is an argument, and nothing here sends.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

API_VERSION = 1
"""Meaning of PX4's messages: RegisterExtComponentRequest.LATEST_PX4_ROS2_API_VERSION."""
EXTERNAL_MODES = range(23, 31)
"""Numbers of external modes, VehicleStatus.NAVIGATION_STATE_EXTERNAL1 to _EXTERNAL8."""
MAX_NAME_BYTES = 24
"""Maximum length of the name of a mode in PX4's messages, without the zero that ends it."""
CHECK_TIMEOUT_S = 3.0
"""Without a question of PX4 for this long, while it reports its status without saying which modes
it has, the mode is lost, s."""
_MAX_STATUS_PERIOD_S = 0.6
"""Longest time between two statuses that counts as time without a question, s. Where it is longer,
the link was down or this process stood still, and the questions were lost too."""
_SETTLING_S = 1.0
"""Time after the registration in which a status may be of the time before, s."""
_FIRST_PAUSE_S, _MAX_PAUSE_S = 1.0, 30.0
"""Time between two requests without an answer: it doubles from the first to the maximum, s."""
_UNANSWERED = 4
"""Number of requests without an answer after which it is reported."""


class Registration(NamedTuple):
    """The numbers that PX4 has given a registration."""

    mode_id: int
    """Number of the mode, which VehicleStatus.nav_state has while it is active."""
    arming_check_id: int
    """Number of the arming check, which the answers carry."""


class Reply(NamedTuple):
    """The answer of PX4 to a request."""

    request_id: int
    success: bool
    api_version: int
    registration: Registration


class ModeRegistration:
    """The registration of one mode, from the first request on, through losses and restarts."""

    def __init__(self, name: str, new_request_id: Callable[[], int]) -> None:
        """Start without a registration.

        Args:
            name: name of the mode, for messages.
            new_request_id: function that returns a number that no other request has.
        """
        self._name, self._new_request_id = name, new_request_id
        self.registered: Registration | None = None
        """The registration; None while there is none."""
        self.problem = ''
        """Why there is no registration, and what to do; empty while there is nothing to say."""
        self._requests: list[int] = []
        self._registered_by: int | None = None
        self._unanswered = 0
        self._next_request_s = -math.inf
        self._registered_s = self._status_s = -math.inf
        self._unasked_s = 0.0
        self._armed = self._refused_while_armed = False

    def request_due(self, now_s: float) -> int | None:
        """Return the identifier of a request that has to be sent now; None while none has to be.

        It is called while PX4 is connected.

        Args:
            now_s: the time, s.
        """
        if self.registered is not None or now_s < self._next_request_s:
            return None
        if self._refused_while_armed and self._armed:
            return None
        if self._unanswered >= _UNANSWERED:
            self.problem = (
                f'PX4 does not answer the registration of the mode {self._name!r}; it needs PX4 '
                '1.15 or later and the px4_msgs of the same version. Offboard stays possible'
            )
        pause_s = min(_FIRST_PAUSE_S * 2**self._unanswered, _MAX_PAUSE_S)
        self._next_request_s = now_s + pause_s
        self._unanswered += 1
        # An answer may be late. Those of the last few requests are recognised.
        self._requests = [*self._requests[-7:], self._new_request_id()]
        return self._requests[-1]

    def on_reply(self, reply: Reply, now_s: float) -> Registration | None:
        """Take an answer, which may be that of another component.

        Args:
            reply: the answer.
            now_s: time of its arrival, s.

        Returns:
            A registration that is not used, and has to be undone; None where there is none.
        """
        if reply.request_id not in self._requests:
            # Not where a middleware repeats the answer to us.
            foreign = reply.request_id != self._registered_by
            if foreign and reply.success and self.registered is not None:
                self._give_way(reply.registration, now_s)
            return None
        self._requests.remove(reply.request_id)
        self._unanswered = 0
        usable = (
            reply.api_version == API_VERSION
            and reply.registration.mode_id in EXTERNAL_MODES
            and reply.registration.arming_check_id >= 0
        )
        if reply.success and usable and self.registered is None:
            self.registered = reply.registration
            self._registered_by = reply.request_id
            self._registered_s, self._unasked_s = now_s, 0.0
            self._refused_while_armed, self.problem = False, ''
            return None
        if reply.success:
            if self.registered is None:
                self.problem = (
                    f'PX4 speaks version {reply.api_version} of its interface for modes, and this '
                    f'program version {API_VERSION}; update it. Offboard stays possible'
                )
                self._next_request_s = now_s + _MAX_PAUSE_S
            return None if reply.registration == self.registered else reply.registration
        if self.registered is None:
            self._refuse(now_s)
        return None

    def _refuse(self, now_s: float) -> None:
        self._next_request_s = now_s + _MAX_PAUSE_S
        self._refused_while_armed = self._armed
        advice = (
            'it registers modes while disarmed only; it is asked again once the vehicle is disarmed'
            if self._armed
            else 'its places for modes or arming checks may be taken (`commander status` in its '
            'console lists them); end what holds them, or restart PX4'
        )
        self.problem = (
            f'PX4 refused to register the mode {self._name!r}: {advice}. Offboard stays possible'
        )

    def on_status(self, now_s: float, armed: bool, selectable_modes: int | None) -> None:
        """Take a status of PX4, which tells whether it has still got the mode.

        Args:
            now_s: time of its arrival, s.
            armed: whether the vehicle is armed.
            selectable_modes: bits of the modes that can be selected
                (VehicleStatus.can_set_nav_states_mask); None: it is not reported.
        """
        if self._armed and not armed and self._refused_while_armed:
            self._next_request_s = now_s
        self._armed = armed
        self._unasked_s += min(now_s - self._status_s, _MAX_STATUS_PERIOD_S)
        self._status_s = now_s
        if self.registered is None or now_s - self._registered_s < _SETTLING_S:
            return
        if selectable_modes is None:
            lost = self._unasked_s > CHECK_TIMEOUT_S
        else:
            lost = not selectable_modes & 1 << self.registered.mode_id
        if lost:
            self._lose(now_s)

    def on_check_request(self, now_s: float, valid_checks: int | None) -> Registration | None:
        """Take the question whether the mode can run, and return the registration that answers it.

        Args:
            now_s: time of its arrival, s.
            valid_checks: bits of the arming checks that PX4 knows
                (ArmingCheckRequest.valid_registrations_mask); None: it is not reported.

        Returns:
            The registration to answer with; None where there is none, since the number of a lost
            one may have been given to another component.
        """
        if self.registered is None:
            return None
        bit = 1 << self.registered.arming_check_id
        if valid_checks is None or valid_checks & bit:
            self._unasked_s = 0.0
        elif now_s - self._registered_s >= _SETTLING_S:
            self._lose(now_s)
        return self.registered

    def _give_way(self, other: Registration, now_s: float) -> None:
        """Forget a registration whose number PX4 has given to another component since.

        It does so after a restart, where that component was faster.
        """
        assert self.registered is not None
        if other.mode_id == self.registered.mode_id or (
            other.arming_check_id == self.registered.arming_check_id
        ):
            self._lose(now_s)

    def _lose(self, now_s: float) -> None:
        """Forget the registration, and let it be asked for again at once."""
        self.registered, self._requests = None, []
        self._unanswered, self._next_request_s = 0, now_s
