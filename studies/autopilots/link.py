"""A relay between an autopilot and the guard, or the agent, that counts and can cut a direction.

Both are programs of this computer that speak UDP: the autopilot sends to the address on which the
relay listens, and the relay sends on to the one on which the guard, or the agent, listens.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections import Counter

SETPOINTS = {82: 'SET_ATTITUDE_TARGET', 84: 'SET_POSITION_TARGET_LOCAL_NED'}
"""MAVLink messages that are setpoints."""
_COMMANDS = {76: 28, 75: 28}
"""COMMAND_LONG and COMMAND_INT: where in the payload the number of the command stands."""
_BUFFER = 65536
_WAIT_S = 0.2


class Relay:
    """Carries datagrams in both directions, in a thread of its own.

    Args:
        vehicle_port: port of 127.0.0.1 to which the autopilot sends; 0: any that is free.
        guard_port: port of 127.0.0.1 on which the guard, or the agent, listens.
        mavlink: whether to count the MAVLink messages that come from the guard.
    """

    def __init__(self, vehicle_port: int, guard_port: int, mavlink: bool = True) -> None:
        self._vehicle = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._vehicle.bind(('127.0.0.1', vehicle_port))
        self.port: int = self._vehicle.getsockname()[1]
        """The port to which the autopilot sends."""
        self._guard = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._guard.bind(('127.0.0.1', 0))
        self._guard_address = ('127.0.0.1', guard_port)
        self._vehicle_address: tuple[str, int] | None = None
        self._mavlink = mavlink
        self.uplink = self.downlink = True
        """Whether datagrams pass from the guard to the autopilot, and from it to the guard."""
        self.messages: Counter[int] = Counter()
        """MAVLink messages from the guard, by number."""
        self.commands: Counter[int] = Counter()
        """MAVLink commands from the guard, by number of the command."""
        self.setpoint_times_ns: list[int] = []
        """When setpoints passed, by the clock of this computer since the epoch, ns."""
        self.taken = 0
        """Number of datagrams that came, from either side."""
        self._running = True
        self._thread = threading.Thread(target=self._run, name='relay', daemon=True)
        self._thread.start()

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop; the ports are free afterwards."""
        self._running = False
        self._thread.join()
        self._vehicle.close()
        self._guard.close()

    def _run(self) -> None:
        while self._running:
            ready, _, _ = select.select([self._vehicle, self._guard], [], [], _WAIT_S)
            for source in ready:
                try:
                    data, sender = source.recvfrom(_BUFFER)
                except OSError:
                    continue  # The other side does not listen yet.
                self._pass_on(source, data, sender)
                self.taken += 1

    def _pass_on(self, source: socket.socket, data: bytes, sender: tuple[str, int]) -> None:
        try:
            if source is self._vehicle:
                self._vehicle_address = sender
                if self.downlink:
                    self._guard.sendto(data, self._guard_address)
            elif self.uplink and self._vehicle_address is not None:
                self._vehicle.sendto(data, self._vehicle_address)
                if self._mavlink:
                    self._count(data)
        except OSError:
            return

    def _count(self, data: bytes) -> None:
        """Count the MAVLink 2 messages of a datagram."""
        at = 0
        while at + 12 <= len(data) and data[at] == 0xFD:
            length, signed = data[at + 1], data[at + 2] & 1
            number = int.from_bytes(data[at + 7 : at + 10], 'little')
            self.messages[number] += 1
            if number in SETPOINTS:
                self.setpoint_times_ns.append(time.time_ns())
            if number in _COMMANDS:
                start = at + 10 + _COMMANDS[number]
                # Zeros at the end of a payload are not sent.
                end = min(start + 2, at + 10 + length)
                self.commands[int.from_bytes(data[start:end], 'little')] += 1
            at += 12 + length + 13 * signed
