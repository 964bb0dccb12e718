"""Who may see the page, and who may stop the vehicle.

On the loopback a page needs no token, but it must have been asked for by a name of the loopback:
another web page, whose name has been made to point here (DNS rebinding), is refused.
Beyond the loopback nothing but the empty page is given without the token. A request that comes from
a page of another origin is refused everywhere.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils.path_checks import user_path

_MIN_TOKEN_LENGTH = 16
_MAX_TOKEN_BYTES = 1024
_LOOPBACK_NAMES = ('localhost',)


def is_loopback(host: str) -> bool:
    """Return whether an address or name is one that only this machine reaches.

    >>> [is_loopback(host) for host in ('127.0.0.1', '::1', 'localhost', '0.0.0.0', 'robot.local')]
    [True, True, True, False, False]

    Args:
        host: address or name, without a port and without brackets.
    """
    if host.lower() in _LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_token(file: str) -> str:
    """Return the token of a file, which is made where it is missing.

    Args:
        file: path of the file; empty: there is no token.

    Raises:
        LiquidPilotError: the file cannot be read or written, others may read it, or what it holds
            is no token.
    """
    if not file:
        return ''
    path = user_path(file)
    try:
        _make(path)
        if not path.is_file():
            raise LiquidPilotError(f'token_file: {path} is not a file; name one')
        if path.stat().st_mode & 0o077:
            raise LiquidPilotError(
                f'token_file: others may read {path}; let only its owner: chmod 600 {path}'
            )
        with open(path, 'rb') as stream:
            token = stream.read(_MAX_TOKEN_BYTES).decode('ascii').strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, 'strerror', None) or 'it holds more than letters and digits'
        raise LiquidPilotError(f'token_file: {path} cannot be used: {reason}') from None
    if len(token) < _MIN_TOKEN_LENGTH or not token.replace('-', '').replace('_', '').isalnum():
        raise LiquidPilotError(
            f'token_file: {path} must hold at least {_MIN_TOKEN_LENGTH} letters, digits, - and _; '
            'remove the file, and one is made'
        )
    return token


def _make(path: Path) -> None:
    """Write a new token where there is no file yet."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, 'w') as stream:
        stream.write(secrets.token_urlsafe(24) + '\n')


class Access:
    """The rules of one server.

    Args:
        host: address that it is served on.
        token: the token; empty: there is none.

    Raises:
        LiquidPilotError: the address is not of the loopback, and there is no token.
    """

    def __init__(self, host: str, token: str) -> None:
        self._token = token
        self.loopback = is_loopback(host)
        """Whether only this machine reaches the server."""
        if not self.loopback and not token:
            raise LiquidPilotError(
                f'host {host} is reached by other machines, so a token is needed: set token_file '
                'too, or leave host out'
            )

    @property
    def has_token(self) -> bool:
        """Whether there is a token, without which nothing is shown."""
        return bool(self._token)

    def accepts_host(self, host: str) -> bool:
        """Return whether a request may be for this `Host`.

        Args:
            host: value of the header, with its port.
        """
        name = _host_name(host)
        return bool(name) and (not self.loopback or is_loopback(name))

    def accepts_origin(self, origin: str | None, host: str) -> bool:
        """Return whether a request comes from a page of this server, or from no page at all.

        Args:
            origin: value of the header `Origin`; None: there is none, as from a program.
            host: value of the header `Host`.
        """
        if origin is None:
            return True
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in ('http', 'https') and parts.netloc.lower() == host.lower()

    def accepts_token(self, given: str) -> bool:
        """Return whether a token is the right one; without a token none is the right one."""
        right = self._token.encode()
        return bool(right) and hmac.compare_digest(right, given.encode('utf-8', 'replace'))

    def may_read(self, given: str) -> bool:
        """Return whether the flight may be shown in answer to a request with this token."""
        return not self._token or self.accepts_token(given)


def _host_name(host: str) -> str:
    """Return the name or address in a header `Host`; empty where there is none."""
    try:
        return urlsplit(f'//{host}').hostname or ''
    except ValueError:
        return ''
