"""Extensions of this package: objects that other packages provide by entry points."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from liquid_pilot.interfaces import LiquidPilotError


def load_extensions(
    group: str, what: str, kind: type | None, built_in: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the extensions of an entry-point group by name.

    An extension that cannot be loaded is left out with a warning, so that a broken package does
    not keep the others from working.

    Args:
        group: the entry-point group, such as 'liquid_pilot.vehicles'.
        what: the noun for messages, such as 'vehicle'.
        kind: the type that each object must have; None: anything callable.
        built_in: the package's own objects, whose names are taken.

    Returns:
        The loaded objects by name, without the built-in ones.
    """
    found: dict[str, Any] = {}
    for entry in entry_points(group=group):
        try:
            if entry.name in built_in or entry.name in found:
                raise LiquidPilotError(f'there is a {what} of this name already')
            value = entry.load()
            if not (callable(value) if kind is None else isinstance(value, kind)):
                required = 'can be called' if kind is None else f'is a {kind.__name__}'
                raise LiquidPilotError(f'{entry.value} is not an object that {required}')
            found[entry.name] = value
        # An error in one extension must not keep the others from being used; a module that calls
        # sys.exit when it is imported is such an error.
        except (Exception, SystemExit) as error:
            warnings.warn(f'the {what} {entry.name!r} is left out: {error}', stacklevel=2)
    return found
