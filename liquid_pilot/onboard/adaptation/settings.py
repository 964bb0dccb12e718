"""All settings of a pilot that adapts, as one object and as text.

The text 'adapt' stands for the default settings, 'adapt:photometric=false,max_rejection_s=1' for
some of them changed, and '' for a pilot that does not adapt.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.adaptation.frontend_settings import FrontendSettings
from liquid_pilot.onboard.adaptation.learner import DEFAULT_LEARNER, LearnerSettings
from liquid_pilot.onboard.adaptation.learner_registry import check_learner_name
from liquid_pilot.onboard.adaptation.novelty_gate import NoveltyGateSettings
from liquid_pilot.utils.settings import Setting, declared_settings, parse, setting

MODE = 'adapt'
"""The first word of the text of a pilot that adapts."""


@dataclass(frozen=True)
class AdaptationSettings:
    """Settings of a pilot that adapts."""

    frontend: FrontendSettings = field(default_factory=FrontendSettings)
    """Settings of the frontend, which acts within a tick, before the core."""
    learner: LearnerSettings = field(default_factory=LearnerSettings)
    """Settings of the learner, which acts over many ticks."""
    friction_speed_governor: bool = setting(
        True, 'drive a car slower where its estimated friction is low', live=True
    )
    rule: str = setting(DEFAULT_LEARNER, 'name of the learner that adapts time scales in flight')


def parse_mode(mode: str) -> AdaptationSettings | None:
    """Return the settings that a text stands for.

    >>> parse_mode('adapt:slowdown_on_blindness=false').frontend.slowdown_on_blindness
    False
    >>> parse_mode('') is None
    True

    Args:
        mode: '' or 'adapt[:NAME=VALUE,...]'.

    Returns:
        The settings; None for a pilot that does not adapt.

    Raises:
        LiquidPilotError: the text has another form, an unknown name, or a wrong value.
    """
    if not mode:
        return None
    head, colon, rest = mode.partition(':')
    if head != MODE or (colon and not rest):
        raise LiquidPilotError(f"{mode!r}: write '{MODE}', or '{MODE}:NAME=VALUE,...'")
    texts: dict[str, str] = {}
    for part in filter(None, rest.split(',')):
        name, equals, value = part.partition('=')
        if not equals or name in texts:
            raise LiquidPilotError(f'{mode!r}: {part!r} is not a new NAME=VALUE')
        texts[name] = value
    owners = (FrontendSettings, NoveltyGateSettings, LearnerSettings, AdaptationSettings)
    values: dict[type, dict[str, Any]] = {}
    known: set[str] = set()
    for owner in owners:
        declared = declared_settings(owner)
        known.update(declared)
        values[owner] = {
            name: _parse_value(declared[name], texts.pop(name), mode)
            for name in declared
            if name in texts
        }
    if texts:
        raise LiquidPilotError(
            f'{mode!r}: no setting {", ".join(texts)}; there is: {", ".join(sorted(known))}'
        )
    frontend = FrontendSettings(
        **values[FrontendSettings], gate=NoveltyGateSettings(**values[NoveltyGateSettings])
    )
    learner = LearnerSettings(**values[LearnerSettings])
    settings = AdaptationSettings(frontend, learner, **values[AdaptationSettings])
    check_learner_name(settings.rule)
    return settings


def _parse_value(declaration: Setting, text: str, mode: str) -> Any:
    """Return the value of one setting; LiquidPilotError names the mode."""
    try:
        return parse(declaration, text)
    except LiquidPilotError as error:
        raise LiquidPilotError(f'{mode!r}: {error}') from None
