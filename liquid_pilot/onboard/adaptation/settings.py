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
from liquid_pilot.onboard.adaptation.frontend import FrontendSettings
from liquid_pilot.onboard.adaptation.learner import LearnerSettings
from liquid_pilot.onboard.adaptation.novelty_gate import NoveltyGateSettings

MODE = 'adapt'


@dataclass(frozen=True)
class AdaptationSettings:
    """What acts within a tick, and what learns over many."""

    front: FrontendSettings = field(default_factory=FrontendSettings)
    learner: LearnerSettings = field(default_factory=LearnerSettings)


def parse_mode(mode: str) -> AdaptationSettings | None:
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
    gate = _with_overrides(NoveltyGateSettings(), given, mode)
    front = dataclasses.replace(_with_overrides(FrontendSettings(), given, mode), gate=gate)
    learner = _with_overrides(LearnerSettings(), given, mode)
    if given:
        known = sorted(
            setting.name
            for part in (front, gate, learner)
            for setting in dataclasses.fields(part)
            if setting.name != 'gate'
        )
        raise LiquidPilotError(
            f'{mode!r}: no setting {", ".join(given)}; there is: {", ".join(known)}'
        )
    return AdaptationSettings(front, learner)


def _with_overrides(settings: Any, given: dict[str, str], mode: str) -> Any:
    """The settings with what is given of them, which is taken out of `given`."""
    changes = {}
    for setting in dataclasses.fields(settings):
        if setting.name in given and setting.name != 'gate':
            text, default = given.pop(setting.name), getattr(settings, setting.name)
            try:
                changes[setting.name] = _parse_value(text, type(default))
            except ValueError:
                raise LiquidPilotError(
                    f'{mode!r}: {setting.name} is {default!r} by default, '
                    f'{text!r} cannot stand for it'
                ) from None
    return dataclasses.replace(settings, **changes)


def _parse_value(text: str, kind: type) -> Any:
    if kind is bool:
        return (
            {'true': True, 'false': False}[text]
            if text in ('true', 'false')
            else _raise_value_error()
        )
    value = kind(text)
    if kind is float and not (math.isfinite(value) and value >= 0.0):
        _raise_value_error()
    return value


def _raise_value_error() -> None:
    raise ValueError
