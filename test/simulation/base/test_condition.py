"""The notation of conditions, and their strengths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.simulation.base.condition import (
    FAMILIES,
    LASTING_FAMILIES,
    SEVERITIES,
    Condition,
    label,
    parse,
)
from liquid_pilot.simulation.conditions import severities


def test_a_text_says_family_severity_and_onset():
    assert parse('snow:4@3s+wind:2') == (Condition('snow', 4, 3.0), Condition('wind', 2))
    assert parse('noise=0.25@1.5') == (Condition('noise', 0, 1.5, 0.25),)
    assert parse('clear') == parse(' clear ') == ()
    with pytest.raises(LiquidPilotError, match='a condition is empty: write clear'):
        parse(' ')


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(set(FAMILIES) - LASTING_FAMILIES)),
            st.sampled_from(SEVERITIES),
            st.integers(0, 400),
        ),
        max_size=4,
        unique_by=lambda one: one[0],
    )
)
def test_what_is_written_is_what_is_read(parts):
    conditions = tuple(
        Condition(family, severity, tenths / 10) for family, severity, tenths in parts
    )
    assert parse(label(conditions)) == conditions


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        ('hail:3', 'no condition named'),
        ('snow:6', '1 to 5'),
        ('snow:0', '1 to 5'),
        ('snow', 'expected FAMILY:SEVERITY'),
        ('snow:3@', 'expected'),
        ('snow:3@-1s', 'expected'),
        ('snow:1+snow:2', 'twice'),
        ('range:2@3s', 'cannot begin in mid-flight'),
        ('held:2', 'add one, such as two_legs:3'),
        ('hidden:3+held:2@3s', 'cannot begin in mid-flight'),
    ],
)
def test_what_cannot_be_flown_is_refused_with_the_reason(text, reason):
    with pytest.raises(LiquidPilotError, match=reason):
        parse(text)


def test_a_larger_severity_is_a_larger_strength_within_the_range():
    for family, scale in severities.scales().items():
        strengths = [severities.strength(Condition(family, each)) for each in SEVERITIES]
        assert strengths == sorted(strengths), family
        assert scale.low <= strengths[0] < strengths[-1] <= scale.high, family


def test_a_strength_beyond_what_is_physical_is_refused():
    with pytest.raises(LiquidPilotError, match=r'noise: strength must lie in \[0, 0.8\]'):
        severities.strength(parse('noise=0.9')[0])


def test_a_file_that_does_not_fit_the_code_is_refused():
    text = severities.FILE.read_text()
    for before, after, reason in (
        ('version: 1', 'version: 9', 'version 9'),
        ('  wind:', '  breeze:', 'breeze'),
        ('range: [0.05, 1.0]', 'range: [0.2, 1.0]', 'rate needs five'),
    ):
        with pytest.raises(LiquidPilotError, match=reason):
            severities.read_scales(text.replace(before, after))
