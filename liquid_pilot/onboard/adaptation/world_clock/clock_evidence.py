"""The evidence on the clock: a static multiple-model estimator over factors of its speed.

Each model, a copy of the core with a factor on its capacitances, has a log-likelihood, by the
squares of its prediction errors (Bar-Shalom, Li and Kirubarajan 2001, 'Estimation with Applications
to Tracking and Navigation', 11.6.2). The clock is believed until another factor is more probable
than 1 by a margin; then the log-scale of the core follows the mean of the posterior. As long as the
clock is believed, the log-scale is zero, and the pilot flies as trained.

Evidence is counted in ticks and not in seconds, because it is the seconds that are in doubt. It
does not fade: a factor that has been found is the same a minute later, and forgetting after some
seconds brought worse decisions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ClockSettings:
    """Settings of the decision on the clock's factor."""

    correlation_ticks: float = 5.0
    """Number of ticks whose errors count as one observation."""
    log_prior: float = 3.0
    """Log-prior of the factor 1 over each other factor."""
    margin: float = 1.0
    """Log-odds of the most probable other factor over 1 beyond which the clock is doubted; when
    they fall below the negative value, it is believed again."""
    max_log_likelihood_ratio: float = 20.0
    """Bound of the log-likelihood ratio of the best factor to any other, so that each can recover
    in time."""
    max_change_per_tick: float = math.log(2.0) / 10.0
    """Largest change of the log-scale in a tick."""


class ClockEvidence:
    """The log-likelihoods of the factors, and the decision that follows from them.

    The arrays of its state are changed in place, so that a snapshot can fill them.

    Args:
        factors: (K,) factors; one of them is 1.
        settings: settings of the decision; None for the defaults.
    """

    def __init__(self, factors: FloatArray, settings: ClockSettings | None = None) -> None:
        self.settings = settings or ClockSettings()
        self._log_factors = np.log(factors)
        self._trained = int(np.argmin(np.abs(self._log_factors)))
        self._log_prior = np.full(len(factors), -self.settings.log_prior)
        self._log_prior[self._trained] = 0.0
        self.log_likelihood: FloatArray = np.zeros(len(factors))
        """(K,) log-likelihood of each factor, relative to the best one."""
        self._decision: FloatArray = np.zeros(2)

    def reset(self) -> None:
        """Forget all evidence: the clock is believed."""
        self.log_likelihood[:] = 0.0
        self._decision[:] = 0.0

    @property
    def doubted(self) -> bool:
        """Whether the clock is doubted, so that its factor is estimated."""
        return bool(self._decision[0])

    @property
    def log_scale(self) -> float:
        """Log of the factor on the capacitances that is proposed now."""
        return float(self._decision[1])

    @property
    def estimate(self) -> float:
        """The factor that the log-scale tends to: 1 while the clock is believed."""
        return math.exp(self._target())

    @property
    def probabilities(self) -> FloatArray:
        """The posterior probability of each factor, (K,)."""
        posterior = self.log_likelihood + self._log_prior
        weights: FloatArray = np.exp(posterior - posterior.max())
        weights /= weights.sum()
        return weights

    @property
    def log_odds(self) -> float:
        """Log-odds of the most probable other factor over 1."""
        posterior = self.log_likelihood + self._log_prior
        return float(np.delete(posterior, self._trained).max() - posterior[self._trained])

    def add(self, errors: FloatArray) -> None:
        """Add the evidence of one tick.

        Args:
            errors: (K,) squared prediction errors of the copies, in units of training's variance.
        """
        s, total = self.settings, self.log_likelihood
        total -= 0.5 * errors / s.correlation_ticks
        total -= total.max()
        np.maximum(total, -s.max_log_likelihood_ratio, out=total)

    def decide(self) -> float:
        """Decide whether the clock is believed, move the log-scale by a step, and return it."""
        if self.doubted:
            self._decision[0] = self.log_odds >= -self.settings.margin
        else:
            self._decision[0] = self.log_odds > self.settings.margin
        step = self.settings.max_change_per_tick
        self._decision[1] += min(max(self._target() - self.log_scale, -step), step)
        return self.log_scale

    def _target(self) -> float:
        """Return the log-scale for the present evidence."""
        return float(self.probabilities @ self._log_factors) if self.doubted else 0.0

    def parts(self) -> dict[str, FloatArray]:
        """Return the arrays of the state by their name in a snapshot."""
        return {'clock_log_likelihood': self.log_likelihood, 'clock_decision': self._decision}

    def settle(self) -> None:
        """Bring a state that a snapshot has filled within its bounds."""
        self.add(np.zeros(len(self.log_likelihood)))
        self._decision[0] = bool(self._decision[0])
        low, high = self._log_factors[[0, -1]]
        self._decision[1] = min(max(self._decision[1], low), high)
