"""The robustness study in small: every step of it, from nothing, and a second start."""

import json

import pytest
from study_runs import run_script

SCRIPT = 'studies/robustness/run.py'


@pytest.mark.slow
def test_the_record_is_made_from_nothing_and_a_second_start_does_nothing_again(tmp_path):
    closing = run_script(SCRIPT, '--smoke', '--runs', tmp_path)
    assert (closing['flown'], closing['missing']) == (4, 0)
    assert closing['throughput']['ticks_per_s'] > 0
    work = tmp_path / 'robustness-smoke'
    text = (work / 'README.md').read_text()
    assert 'All missions are flown.' in ' '.join(text.split())
    assert '| condition | ltc_ncp | feedforward |' in text
    content = json.loads((work / 'results.json').read_text())
    assert {cell['missions'] for cell in content['cells']} == {1}
    assert [test['other'] for test in content['tests']] == ['feedforward-plain'] * 2
    assert (work / 'success.png').stat().st_size > 1000
    # One encoder serves both cores.
    pilots = [work / 'pilots' / f'{name}-plain-1' for name in ('ltc_ncp', 'feedforward')]
    assert len({(pilot / 'encoder.onnx').read_bytes() for pilot in pilots}) == 1

    again = run_script(SCRIPT, '--smoke', '--runs', tmp_path)
    assert again == {
        'throughput': {},
        **{key: closing[key] for key in ('flown', 'missing', 'page')},
    }
