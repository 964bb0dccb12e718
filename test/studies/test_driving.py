"""The study of driving in small: every step of it, from nothing, and a second start."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(root, *arguments):
    done = subprocess.run(
        [sys.executable, str(root / 'benchmarks' / 'driving' / 'run.py'), '--smoke', *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=ROOT,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_study_is_driven_and_written_down_from_nothing(tmp_path):
    shutil.copytree(
        ROOT / 'benchmarks' / 'driving',
        tmp_path / 'benchmarks' / 'driving',
        ignore=shutil.ignore_patterns('pilots', 'drives', 'search'),
    )
    for shared in ('studies.py', 'figures.py'):
        shutil.copy(ROOT / 'benchmarks' / shared, tmp_path / 'benchmarks')
    shutil.copytree(ROOT / 'config', tmp_path / 'config')
    closing = run(tmp_path, '--workers', '1')
    assert (closing['driven'], closing['missing']) == (8, 0)
    assert set(closing['networks']) == {'ltc', 'feedforward'}
    work = tmp_path / 'runs' / 'driving-smoke'
    content = json.loads((work / 'driving.json').read_text())
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
    page = (work / 'driving.md').read_text()
    assert '| who | completed | interventions a km |' in page and 'Unfinished' not in page
    assert (work / 'images' / 'driving.png').read_bytes().startswith(b'\x89PNG')

    again = run(tmp_path)
    assert again == {
        'throughput': {},
        **{key: closing[key] for key in ('driven', 'missing', 'report', 'networks')},
    }
