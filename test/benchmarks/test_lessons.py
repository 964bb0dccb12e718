"""Lessons by keys, and what a lesson costs: the programs run, and say what they measure."""

import json
import subprocess
import sys
from pathlib import Path

from liquid_pilot import pilot_file

ROOT = Path(__file__).resolve().parents[2]


def run(name, *arguments):
    words = [sys.executable, ROOT / 'benchmarks' / 'teaching' / name, *arguments]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_lesson_by_keys_makes_a_pilot(tmp_path):
    found = run('key_lesson.py', '--seconds', '4', '--out', str(tmp_path / 'taught'))
    assert found['taught_s'] >= 4.0 and found['outcomes']
    specification = pilot_file.load(tmp_path / 'taught').specification
    # The camera is turned to the left.
    assert found['aim_deg'][0] > 2.0
    assert [round(angle, 2) for angle in specification.camera_aim_deg] == found['aim_deg']


def test_the_cost_of_a_lesson_is_told_beside_that_of_a_tick():
    found = run('lesson_cost.py', '--rounds', '20')
    assert found['tick']['of_a_tick'] == 1.0
    assert {'turned', 'aimed', 'observe aim', 'observe all'} <= set(found)
    assert all(row['ms'] > 0.0 for row in found.values())
