"""The stages of a pilot that a lesson has corrected."""

from __future__ import annotations

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid.recurrent_learning.columns import Columns
from liquid_pilot.onboard.inference.correction import (
    Correction,
    TrustRegion,
    check_fits,
    make_correction_stage,
)
from liquid_pilot.onboard.inference.recurrent_cores import Core, make_liquid_core
from liquid_pilot.onboard.inference.stages import Stages
from liquid_pilot.pilot_file import PilotFile


def checked_columns(correction: Correction, pilot: PilotFile, core: Core) -> Columns | None:
    """Return which parameters a correction changes; None: it changes none.

    Args:
        correction: the correction.
        pilot: the pilot file.
        core: its core.

    Raises:
        LiquidPilotError: the correction does not fit the pilot.
    """
    columns = None
    if correction.groups:
        if pilot.ltc_parameters is None:
            raise LiquidPilotError('correction: only an LTC core has parameters to change')
        columns = Columns.of(pilot.ltc_parameters, correction.groups)
    check_fits(correction, core.neurons, core.motors, columns.count if columns else 0)
    return columns


def taught_stages(
    stages: Stages,
    pilot: PilotFile,
    trained_core: Core,
    correction: Correction,
    trust_region: TrustRegion,
) -> Stages:
    """Return stages with a correction in place of any other.

    Args:
        stages: the stages of the pilot; their encoder takes over the aim.
        pilot: the pilot file.
        trained_core: its core as trained.
        correction: what a lesson has taught.
        trust_region: how far it may move the pilot; what is beyond is cut.

    Raises:
        LiquidPilotError: it does not fit the pilot; nothing has changed.
    """
    columns = checked_columns(correction, pilot, trained_core)
    bounded, core, parameters = trust_region.bounded(correction), trained_core, pilot.ltc_parameters
    if columns is not None and parameters is not None and bounded.change.any():
        changed = columns.changed(parameters, bounded.change)
        core = make_liquid_core(changed, pilot.specification.unfolds)
    stages.encode.aim = bounded.aim
    trim = pilot.specification.output_trim
    return stages._replace(core=core, correction=make_correction_stage(bounded, trust_region, trim))
