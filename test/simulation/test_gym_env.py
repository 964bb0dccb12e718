"""The gymnasium environment: gymnasium's own checker, seeding, rewards and ends."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.simulation.forest.expert import ForestExpert
from liquid_pilot.simulation.gym_env import ARRIVAL_REWARD, ForestEnv


def test_gymnasiums_own_checker_passes():
    env = gymnasium.make('liquid_pilot/Forest-v0', render_mode='rgb_array')
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        check_env(env.unwrapped)
    env.close()
    # Remarks upon a choice: SI units in actions, and an IMU without bounds.
    chosen = ('infinity', 'normalized space')
    assert [str(w.message) for w in caught if not any(c in str(w.message) for c in chosen)] == []


def test_the_reward_of_the_expert_is_its_progress_and_the_arrival():
    env = ForestEnv()
    observation, info = env.reset(seed=12)
    start_m, total, ended = info['target_distance_m'], 0.0, False
    expert = ForestExpert(env._simulation.layout)
    while not ended:
        command = expert.command(env._episode.packet.state)
        observation, reward, ended, cut, info = env.step(np.float32(command.values))
        total += reward
        assert not cut
    env.close()
    assert info['outcome'] == 'success'
    assert total == pytest.approx(start_m - info['target_distance_m'] + ARRIVAL_REWARD, abs=1e-6)
    assert env.observation_space.contains(observation)


def test_diving_ends_in_a_crash_that_costs():
    env = ForestEnv()
    env.reset(seed=3)
    for _ in range(100):
        _, reward, ended, _, info = env.step(np.float32([0, 0, -1, 0]))
        if ended:
            break
    env.close()
    assert info['outcome'] == 'crash' and reward < -0.9 * ARRIVAL_REWARD
    assert 'ground' in info['reason']


def test_wrong_use_is_refused_in_words():
    with pytest.raises(LiquidPilotError, match='render_mode'):
        ForestEnv(render_mode='human')
    with pytest.raises(LiquidPilotError, match='reset'):
        ForestEnv().step(np.zeros(4, np.float32))
