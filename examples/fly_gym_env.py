"""Fly the gymnasium environment of the forest with a policy of four lines.

Shows: what an observation, an action and the rewards are. The policy turns to whatever is red and
flies on: it finds the chair, and a tree that is in the way. What the shipped pilot does on the same
forests is `liquid-pilot evaluate`.
Run:   python examples/fly_gym_env.py [SEEDS]              (extra `sim`)
"""

import sys

import numpy as np

import liquid_pilot as lp


def policy(observation):
    """Return (forward, left, up) velocity in m/s and the yaw rate in rad/s: towards the red."""
    red, green, blue = np.moveaxis(observation['image'].astype(float), -1, 0)
    _, columns = np.nonzero((red > 90) & (red > 2.0 * green) & (red > 2.0 * blue))
    half = observation['image'].shape[1] / 2
    bearing = 1.0 - columns.mean() / half if columns.size else 0.0
    return np.array([2.0, 0.0, 0.0, 1.2 * bearing], np.float32)


environment = lp.ForestEnv()
for seed in range(int(sys.argv[1]) if len(sys.argv) > 1 else 3):
    observation, info = environment.reset(seed=seed)
    total, done = 0.0, False
    while not done:
        observation, reward, terminated, truncated, info = environment.step(policy(observation))
        total, done = total + reward, terminated or truncated
    print(f'forest {seed}: {info["outcome"]}, reward {total:.1f} ({info["reason"]})')
environment.close()
