"""The forest of a seed: reproducible, passable, and open to the target at the start."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.simulation.base.random_streams import random_stream
from liquid_pilot.simulation.forest.layout import ForestSettings, generate_forest

seeds = st.integers(0, 2**31)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_a_seed_gives_the_same_forest_every_time(seed):
    assert generate_forest(seed) == generate_forest(seed)


def test_seeds_give_different_forests():
    assert len({generate_forest(seed).target_enu_m for seed in range(20)}) == 20


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_trunks_leave_room_between_them_and_around_start_and_target(seed):
    limits, forest = ForestSettings(), generate_forest(seed)
    trunks = forest.obstacle_discs()
    apart = np.linalg.norm(trunks[:, None, :2] - trunks[None, :, :2], axis=2)
    apart[np.diag_indices(len(trunks))] = np.inf
    assert apart.min() >= limits.tree_spacing_m - 1e-9
    for place, room in (
        (forest.start_enu_m, limits.clear_start_m),
        (forest.target_enu_m, limits.clear_target_m),
    ):
        assert np.linalg.norm(trunks[:, :2] - place[:2], axis=1).min() >= room - 1e-9


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_the_middle_of_the_target_is_seen_from_the_start(seed):
    forest = generate_forest(seed)
    start, target = np.array(forest.start_enu_m[:2]), np.array(forest.target_enu_m[:2])
    route = target - start
    for x, y, radius in forest.obstacle_discs():
        share = np.clip((np.array([x, y]) - start) @ route / (route @ route), 0, 1)
        assert math.dist((x, y), start + share * route) > radius


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_the_target_is_ahead_within_the_camera_and_in_range(seed):
    limits, forest = ForestSettings(), generate_forest(seed)
    low, high = limits.target_distance_m
    assert low <= forest.target_distance_m <= high
    bearing = math.atan2(forest.target_enu_m[1], forest.target_enu_m[0])
    off = (bearing - forest.start_yaw_rad + math.pi) % (2 * math.pi) - math.pi
    assert abs(off) <= limits.heading_offset_rad[1] + 1e-9


@pytest.mark.parametrize('seed', [-1, 1.5])
def test_a_seed_must_be_a_whole_number_from_zero(seed):
    with pytest.raises(LiquidPilotError, match='seed'):
        generate_forest(seed)


def test_purposes_have_streams_of_their_own():
    assert random_stream(3, 'wind').random() != random_stream(3, 'imu').random()
