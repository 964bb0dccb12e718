"""A pilot file with what a lesson has taught."""

from __future__ import annotations

import math
import os
from dataclasses import replace

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.inference.correction import Correction, TrustRegion
from liquid_pilot.onboard.inference.recurrent_cores import make_core
from liquid_pilot.onboard.inference.taught_stages import checked_columns
from liquid_pilot.pilot_file import PilotFile


def save_taught(
    pilot: PilotFile,
    correction: Correction,
    trust_region: TrustRegion,
    path: str | os.PathLike[str],
    note: str = '',
) -> PilotFile:
    """Write a pilot that flies as a pilot with a correction does.

    Its training statistics are those of the pilot.

    Args:
        pilot: the pilot as trained.
        correction: what was taught.
        trust_region: the bounds within which it flies.
        path: folder of the new pilot; see `pilot_file.save`.
        note: line for the card of the new pilot: who taught what.

    Returns:
        The new pilot, as loaded.

    Raises:
        LiquidPilotError: the correction depends on the state, which a pilot file has no place for,
            or does not fit; or the folder cannot be written.
    """
    specification, parameters = pilot.specification, pilot.ltc_parameters
    columns = checked_columns(correction, pilot, make_core(pilot))
    bounded = trust_region.bounded(correction)
    if bounded.readout[:, :-1].any():
        raise LiquidPilotError(
            'a read-out of the state cannot be saved as a pilot; keep the lesson in flight, or '
            'choose the lesson `aim`'
        )
    aim_deg = [math.degrees(angle) for angle in bounded.aim]
    card = {**specification.card, 'taught': note} if note else specification.card
    return pilot_file.save(
        path,
        replace(
            specification,
            card=card,
            camera_aim_deg=_sum(specification.camera_aim_deg, aim_deg),
            output_trim=_sum(specification.output_trim, bounded.readout[:, -1].tolist()),
        ),
        pilot.wiring,
        columns.changed(parameters, bounded.change)
        if columns is not None and parameters is not None
        else pilot.parameters,
        pilot.encoder,
        pilot.core_graph,
        pilot.training_statistics,
    )


def _sum(trained: tuple[float, ...], taught: list[float]) -> tuple[float, ...]:
    return tuple(a + b for a, b in zip(trained, taught, strict=True))
