"""The adaptation of a mission, as arrays and as a picture."""

import io
import math

import cv2
import numpy as np
import pytest

from liquid_pilot.evaluation import adaptation_log
from liquid_pilot.simulation.base.condition import parse


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


def test_the_picture_shows_every_flight_with_its_onset_and_its_gate():
    """A column a flight; onset and shut gate change the picture."""

    def drawn(text, *histories):
        data = np.frombuffer(adaptation_log.plot_adaptation(histories, parse(text)), np.uint8)
        return cv2.imdecode(data, cv2.IMREAD_COLOR)

    alone, both = drawn('noise:5@1s', flown(1)), drawn('noise:5@1s', flown(1), flown(2, False))
    assert both.shape[1] > 1.5 * alone.shape[1]
    assert (alone != drawn('noise:5@1.5s', flown(1))).any()
    assert (alone != drawn('noise:5@1s', flown(1, friction_ratio=0.5))).any()
    # Red dashes of the onset.
    blue, green, red = (alone[..., k].astype(int) for k in range(3))
    assert ((red > 180) & (green < 80) & (blue < 80)).sum() > 50


@pytest.mark.filterwarnings('error')
def test_time_constants_that_stay_as_they_are_are_shown_too():
    """Values that differ by one last bit at most still give the logarithmic axis a range."""
    calm = adaptation_log.AdaptationLog(
        1,
        'success',
        [
            sample._replace(filter_tau_s=(0.0125, 0.0125, np.nextafter(0.0125, 1.0)))
            for sample in flown(1).samples
        ],
    )
    picture = cv2.imdecode(
        np.frombuffer(adaptation_log.plot_adaptation([calm], ()), np.uint8), cv2.IMREAD_COLOR
    )
    second = picture[len(picture) // 4 : len(picture) // 2]
    assert (second[..., 0].astype(int) - second[..., 2] > 150).sum() > 100
