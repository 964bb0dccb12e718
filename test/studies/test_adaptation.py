"""The adaptation study in small: every step of it, from nothing."""

import json

import pytest
from study_runs import run_script


@pytest.mark.slow
def test_the_study_of_adaptation_is_flown_and_written_down_from_nothing(tmp_path):
    arguments = ('--smoke', '--runs', tmp_path, '--workers', '1')
    closing = run_script('studies/adaptation/run.py', *arguments)
    assert (closing['flown'], closing['missing']) == (14, 0)
    assert closing['fixed'] == 'study:fixed:0.5,false'
    work = tmp_path / 'adaptation-smoke'
    content = json.loads((work / 'results.json').read_text())
    conditions = {condition for rows in content['parts'].values() for condition in rows}
    assert conditions == {'noise:5', 'rate:5', 'two_legs:1', 'rain:4'}
    cell = content['parts']['development']['noise:5']['all']
    assert cell['missions'] == 1 and cell['successes'] in (0, 1)
    assert content['comparisons'] == 6 + 2 + 1 + 1
    assert [row['condition'] for row in content['schedule']['phases']] == [
        'clear',
        'noise:5',
        'clear',
    ]
    assert content['schedule']['hours'][0]['flown_s'] >= 5.0
    assert set(content['grid']['scaled']['all_neurons']) >= {'1', '4'}
    assert content['sealed_mean_gain']['pairs'] == 1
    text = (work / 'README.md').read_text()
    assert 'All missions are flown.' in ' '.join(text.split()) and '## Elapsed time' in text
    for name in ('success', 'elapsed_time', 'memory_courses'):
        assert (work / f'{name}.png').stat().st_size > 1000
