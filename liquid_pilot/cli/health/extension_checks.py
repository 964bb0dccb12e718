"""A check of `liquid-pilot doctor`: what other packages add, and what is broken about it."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from liquid_pilot.cli.health.onboard_checks import OK, WARN
from liquid_pilot.utils.entry_points import (
    ExtensionRegistry,
    extension_groups,
    installed_extensions,
)


def check_extensions() -> tuple[str, ...]:
    """List the extensions of other packages, and say what is wrong with those that are broken."""
    from liquid_pilot.learning.config import CORE_ENTRY_POINTS

    found: list[str] = []
    problems: list[str] = []
    registries = _registries()
    cores = installed_extensions(CORE_ENTRY_POINTS)
    if cores and find_spec('torch') is not None:
        from liquid_pilot.learning.models.factory import EXTERNAL_CORES

        registries.append(EXTERNAL_CORES)
    else:
        found += [f'core {each.name} ({each}; not checked without torch)' for each in cores]
    for registry in registries:
        for extension in installed_extensions(registry.group):
            problem = registry.problem_of(extension)
            name = f'{registry.noun} {extension.name} ({extension})'
            if problem:
                problems.append(f'{name}: {problem}')
            else:
                found.append(name)
    known = {CORE_ENTRY_POINTS, *(registry.group for registry in registries)}
    problems += [
        f'{extension.name} ({extension}): there is no entry-point group {group}; there is: '
        f'{", ".join(sorted(known))}'
        for group in sorted(extension_groups() - known)
        for extension in installed_extensions(group)
    ]
    text = ', '.join(found) or 'none'
    if problems:
        return WARN, f'{text}; broken: {len(problems)}', '\n-> '.join(problems)
    return OK, text


def _registries() -> list[ExtensionRegistry[Any]]:
    """Return the registries that need no optional library."""
    from liquid_pilot.onboard.adaptation.learner_registry import LEARNERS
    from liquid_pilot.onboard.setpoints.registry import ADAPTERS
    from liquid_pilot.onboard.vehicles.registry import VEHICLES
    from liquid_pilot.simulation.base.condition import CONDITIONS
    from liquid_pilot.simulation.tasks.registry import TASKS

    return [VEHICLES, TASKS, CONDITIONS, LEARNERS, ADAPTERS]
