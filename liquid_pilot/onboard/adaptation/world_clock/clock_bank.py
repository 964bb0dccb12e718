"""Copies of a pilot's core at other speeds, and how well each predicts what the core reads next.

A liquid core reads the elapsed time. Where stamps lie by a factor r, the told time is r times the
true one, and the core runs r times too fast. The factor r on all of its capacitances gives the
trained core back, since the equations hold capacitances in cm/dt alone. The copy with that factor
has the states of training, so that the linear predictor of the training statistics, fitted to such
states, foretells the inputs of the next tick with the errors of training. Copies of other speeds
lag behind what the camera sees, or follow it too closely, and err more.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.liquid.copies.ltc_copies import CoreCopies
from liquid_pilot.liquid.lrc.parameters import LrcParameters
from liquid_pilot.liquid.precompile import precompile_kernels
from liquid_pilot.onboard.adaptation.learner_messages import FloatArray
from liquid_pilot.pilot_file import PilotFile
from liquid_pilot.pilot_file.format import LiquidParameters
from liquid_pilot.utils.release_memory import release_code_pages

if TYPE_CHECKING:
    from liquid_pilot.liquid.copies.lrc_copies import LrcCopies

MAX_ABS_ERROR = 5.0
"""Bound of one whitened prediction error: a wild reading counts no more than a large one."""
_STEP = 2.0
"""Ratio of the factors of neighbouring copies. A core that is off by less decides as well as at the
right factor (studies/world_clock)."""


def copy_factors(scale_range: tuple[float, float]) -> npt.NDArray[np.float64]:
    """Return the factors of the copies, in ascending order: powers of 2 in a trust region.

    >>> copy_factors((0.25, 5.0))
    array([0.25, 0.5 , 1.  , 2.  , 4.  ])

    Args:
        scale_range: bounds of the factor on the capacitances; 1 lies between them.
    """
    low, high = (math.log(bound, _STEP) for bound in scale_range)
    # Rounded, so that the power of 2 that a bound is meant to be counts.
    return _STEP ** np.arange(math.ceil(round(low, 6)), math.floor(round(high, 6)) + 1.0)


def _copies(
    parameters: LiquidParameters, unfolds: int, factors: FloatArray
) -> CoreCopies | LrcCopies:
    """Return copies that are ready to step, one for each factor.

    As for a core, nothing is compiled in flight, and no compiler stays in memory.
    """
    copies: CoreCopies | LrcCopies
    if isinstance(parameters, LrcParameters):
        # Imported here, so that a pilot with another core does not load these kernels.
        from liquid_pilot.liquid.copies.lrc_copies import LrcCopies
        from liquid_pilot.liquid.lrc import precompile

        precompile_kernels(precompile.KERNELS, precompile.__name__)
        copies = LrcCopies(parameters, factors)
    else:
        precompile_kernels()
        copies = CoreCopies(parameters, unfolds, factors)
    copies.warm_up()
    release_code_pages('libllvmlite')
    return copies


class ClockBank:
    """The copies of one pilot's core, and the next-input predictor that judges them.

    Args:
        pilot: the pilot file.

    Raises:
        LiquidPilotError: the pilot has no liquid core, no predictor, or no room for another factor
            than 1; the message says what to do.
    """

    def __init__(self, pilot: PilotFile) -> None:
        statistics, specification = pilot.require_statistics(), pilot.specification
        if pilot.parameters is None:
            raise LiquidPilotError(
                f'{pilot.path}: the rule world_clock scales the time constants of a liquid core, '
                f'and this core is a {specification.core_kind}; choose the rule temporal_filter'
            )
        if not statistics.has_predictor:
            raise LiquidPilotError(
                f'{pilot.path}: the training statistics hold no predictor; fit them again with '
                '`liquid-pilot fit-statistics`, or choose the rule temporal_filter'
            )
        self.factors = copy_factors(specification.capacitance_scale_range)
        """(K,) factors on the capacitances, in ascending order."""
        if len(self.factors) < 2:
            low, high = specification.capacitance_scale_range
            raise LiquidPilotError(
                f'{pilot.path}/pilot.json: capacitance_scale_range allows {low:g} to {high:g}, and '
                'the rule world_clock needs a factor of 2 or a half; widen it'
            )
        self._copies = _copies(pilot.parameters, specification.unfolds, self.factors)
        self._imu_mean = np.asarray(specification.imu_mean, np.float64)
        self._imu_scale = np.asarray(specification.imu_scale, np.float64)
        self._features = specification.features
        # Features change together; the covariance of their changes in training whitens the errors.
        whitening = np.zeros((statistics.predictor.shape[0],) * 2)
        whitening[: self._features, : self._features] = statistics.change_whitening
        residual = statistics.predictor_residual[self._features :].astype(float)
        whitening[self._features :, self._features :] = np.diag(1.0 / residual)
        predictor = whitening @ statistics.predictor
        self._whitening = whitening.astype(np.float32)
        self._weights = predictor[:, :-1].T.astype(np.float32)
        self._offset = predictor[:, -1].astype(np.float32)

    def reset(self) -> None:
        """Return all copies to rest, from which a flight begins."""
        self._copies.reset()

    @property
    def states(self) -> npt.NDArray[np.float32]:
        """The states of the copies, (K, N), which may be overwritten in place."""
        return self._copies.states

    def core_inputs(self, features: FloatArray, imu: FloatArray) -> npt.NDArray[np.float32]:
        """Return the inputs of the core, (F + 6,).

        Args:
            features: (F,) features.
            imu: (6,) mean angular velocity (rad/s) and specific force (m/s^2), body FLU.
        """
        normalised = (imu - self._imu_mean) / self._imu_scale
        return np.concatenate([features, normalised]).astype(np.float32)

    def errors(self, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return how badly each copy has predicted the inputs of this tick.

        Args:
            inputs: (F + 6,) inputs of the tick; the copies have not been stepped by it yet.

        Returns:
            (K,) mean square of the whitened errors of the features, plus that of the IMU.
        """
        predicted = self._copies.states @ self._weights
        error = (self._whitening @ inputs - self._offset) - predicted
        squares = np.square(np.clip(error, -MAX_ABS_ERROR, MAX_ABS_ERROR))
        by_features = squares[:, : self._features].mean(axis=1)
        total: npt.NDArray[np.float64] = by_features + squares[:, self._features :].mean(axis=1)
        return total.astype(np.float64)

    def step(self, inputs: npt.NDArray[np.float32], dt_s: float) -> None:
        """Advance all copies by one tick.

        Args:
            inputs: (F + 6,) inputs of the tick.
            dt_s: elapsed time by the stamps, over any further factor on the time constants, s.
        """
        self._copies.step(inputs, dt_s)
