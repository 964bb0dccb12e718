"""What the guard says of itself during a mission, for the line that shows the progress.

Another terminal, a program or a human can take the vehicle from the pilot at any time. Without
this the line would go on to say that it flies.
"""

from __future__ import annotations

from collections.abc import Mapping

from liquid_pilot.onboard.safety.guard import ENGAGED, OVERRIDDEN, SAFE, STOPPED

_GO_ON = '`liquid-pilot engage` goes on'
_BY_SERVICE = 'not engaged'
"""The guard's reason after a request to disengage it; it has others where a human did."""


class GuardWatch:
    """Follows the state of the guard from the moment at which a mission engages it.

    A status from before that moment may arrive after it, so nothing is said before the guard has
    reported that it is engaged.
    """

    def __init__(self) -> None:
        """Start before the guard is engaged."""
        self.note = ''
        """Why the guard lets no command through, and what to do; empty while it does."""
        self.state = ''
        """State of the guard; empty before its first status."""
        self.reason = ''
        """Why the guard is in this state, as it said."""
        self.adapter = ''
        """Adapter of the guard; empty before its first status."""
        self.was_released = False
        """Whether the guard was seen not engaged."""
        self._was_engaged = False

    @property
    def is_engaged(self) -> bool:
        """Whether the guard commands the vehicle, or holds the safe command for a while."""
        return self.state in (ENGAGED, SAFE)

    def update(self, values: Mapping[str, str]) -> None:
        """Take the newest status of the guard.

        Args:
            values: the values of its status on /diagnostics, `state` and `reason` among them.
        """
        state, reason = values.get('state', ''), values.get('reason', '')
        self.state, self.reason, self.adapter = state, reason, values.get('adapter', '')
        self.was_released |= not self.is_engaged
        if self.is_engaged:
            self.note, self._was_engaged = '', True
        elif self._was_engaged:
            self.note = _note(state, reason)


def _note(state: str, reason: str) -> str:
    """Return what has happened to the guard, by whom, and what to do."""
    if state == STOPPED:
        return f'guard stopped by `liquid-pilot stop` or guard/stop; {_GO_ON}'
    if state == OVERRIDDEN:
        return f'guard overridden: {reason}'
    if reason == _BY_SERVICE:
        return f'guard disengaged by `liquid-pilot stop --disengage` or guard/engage; {_GO_ON}'
    return f'guard disengaged ({reason}); {_GO_ON}'
