"""The control of the no-harm study: a mode that exists for this study only.

- study:match_before: as `adapt`, with the photometric match as it was before this study. It
  stretches the contrast of a picture back to that of training for whatever reason contrast fell.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from liquid_pilot.evaluation import workers
from liquid_pilot.onboard.adaptation import _filter_kernels
from liquid_pilot.onboard.adaptation.frontend import AdaptiveFrontend
from liquid_pilot.onboard.adaptation.frontend_settings import FrontendSettings
from liquid_pilot.onboard.adaptation.learner_messages import FloatArray
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings
from liquid_pilot.onboard.inference.encoder import Encoder
from liquid_pilot.onboard.inference.stages import Stages
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.simulation.rollout import InProcessPilot, MissionPilot
from liquid_pilot.simulation.simulator import Simulation

MATCH_BEFORE = 'study:match_before'


def make_pilot(file: PilotFile, simulation: Simulation, adapter: str, mode: str) -> MissionPilot:
    """Make a pilot of a mode of the package or of this study; see `workers.make_pilot`.

    Args:
        file: the pilot file.
        simulation: the simulation.
        adapter: name of the vehicle adapter.
        mode: adaptation mode of the package, or `MATCH_BEFORE`.
    """
    if mode != MATCH_BEFORE:
        return workers.make_pilot(file, simulation, adapter, mode)

    def replace(stages: Stages) -> Stages:
        return stages._replace(frontend=frontend_with_match_before(file))

    return InProcessPilot(
        file, simulation, adapter, adapting=AdaptationSettings(), replace_stages=replace
    )


def frontend_with_match_before(file: PilotFile) -> AdaptiveFrontend:
    """Return the frontend of a pilot that adapts with the photometric match as it was.

    Args:
        file: the pilot file.
    """
    specification = file.specification
    camera = specification.camera
    encoder = Encoder(file.encoder, camera.height, camera.width, specification.features)
    return _FrontendBefore(file.require_statistics(), encoder, camera, 1.0 / specification.rate_hz)


class _FrontendBefore(AdaptiveFrontend):
    """The frontend of the package with another photometric match."""

    def configure(self, settings: FrontendSettings) -> None:
        """Use other settings from the next tick on."""
        super().configure(settings)
        if settings.photometric:
            # The state of this stage is its own; the frontend only carries it along.
            self._photometric = MatchBefore(self._statistics.luminance)


class MeanAndContrast(NamedTuple):
    """Running statistics of the luminance."""

    mean: float
    """Mean over the image, in [0, 1]."""
    log_contrast: float
    """Logarithm of the standard deviation over the image."""


class MatchBefore:
    """The photometric match before this study: by mean and contrast of the whole picture alone.

    Args:
        reference: (2, 2) the mean, then the standard deviation over training, of the mean luminance
            and of the log of its standard deviation within an image.
    """

    SMOOTHING_S = 1.0
    DEAD_BAND_SIGMAS = (2.0, 4.0)
    GAIN_RANGE = (1.0, 16.0)
    MIN_CONTRAST = 2.0 / 255.0

    def __init__(self, reference: FloatArray) -> None:
        (self._mean, self._log_contrast), self._reference_sigma = reference.astype(float).tolist()

    def process(
        self, image: FloatArray, luminance: MeanAndContrast | None, dt_s: float
    ) -> tuple[MeanAndContrast | None, float]:
        """Correct an image in place; see `photometric_match.PhotometricStage.process`."""
        mean, contrast = _filter_kernels.luminance_stats(image)
        if contrast >= self.MIN_CONTRAST:
            current = MeanAndContrast(mean, math.log(contrast))
            if luminance is None:
                luminance = current
            else:
                share = -math.expm1(-dt_s / self.SMOOTHING_S)
                luminance = MeanAndContrast(
                    *(
                        old + share * (new - old)
                        for old, new in zip(luminance, current, strict=True)
                    )
                )
        if luminance is None:
            return None, 1.0
        log_gain = self._correction(
            self._log_contrast - luminance.log_contrast, self._reference_sigma[1]
        )
        gain = min(max(math.exp(log_gain), self.GAIN_RANGE[0]), self.GAIN_RANGE[1])
        target = luminance.mean + self._correction(
            self._mean - luminance.mean, self._reference_sigma[0]
        )
        if gain != 1.0 or target != luminance.mean:
            _filter_kernels.apply_gain_offset(image, gain, target - gain * luminance.mean)
        return luminance, gain

    def _correction(self, difference: float, sigma: float) -> float:
        """Return the part of a difference from training that is corrected."""
        inner, outer = self.DEAD_BAND_SIGMAS
        return difference * min(max((abs(difference) / sigma - inner) / (outer - inner), 0.0), 1.0)
