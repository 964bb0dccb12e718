"""What must hold before engaging: each fact alone, its edges, and that silence never passes."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_pilot.onboard.safety.preflight import (
    GEOMETRY_DIFFERS,
    GEOMETRY_MATCHES,
    GEOMETRY_UNCHECKED,
    GEOMETRY_UNKNOWN,
    PreflightRequirements,
    Readiness,
    VehicleStatus,
    failed_checks,
)

WELL = Readiness('flying', '', 20.0, 19.0, 100.0, 0.03, 0.005, GEOMETRY_MATCHES)


def test_all_clear():
    assert failed_checks(WELL, None, PreflightRequirements()) == []
    assert (
        failed_checks(
            WELL._replace(state='waiting', geometry=GEOMETRY_UNCHECKED),
            VehicleStatus(True, True, 'OFFBOARD', True, ''),
            PreflightRequirements(),
        )
        == []
    )


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        ({'state': 'loading'}, 'still loading'),
        ({'camera_rate_hz': 9.9}, '9.9 frames/s, at least 10'),
        ({'camera_rate_hz': math.nan}, 'no frames/s'),
        ({'trained_rate_hz': math.nan}, 'frames/s'),
        ({'imu_rate_hz': 14.9}, '14.9 samples/s, at least 15'),
        ({'imu_rate_hz': math.nan}, 'no samples/s'),
        ({'frame_age_s': 0.51}, 'camera: its stamps are 0.51 s old'),
        ({'frame_age_s': -0.11}, 'camera: its stamps are -0.11 s old'),
        ({'imu_age_s': 3.0}, 'imu: its stamps are 3 s old'),
        ({'imu_at_rest': 'gravity is 1 m/s^2'}, 'imu: gravity is 1 m/s^2'),
        ({'geometry': GEOMETRY_DIFFERS}, 'does not fit'),
        ({'geometry': GEOMETRY_UNKNOWN}, 'not known'),
        ({'state': 'rejecting', 'problem': 'imu: no message'}, 'the pilot says "imu: no message"'),
        ({'problem': 'adaptation: silent'}, 'the pilot says "adaptation: silent"'),
    ],
)
def test_each_fact_alone_keeps_it_on_the_ground(changes, said):
    (found,) = failed_checks(WELL._replace(**changes), None, PreflightRequirements())
    assert said in found


def test_the_edges_pass():
    edge = WELL._replace(camera_rate_hz=10.0, imu_rate_hz=15.0, frame_age_s=0.5, imu_age_s=-0.1)
    assert failed_checks(edge, None, PreflightRequirements()) == []


def test_clocks_are_compared_only_where_they_can_be():
    late = WELL._replace(frame_age_s=1e9, imu_age_s=math.nan)
    assert len(failed_checks(late, None, PreflightRequirements())) == 2
    assert failed_checks(late, None, PreflightRequirements(max_stamp_age_s=None)) == []


@pytest.mark.parametrize(
    ('status', 'requires_offboard_mode', 'said'),
    [
        (VehicleStatus(connected=False, estimator='no attitude'), True, 'not connected'),
        (VehicleStatus(True, True, 'GUIDED', True, 'its estimate is not good'), True, 'not good'),
        (VehicleStatus(True, True, 'LOITER', False, ''), True, 'in mode LOITER'),
        (VehicleStatus(True, True, '', False, ''), True, r'in mode ?'),
        (VehicleStatus(True, True, 'POSCTL', False, ''), False, ''),
        (VehicleStatus(), True, ''),
    ],
)
def test_the_autopilot_has_its_say(status, requires_offboard_mode, said):
    found = failed_checks(
        WELL, status, PreflightRequirements(requires_offboard_mode=requires_offboard_mode)
    )
    assert (len(found) == 1 and said in found[0]) if said else found == []


def test_silence_is_not_readiness():
    assert failed_checks(None, None, PreflightRequirements()) == [
        'the pilot says nothing on /diagnostics; start it'
    ]
    nothing = Readiness.from_values('flying', '', {})
    # Without a message there is no stamp either, which is not said again.
    assert failed_checks(nothing, None, PreflightRequirements()) == [
        'camera: no frames/s, at least nan are needed (trained at no)',
        'imu: no samples/s, at least 15 are needed',
        "camera: whether its field of view is the pilot file's: not known; see what the pilot says",
    ]
    silent = WELL._replace(frame_age_s=math.nan, imu_age_s=math.nan)
    assert len(failed_checks(silent, None, PreflightRequirements())) == 2


@given(
    st.tuples(*[st.floats()] * 5),
    st.sampled_from([GEOMETRY_MATCHES, GEOMETRY_DIFFERS, GEOMETRY_UNKNOWN, GEOMETRY_UNCHECKED]),
)
def test_facts_survive_diagnostics(facts, geometry):
    before = Readiness('flying', '', *facts, geometry)
    after = Readiness.from_values('flying', '', before.values())
    assert after.geometry == before.geometry
    for one, other in zip(before[2:7], after[2:7], strict=True):
        assert math.isnan(one) == math.isnan(other)
        assert one == pytest.approx(other, abs=1e-3, nan_ok=True)


@given(st.dictionaries(st.sampled_from(Readiness._fields), st.text(max_size=8)), st.text())
def test_whatever_diagnostics_says_only_numbers_pass(values, state):
    if failed_checks(Readiness.from_values(state, '', values), None, PreflightRequirements()) == []:
        assert float(values['imu_rate_hz']) >= 15.0 and values['geometry'] in (
            GEOMETRY_MATCHES,
            GEOMETRY_UNCHECKED,
        )
