"""The kinds of which a fault is made, as data."""

from collections.abc import Callable
from dataclasses import dataclass, field
from signal import SIGKILL
from typing import Any

SAFE = 'safe'
"""Only the safe command leaves, `within_s` after the fault began."""
FLIES = 'flies'
"""Good commands go on leaving."""
SILENT = 'silent'
"""Nothing leaves."""
SLOW = 'slow'
"""Nothing leaves that moves the vehicle forward, out of the fence ahead of it."""
ANY = 'any'
"""Good commands and the safe one may take turns."""


@dataclass
class Stream:
    """A topic goes wrong: it is silent, slow, twice there, or its messages are changed."""

    name: str
    message: Callable[[Any, 'Stream'], Any] | None = None
    stamp: Callable[[int, int], int] | None = None
    """Function of the right stamp and of the number of the message."""
    on: bool = True
    every: int = 1
    times: int = 1
    twin: bool = False
    """Whether a second node publishes the good messages beside the changed ones."""
    node: str = ''
    """Name of the second node."""
    count: int = 0
    kept: Any = None


@dataclass(frozen=True)
class Process:
    """A process is killed, or frozen; it is started again, or goes on."""

    name: str
    signal: int = SIGKILL


@dataclass(frozen=True)
class Call:
    """A service is called."""

    service: str
    data: bool | None = None
    engage: bool = False
    """Whether the guard must be engaged again afterwards."""


@dataclass(frozen=True)
class Parameter:
    """A parameter is set."""

    node: str
    name: str
    value: Any
    back: Any


@dataclass(frozen=True)
class Slow:
    """A process gets every other moment only."""

    name: str


@dataclass(frozen=True)
class Wait:
    """Time passes before the next action."""

    seconds: float


@dataclass(frozen=True)
class Clock:
    """A stranger publishes /clock."""

    offset_ns: int = 0


@dataclass(frozen=True)
class Fault:
    """One row of the campaign."""

    name: str
    actions: tuple[Any, ...]
    expected: str = SAFE
    words: str = ''
    """Pattern of what must be said on /diagnostics, in the log or in an answer; '' for nothing."""
    within_s: float = 0.8
    """Time in which the last command leaves that is not the safe one, s."""
    watch_s: float = 1.2
    space: str = ''
    """Namespace of the guard that is watched."""
    recovers: bool = True
    """Whether it flies on afterwards."""
    lost: tuple[str, ...] = field(default=())
    """Nodes that the fault itself ends."""
