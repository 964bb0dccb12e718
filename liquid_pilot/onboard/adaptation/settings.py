"""All settings of a pilot that adapts, as one object and as text.

'adapt' is a pilot with the default settings, 'adapt:photometric=false,stretch=8' one with some of
them changed; '' does not adapt at all.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.adaptation.frontend import FrontSettings
from liquid_pilot.onboard.adaptation.learner import LearnerSettings
from liquid_pilot.onboard.adaptation.novelty_gate import GateSettings

MODE = 'adapt'


@dataclass(frozen=True)
class Adapting:
    """What acts within a tick, and what learns over many."""

    front: FrontSettings = field(default_factory=FrontSettings)
    learner: LearnerSettings = field(default_factory=LearnerSettings)


def parse_mode(mode: str) -> Adapting | None:
    """'' -> None, 'adapt[:NAME=VALUE,...]' -> settings; LiquidPilotError says what is wrong."""
    if not mode:
        return None
    head, colon, rest = mode.partition(':')
    if head != MODE or (colon and not rest):
        raise LiquidPilotError(f"{mode!r}: write '{MODE}', or '{MODE}:NAME=VALUE,...'")
    given: dict[str, str] = {}
    for part in filter(None, rest.split(',')):
        name, equals, value = part.partition('=')
        if not equals or name in given:
            raise LiquidPilotError(f'{mode!r}: {part!r} is not a new NAME=VALUE')
        given[name] = value
    gate = _changed(GateSettings(), given, mode)
    front = dataclasses.replace(_changed(FrontSettings(), given, mode), gate=gate)
    learner = _changed(LearnerSettings(), given, mode)
    if given:
        known = sorted(setting.name for part in (front, gate, learner)
                       for setting in dataclasses.fields(part) if setting.name != 'gate')
        raise LiquidPilotError(f'{mode!r}: no setting {", ".join(given)}; there is: '
                               f'{", ".join(known)}')
    return Adapting(front, learner)


def _changed(settings: Any, given: dict[str, str], mode: str) -> Any:
    """The settings with what is given of them, which is taken out of `given`."""
    changes = {}
    for setting in dataclasses.fields(settings):
        if setting.name in given and setting.name != 'gate':
            text, default = given.pop(setting.name), getattr(settings, setting.name)
            try:
                changes[setting.name] = _read(text, type(default))
            except ValueError:
                raise LiquidPilotError(f'{mode!r}: {setting.name} is {default!r} by default, '
                                       f'{text!r} cannot stand for it') from None
    return dataclasses.replace(settings, **changes)


def _read(text: str, kind: type) -> Any:
    if kind is bool:
        return {'true': True, 'false': False}[text] if text in ('true', 'false') else _refuse()
    value = kind(text)
    if kind is float and not (math.isfinite(value) and value >= 0.0):
        _refuse()
    return value


def _refuse() -> None:
    raise ValueError
