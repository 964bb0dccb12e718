"""What carries the bytes of a MAVLink link, and who of those that send some is listened to.

A serial port or a stream has one peer. A UDP port hears everybody who can reach it: there, bytes
are kept apart by sender, and nothing is sent to anybody before the link has chosen its peer.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any, Protocol

from liquid_pilot.interfaces import LiquidPilotError

Address = tuple[str, int]
"""Address and port of a sender of datagrams; ('', 0) on a serial port or a stream."""
STREAM: Address = ('', 0)
"""The one peer of a serial port or a stream."""
_READ_BYTES, _MAX_READS = 4096, 500
_UDP = {'udpin': 'in', 'udp': 'in', 'udpout': 'out', 'udpbcast': 'broadcast'}


class Transport(Protocol):
    """Carries bytes from and to a peer."""

    @property
    def peer(self) -> Address | None:
        """The peer, to whom alone is sent; None before it was chosen."""
        ...

    def choose(self, sender: Address) -> None:
        """Make a sender the peer."""
        ...

    def consider(self, sender: Address) -> None:
        """Send to a sender what goes out before there is a peer."""
        ...

    def received(self) -> Iterator[tuple[bytes, Address]]:
        """Yield what has arrived, with its sender."""
        ...

    def write(self, data: bytes) -> None:
        """Send to the peer, if there is one; OSError where it cannot be sent."""
        ...

    def close(self) -> None:
        """Close the port."""
        ...


class StreamTransport:
    """A serial port, TCP connection or whatever else pymavlink opens, with one peer.

    Args:
        connection: connection of pymavlink, which is read as bytes: its own parser guesses the
            version of the protocol from the first byte that arrives, which may be noise.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    @property
    def peer(self) -> Address | None:
        """The one at the other end."""
        return STREAM

    def choose(self, sender: Address) -> None:
        """Do nothing, since there is one peer."""

    def consider(self, sender: Address) -> None:
        """Do nothing, since there is one peer."""

    def received(self) -> Iterator[tuple[bytes, Address]]:
        """Yield what has arrived."""
        for _ in range(_MAX_READS):
            try:
                data = self._connection.recv(_READ_BYTES)
            except OSError:  # A serial adapter that was pulled out; it may come back.
                return
            if not data:
                return
            yield data, STREAM

    def write(self, data: bytes) -> None:
        """Send to the peer."""
        self._connection.write(data)

    def close(self) -> None:
        """Close the port."""
        self._connection.close()


class UdpTransport:
    """A UDP port, which sends to its peer only.

    With `udpin` the peer is whom the link chooses. With `udpout` it is the address that is given:
    others are not heard. With `udpbcast` what is sent before the choice goes to the network.

    Args:
        kind: 'in', 'out' or 'broadcast'.
        address: address to listen at ('in') or to send to.

    Raises:
        OSError: the port cannot be opened.
    """

    def __init__(self, kind: str, address: Address) -> None:
        self._peer: Address | None = None
        self._candidate: Address | None = None
        self._only: Address | None = None
        # Its family is IPv4, as pymavlink's.
        resolved = (socket.gethostbyname(address[0]), address[1]) if address[0] else address
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            if kind == 'in':
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                self._socket.bind(resolved)
            elif kind == 'out':
                self._peer = self._only = resolved
            else:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                self._candidate = resolved
        except OSError:
            self._socket.close()
            raise

    @property
    def peer(self) -> Address | None:
        """The peer; None before it was chosen."""
        return self._peer

    def choose(self, sender: Address) -> None:
        """Make a sender the peer."""
        self._peer = sender

    def consider(self, sender: Address) -> None:
        """Send to a sender what goes out before there is a peer."""
        self._candidate = self._candidate or sender

    def received(self) -> Iterator[tuple[bytes, Address]]:
        """Yield the datagrams that have arrived, with their senders."""
        for _ in range(_MAX_READS):
            try:
                data, sender = self._socket.recvfrom(_READ_BYTES)
            except ConnectionRefusedError:
                continue  # Of a datagram that was sent before: nobody was there.
            except OSError:
                return
            if self._only is None or sender == self._only:
                yield data, sender

    def write(self, data: bytes) -> None:
        """Send to the peer, or before it was chosen to the candidate."""
        address = self._peer or self._candidate
        if address is not None:
            self._socket.sendto(data, address)

    def close(self) -> None:
        """Close the port."""
        self._socket.close()


def open_transport(url: str, baud: int) -> Transport:
    """Open a serial port, a UDP port or what else pymavlink knows.

    Args:
        url: such as `/dev/serial0` or `udpin:127.0.0.1:14540`.
        baud: baud rate of a serial port.

    Raises:
        ImportError: pymavlink or pyserial is missing.
        LiquidPilotError: the port cannot be opened.
    """
    scheme, _, rest = url.partition(':')
    try:
        if scheme in _UDP:
            host, _, port = rest.rpartition(':')
            return UdpTransport(_UDP[scheme], (host, _port(port)))
        from pymavlink import mavutil

        return StreamTransport(mavutil.mavlink_connection(url, baud=baud))
    except (OSError, ValueError, OverflowError) as error:
        raise LiquidPilotError(f'mavlink_url {url!r} cannot be opened: {error}') from error


def _port(text: str) -> int:
    if not text.isdecimal():
        raise ValueError('an address is host:port')
    return int(text)
