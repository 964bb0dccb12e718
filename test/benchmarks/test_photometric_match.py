"""The benchmark of the photometric match runs, and tells light from a blurred or dirty lens."""

import pytest
from study_runs import run_script


@pytest.mark.slow
def test_it_finds_the_gain_that_haze_needs_and_none_for_a_lens():
    arguments = ('--quick', '--conditions', 'contrast:4,blur:5,dirt:4')
    found = run_script('benchmarks/conditions/photometric_match.py', *arguments)
    haze = found['conditions']['contrast:4']
    assert haze['frames'] == 10
    assert haze['gain'][0] > 3.0 and haze['growth'] < -0.5
    for lens in (found['conditions'][name] for name in ('blur:5', 'dirt:4')):
        assert lens['gain'][0] == 1.0 and abs(lens['growth']) < 0.05
    assert haze['growth_95'] == [haze['growth']] * 2, 'one forest is resampled to itself'
