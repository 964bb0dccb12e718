"""The pilot node's side of adaptation: receives time scales from the adaptation node."""

from __future__ import annotations

import os

from std_msgs.msg import Float32MultiArray

from liquid_pilot.nodes.common import trace_messages
from liquid_pilot.nodes.common.pilot_parameters import PilotParameters
from liquid_pilot.onboard.adaptation.time_scales import (
    TimeScales,
    TimeScaleStore,
    capacitance_log_range,
)
from liquid_pilot.onboard.inference.engine import Engine, Tick


def new_flight_id() -> str:
    """Return a unique identifier of a flight, which begins when the network is reset."""
    return os.urandom(8).hex()


class AdaptationClient:
    """Receives the time scales of the adaptation node and hands them to the ticks of a flight."""

    def __init__(self, engine: Engine, settings: PilotParameters) -> None:
        """Start with the trained time constants.

        Args:
            engine: the engine of an adapting pilot.
            settings: the parameters that the engine was made with.

        Raises:
            LiquidPilotError: the pilot file holds no training statistics.
        """
        self._engine, self._applied = engine, settings
        self._digest = engine.pilot.digest
        self._time_scale_store = TimeScaleStore(
            engine.pilot.require_statistics().filter_tau_s.shape,
            engine.scalable_neurons,
            log_cm_range=capacitance_log_range(engine.pilot.specification),
        )
        self.start_flight('')

    def start_flight(self, flight: str) -> None:
        """Follow a new flight, from the trained time constants.

        Args:
            flight: identifier of the flight.
        """
        self._flight = flight
        self._time_scale_store.reset()
        self._sequence, self._last_dt_s = 0, 0.0
        self._next: TimeScales | None = None
        self._request_time_s: float | None = None
        self.timed_out = False
        """Whether the pilot flies without waiting for the adaptation node."""

    def receive(self, message: Float32MultiArray) -> bool:
        """Accept time scales and return whether they are for this flight.

        Args:
            message: message of the adaptation node.

        Raises:
            LiquidPilotError: the message is malformed, or of another pilot or version.
        """
        flight, proposal = trace_messages.unpack_time_scales(message, self._digest)
        if flight != self._flight:
            return False
        self._time_scale_store.accept(proposal, self._sequence)
        self._next = self._request_time_s = None
        self.timed_out = False
        return True

    def on_tick(self, tick: Tick, now_s: float) -> None:
        """Record a tick whose trace the adaptation node has to answer.

        Args:
            tick: the tick.
            now_s: steady time in seconds.
        """
        self._sequence += 1
        self._last_dt_s = tick.dt_s
        if self._request_time_s is None:
            self._request_time_s = now_s
        self._next = None

    @property
    def pending(self) -> bool:
        """Whether the last tick has not been answered yet."""
        return self._sequence > 0 and self._time_scale_store.last_sequence < self._sequence

    def times_out(self, now_s: float, timeout_s: float) -> bool:
        """Return whether the wait for an answer ends now, because it is longer than `timeout_s`.

        From then on the pilot flies without waiting, until there is an answer.
        """
        asked_s = self._request_time_s
        if self.timed_out or asked_s is None or now_s - asked_s <= timeout_s:
            return False
        self.timed_out = True
        return True

    def next_scales(self, settings: PilotParameters) -> TimeScales | None:
        """Return the time scales of the next tick; the same ones again if that tick was rejected.

        Args:
            settings: the present parameters, which the engine takes over where they have changed.

        Returns:
            The time scales, or None before the first tick.
        """
        if settings is not self._applied:
            self._applied = settings
            adaptation = settings.adaptation_settings()
            if adaptation is not None:
                self._engine.configure(adaptation)
        if not self._sequence:
            return None
        if self._next is None:
            self._next = self._time_scale_store.scales(self._sequence, self._last_dt_s)
        return self._next
