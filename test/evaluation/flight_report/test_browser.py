"""The page in a real browser: it draws wide and narrow, dark and light, without errors."""

import shutil
import subprocess

import cv2
import numpy as np
import pytest
from made_runs import make_run, pilot, record, result

from liquid_pilot.evaluation.flight_report.page import write_flight_report

CHROMIUM = shutil.which('chromium')
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason='chromium is not installed'),
]


@pytest.fixture(scope='module')
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp('run with spaces')
    digest = pilot().digest
    results = [result(4), result(5, 'crash', 'hit tree_3'), result(6)]
    make_run(folder, results, [record(4, digest), record(5, digest)])
    return write_flight_report(folder)


def browse(page, tmp_path, *options):
    """Open the page without a network, and return what the browser printed and logged."""
    return subprocess.run(
        [
            *(CHROMIUM, '--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars'),
            *('--host-resolver-rules=MAP * ~NOTFOUND', '--enable-logging=stderr'),
            *(f'--user-data-dir={tmp_path / "profile"}', *options, page.as_uri()),
        ],
        capture_output=True,
        timeout=120,
        check=True,
        text=True,
    )


@pytest.mark.parametrize(('width', 'dark'), [(1400, False), (1400, True), (500, False)])
def test_it_draws(page, tmp_path, width, dark):
    shot = tmp_path / 'shot.png'
    theme = ['--blink-settings=preferredColorScheme=0'] if dark else []
    browse(page, tmp_path, f'--screenshot={shot}', f'--window-size={width},2400', *theme)
    picture = cv2.imread(str(shot))
    assert picture.shape == (2400, width, 3)
    # The paper, and much that is not paper, down to the end of the picture.
    corner = picture[2, 2].astype(int)
    assert bool(corner.mean() < 60) is dark
    rows = (np.abs(picture.astype(int) - corner).max(axis=2) > 40).sum(axis=1)
    assert all(rows[start : start + 300].max() > 5 for start in range(0, 2400, 300))


def test_its_script_runs_without_an_error(page, tmp_path):
    ran = browse(page, tmp_path, '--dump-dom')
    assert 'data-sorts' in ran.stdout
    assert '>Copy</button>' in ran.stdout
    assert 'CONSOLE' not in ran.stderr
    assert 'net_error' not in ran.stderr
