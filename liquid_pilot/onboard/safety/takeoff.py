"""Whether a take-off is over, for autopilots that say only whether they have left the ground."""

from __future__ import annotations

SETTLED_S = 2.0
"""Time in the air without climbing after which a take-off is over, s."""
MAX_CLIMB_M_S = 0.3
"""Climb rate above which the vehicle may still be taking off, m/s."""


class TakeoffWatch:
    """Decides whether the vehicle flies, and no longer takes off by itself.

    A setpoint that arrives during the take-off would replace it, and leave the vehicle at whatever
    height it has. Once the take-off is over, the vehicle counts as airborne until it has landed.
    """

    def __init__(self) -> None:
        self._airborne = False
        self._settled_since_s: float | None = None

    def update(self, flying: bool | None, climb_m_s: float, now_s: float) -> bool | None:
        """Return whether the vehicle is airborne; None where it is not reported.

        Args:
            flying: whether the vehicle has left the ground; None: not reported.
            climb_m_s: climb rate of the vehicle.
            now_s: a steady time, s.
        """
        if not flying:
            self._airborne, self._settled_since_s = False, None
            return flying
        # Written so that NaN counts as climbing.
        if self._settled_since_s is None or not climb_m_s <= MAX_CLIMB_M_S:
            self._settled_since_s = now_s
        if now_s - self._settled_since_s >= SETTLED_S:
            self._airborne = True
        return self._airborne
