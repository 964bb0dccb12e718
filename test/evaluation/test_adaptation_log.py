"""The adaptation of a mission, as arrays."""

import io
import math

import numpy as np
import pytest

from liquid_pilot.evaluation import adaptation_log


def flown(seed, core=True, friction_ratio=math.nan):
    made = adaptation_log.AdaptationLog(seed, 'success')
    for tick in range(40):
        shut = 20 <= tick < 25
        made.samples.append(
            adaptation_log.make_sample(
                0.05 * tick,
                np.full(4, 0.0 if shut else 0.04),
                np.array([0.01, 0.1]),
                np.array([0.02, 0.2, 0.02]) if core else np.full(3, np.nan),
                shut,
                0.5 if shut else 1.0,
                2.0,
                friction_ratio,
            )
        )
    return made


def test_samples_hold_errors_and_time_constants():
    one = flown(1).samples[0]
    assert one.filter_error == pytest.approx(0.2)
    assert one.filter_tau_s == pytest.approx((0.01, np.sqrt(1e-3), 0.1))
    assert one.core_tau_s == (0.02, 0.02, 0.2)
    assert np.isnan(flown(1, core=False).samples[0].core_tau_s).all()


def test_everything_is_kept():
    data = np.load(
        io.BytesIO(adaptation_log.to_npz([flown(3), adaptation_log.AdaptationLog(4, 'crash')]))
    )
    assert data['seed_3/receptor_tau_s'].shape == (40, 3)
    assert data['seed_3/novel'].sum() == 5
    assert len(data['seed_4/time_s']) == 0
