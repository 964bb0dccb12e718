"""Message signing of MAVLink 2: every message carries proof that its sender has the key.

The key is 32 bytes, and a signature is the first 48 bits of a SHA-256 over key, message and a stamp
that only grows (https://mavlink.io/en/guide/message_signing.html). pymavlink signs and checks. It
notes the stamp of a message before it looks at the signature, so that one forged message with a
stamp far in the future would have all true ones refused: here the signature comes first.
"""

from __future__ import annotations

import hashlib
import hmac
import string
import time
from pathlib import Path
from typing import Any

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils.path_checks import user_path

_KEY_BYTES, _SIGNATURE_BYTES = 32, 6
_MAX_FILE_BYTES = 4096
_EPOCH_S = 1_420_070_400
"""The first of January 2015, from which stamps count, in seconds of Unix time."""
_STAMPS_PER_S = 100_000
_READABLE_BY_OTHERS = 0o004


def read_key(path: str) -> bytes | None:
    """Return the key of a file, or None where no file is named.

    The file holds 64 hexadecimal digits, which are the key, or a passphrase in one line, whose
    SHA-256 is the key, as QGroundControl, Mission Planner and MAVProxy make it.

    Args:
        path: the file; empty: none.

    Raises:
        LiquidPilotError: the file cannot be read, holds no key, or can be read by every user.
    """
    if not path:
        return None
    label = f'mavlink_key_file {path}'
    file = user_path(path)
    try:
        mode = file.stat().st_mode
        data = _read_start(file)
    except OSError as error:
        raise LiquidPilotError(
            f'{label} cannot be read: {error.strerror or error}; name a file with 64 hexadecimal '
            'digits or a passphrase'
        ) from None
    if mode & _READABLE_BY_OTHERS:
        raise LiquidPilotError(
            f'{label} can be read by every user of this computer; chmod 600 {path}'
        )
    try:
        text = data.decode().strip()
    except UnicodeDecodeError:
        text = ''
    if not text or '\n' in text or len(data) > _MAX_FILE_BYTES:
        raise LiquidPilotError(
            f'{label} holds no key; write one line into it: 64 hexadecimal digits, or a passphrase'
        )
    if len(text) == 2 * _KEY_BYTES and set(text) <= set(string.hexdigits):
        return bytes.fromhex(text)
    return hashlib.sha256(text.encode()).digest()


def _read_start(file: Path) -> bytes:
    with file.open('rb') as opened:
        return opened.read(_MAX_FILE_BYTES + 1)


def make_signing(dialect: Any, key: bytes | None) -> Any:
    """Return pymavlink's state of signing, which all parsers of a link share.

    Args:
        dialect: pymavlink's module of messages.
        key: the key; None: nothing is signed, and no signature is looked at.
    """
    signing = dialect.MAVLinkSigning()
    signing.secret_key, signing.sign_outgoing = key, key is not None
    signing.timestamp = int(max(time.time() - _EPOCH_S, 0.0) * _STAMPS_PER_S)
    return signing


def make_parser_class(dialect: Any) -> Any:
    """Return pymavlink's class of a protocol with the order of the checks mended.

    Its objects have `signed_late`: whether the newest message was truly signed and yet refused for
    its stamp, as that of an autopilot whose clock is behind.

    Args:
        dialect: pymavlink's module of messages.
    """

    class Parser(dialect.MAVLink):  # type: ignore[misc]
        signed_late = False

        def check_signature(
            self, msgbuf: bytearray, source_system: int, source_component: int
        ) -> bool:
            """Return whether a message is signed with the key, and new."""
            digest = hashlib.sha256(self.signing.secret_key + bytes(msgbuf[:-_SIGNATURE_BYTES]))
            true = digest.digest()[:_SIGNATURE_BYTES]
            if not hmac.compare_digest(true, bytes(msgbuf[-_SIGNATURE_BYTES:])):
                self.signed_late = False
                return False
            new: bool = super().check_signature(msgbuf, source_system, source_component)
            self.signed_late = not new
            return new

    return Parser
