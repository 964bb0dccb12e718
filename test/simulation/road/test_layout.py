"""Roads are smooth, clear of themselves, gently sloped and free of plants."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.simulation.road.layout import LEAD_IN_M, STEP_M, RoadSettings, generate_road

S = RoadSettings()
seeds = st.integers(0, 2**40)


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_a_road_is_smooth_and_clear_of_itself(seed):
    road = generate_road(seed)
    x, y, heading, curvature = road.centerline.T
    assert len(road.centerline) * STEP_M > S.length_m + LEAD_IN_M
    steps = np.hypot(np.diff(x), np.diff(y))
    assert steps == pytest.approx(STEP_M, rel=1e-3)
    assert np.abs(curvature).max() <= 1.0 / S.radius_m[0] + 1e-9
    # A driver turns the wheel, and does not throw it.
    assert np.abs(np.diff(curvature)).max() / STEP_M < 2.5 / S.radius_m[0] / S.transition_m
    assert np.diff(heading) == pytest.approx(
        0.5 * (curvature[1:] + curvature[:-1]) * STEP_M, abs=1e-9
    )
    points = road.centerline[::8, :2]
    gaps = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
    along = 2.0 * np.abs(np.subtract.outer(np.arange(len(points)), np.arange(len(points))))
    assert gaps[along > 2.0 * S.min_separation_m].min() > S.min_separation_m
    assert 2.0 * road.half_width_m < S.min_separation_m


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_the_ground_is_sloped_gently(seed):
    road = generate_road(seed)
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-300, 300, (2, 400))
    step = 1e-3
    slope = (
        np.hypot(
            road.height(x + step, y) - road.height(x, y),
            road.height(x, y + step) - road.height(x, y),
        )
        / step
    )
    assert slope.max() < 1.02 * S.max_grade * math.sqrt(2.0)


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_nothing_stands_on_the_road_nor_near_its_edge(seed):
    road = generate_road(seed)
    for x, y, radius in [
        *road.obstacle_discs(),
        *[(b.x_m, b.y_m, b.radius_m) for b in road.bushes],
    ]:
        gap = np.hypot(*(road.centerline[:, :2] - (x, y)).T).min() - road.half_width_m - radius
        assert gap > S.verge_m - 0.5  # The line is looked at every metre.
    assert len(road.trees) > 60


@given(seeds, st.floats(0.0, 300.0), st.floats(-2.0, 2.0))
@settings(max_examples=50, deadline=None)
def test_a_place_beside_the_road_is_found_again(seed, along, left):
    road = generate_road(seed)
    x, y, heading, _ = road.centerline[road.index(along)]
    place = x - left * math.sin(heading), y + left * math.cos(heading)
    near = road.index(along) * STEP_M - LEAD_IN_M
    for position in (road.locate(*place), road.locate(*place, near + 1.5)):
        assert position[0] == pytest.approx(near, abs=0.2)
        assert position[1] == pytest.approx(left, abs=0.02)


def test_a_seed_is_a_road_and_another_is_another():
    one, again, other = generate_road(7), generate_road(7), generate_road(8)
    assert np.array_equal(one.centerline, again.centerline) and one.trees == again.trees
    assert not np.array_equal(one.centerline, other.centerline)
    assert one.start_enu_m[2] == one.height(*one.start_enu_m[:2])


def test_roads_differ_in_width_markings_and_sides():
    roads = [generate_road(seed) for seed in range(40)]
    assert {road.markings for road in roads} == {'edges', 'dashes', 'both', 'none'}
    widths = [2.0 * road.half_width_m for road in roads]
    assert S.width_m[0] <= min(widths) < max(widths) <= S.width_m[1]
    turns = np.array([road.centerline[:, 3].mean() for road in roads])
    assert (turns > 0).any() and (turns < 0).any()


def test_a_drive_is_measured_from_the_middle_in_its_order():
    road = generate_road(3)
    part = road.centerline[road.index(0.0) : road.index(100.0) : 4]
    points = np.stack(
        [part[:, 0] - 0.5 * np.sin(part[:, 2]), part[:, 1] + 0.5 * np.cos(part[:, 2])], axis=1
    )
    assert road.lateral_offsets_m(points) == pytest.approx(0.5, abs=0.02)


def test_a_road_that_cannot_be_is_said_so():
    """The bends exceed a full turn, on a circle smaller than the min separation."""
    tight = RoadSettings(min_separation_m=25.0, radius_m=(9.0, 9.5), bend_rad=(9.0, 9.5))
    with pytest.raises(LiquidPilotError, match='keeps clear of itself'):
        generate_road(1, tight)


def test_what_drives_away_backwards_is_still_located():
    road = generate_road(3)
    (x, y, _), yaw, near = road.start_enu_m, road.start_yaw_rad, 0.0
    for back_m in range(0, 80, 2):
        near, left = road.locate(x - back_m * math.cos(yaw), y - back_m * math.sin(yaw), near)
    assert near < -50.0 and math.isfinite(left)
