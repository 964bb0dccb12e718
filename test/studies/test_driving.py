"""The driving study in small: every step of it, from nothing, and a second start."""

import json

import pytest
from study_runs import run_script

SCRIPT = 'studies/driving/run.py'


@pytest.mark.slow
def test_the_study_is_driven_and_written_down_from_nothing(tmp_path):
    closing = run_script(SCRIPT, '--smoke', '--runs', tmp_path, '--workers', '1')
    assert (closing['driven'], closing['missing']) == (8, 0)
    assert set(closing['networks']) == {'ltc', 'feedforward'}
    work = tmp_path / 'driving-smoke'
    content = json.loads((work / 'results.json').read_text())
    assert {(cell['arm'], cell['condition']) for cell in content['cells']} == {
        (arm, condition)
        for arm in ('ltc frozen', 'ltc governed', 'feedforward frozen', 'oracle frozen')
        for condition in ('clear', 'friction=0.5@1s')
    }
    assert all(cell['drives'] == 1 and cell['speed_m_s'] > 0.0 for cell in content['cells'])
    assert [row['arm'] for row in content['search']['rows']] == [
        'as trained',
        'cm x 0.5',
        'cm and gleak x 2',
        'oracle',
    ]
    page = (work / 'README.md').read_text()
    assert '| arm | completed | interventions per km |' in page and 'Unfinished' not in page
    assert (work / 'interventions.png').read_bytes().startswith(b'\x89PNG')

    again = run_script(SCRIPT, '--smoke', '--runs', tmp_path)
    assert again == {
        'throughput': {},
        **{key: closing[key] for key in ('driven', 'missing', 'page', 'networks')},
    }
