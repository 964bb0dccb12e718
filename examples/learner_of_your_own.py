"""Fly one forest in noise with an adaptation rule of your own.

Shows: the protocol `Learner`: one `LearnerInput` a tick in, one `TimeScaleUpdate` out: logarithms
of factors on trained time constants, which the pilot bounds before it uses them.
Run:   python examples/learner_of_your_own.py [SEED]              (extra `sim`)
"""

import sys

import numpy as np

import liquid_pilot as lp


class SlowWhereItFlickers:
    """Slows the temporal filter where frames change over four times as much as in training."""

    def __init__(self, error):
        self.trained_error, self.log_scale = error, np.zeros_like(error)

    def reset(self):  # forget everything
        self.log_scale[:] = 0.0

    def update(self, tick):
        ratio = tick.error.reshape(self.trained_error.shape) / (4.0 * self.trained_error)
        self.log_scale += min(tick.elapsed_s, 1.0) * (np.log(ratio.clip(1.0)) - self.log_scale)
        return lp.TimeScaleUpdate(tick.sequence, self.log_scale, np.empty(0), np.empty(0))

    def describe(self):  # a word and a sentence for /diagnostics
        return 'following', f'log-scales up to {self.log_scale.max():.2f}'


pilot = lp.load_pilot('forest-ltc')
noise = lp.SimulationSettings(conditions=lp.parse_conditions('noise:4@2s'))
learner = SlowWhereItFlickers(pilot.require_statistics().filter_error)
with lp.Simulation(noise) as simulation:
    flier = lp.InProcessPilot(pilot, simulation, adapting=lp.AdaptationSettings(), learner=learner)
    result = lp.fly_mission(int((sys.argv[1:] or '3')[0]), simulation, flier)
print(f'{result.outcome} after {result.duration_s:.1f} s ({result.reason})')
print(f'temporal filter {np.exp(learner.log_scale.mean()):.1f} times as slow as trained')
