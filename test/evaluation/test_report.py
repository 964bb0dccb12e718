"""Reports: figures, pictures, and that nothing is left half written."""

import json
import math

import cv2
import numpy as np
import pytest

from liquid_pilot.evaluation.report import (
    INTERRUPTED,
    CameraFrames,
    contact_sheet,
    format_duration,
    summarise,
    write_report,
)
from liquid_pilot.interfaces import ImageBuffer, LiquidPilotError
from liquid_pilot.simulation.base.mission import MissionResult
from liquid_pilot.simulation.forest.layout import generate_forest


def result(seed, outcome='success', reason='', path=True):
    layout = generate_forest(seed)
    ends = np.linspace((0.0, *layout.start_enu_m), (9.0, *layout.target_enu_m[:2], 1.5), 40)
    return MissionResult(
        seed,
        outcome,
        reason,
        9.0,
        11.5,
        1.0 if path else math.nan,
        layout,
        [tuple(row) for row in ends] if path else [],
    )


def shots(seed, outcome='success', frames=9, colour=(10, 200, 30)):
    pixels = np.tile(np.uint8(colour), (72, 128, 1)).tobytes()
    return CameraFrames(
        seed, outcome, [(0.5 * k, ImageBuffer(pixels, 128, 72, 384, 'rgb8')) for k in range(frames)]
    )


def test_the_report_holds_missions_summary_and_run(tmp_path):
    results = [
        result(1),
        result(2, 'crash', 'hit tree_1'),
        result(3, 'timeout', '40 s were up'),
        result(4, 'aborted', INTERRUPTED, path=False),
    ]
    files = write_report(tmp_path / 'run', results, {'pilot': 'x', 'path': tmp_path}, [shots(1)])
    assert [file.name for file in files] == ['report.json', 'paths.npz', 'paths.png', 'camera.png']
    assert sorted(file.name for file in (tmp_path / 'run').iterdir()) == sorted(
        file.name for file in files
    )
    content = json.loads(files[0].read_text())
    assert [mission['outcome'] for mission in content['missions']] == [
        'success',
        'crash',
        'timeout',
        'aborted',
    ]
    assert content['missions'][0] == {
        'seed': 1,
        'outcome': 'success',
        'reason': '',
        'duration_s': 9.0,
        'distance_flown_m': 11.5,
        'target_distance_m': 1.0,
    }
    assert content['missions'][3]['target_distance_m'] is None
    assert content['summary']['trials'] == 3
    assert content['summary']['success_rate'] == 0.3333
    assert content['run']['pilot'] == 'x'
    paths = np.load(files[1])
    assert np.array_equal(paths['seed_1'], np.array(results[0].path))
    assert paths['seed_4'].shape == (0, 4)
    for file in files[2:]:
        assert cv2.imread(str(file)) is not None


def test_what_was_aborted_is_no_trial_whatever_the_reason():
    counted = summarise([result(1), result(2, 'aborted', 'no command answered a frame')])
    assert (counted['trials'], counted['successes'], counted['aborted']) == (1, 1, 1)
    counted = summarise([result(1), result(2, 'aborted', INTERRUPTED)])
    assert (counted['trials'], counted['success_rate']) == (1, 1.0)
    assert summarise([])['success_rate'] is None


def test_without_pictures_there_is_json_only(tmp_path):
    files = write_report(tmp_path, [result(1)], {}, [shots(1)], pictures=False)
    assert [file.name for file in files] == ['report.json']
    files = write_report(tmp_path, [result(1), result(2)], {}, pictures=False)
    assert len(json.loads(files[0].read_text())['missions']) == 2


def test_a_folder_that_cannot_be_written_is_said_in_one_line(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(LiquidPilotError, match='cannot be written into'):
        write_report(tmp_path / 'file' / 'run', [result(1)], {})


def test_the_contact_sheet_has_a_row_a_mission_and_evenly_spread_frames():
    sheet = contact_sheet([shots(1), shots(2, 'crash', frames=2), CameraFrames(3, 'aborted', [])])
    seen = (sheet == (10, 200, 30)).all(axis=2)
    # Six frames of the first mission, and the first and the last of the second.
    assert seen.sum() == 8 * 256 * 144
    rows, columns = np.nonzero(seen)
    top, left, right = rows.min(), columns.min(), columns.max()
    below = top + 144 + 5 + 19
    assert seen[below, left] and seen[below, right] and not seen[below, (left + right) // 2]
    # Titles, heads and the times of the frames are above; seeds and outcomes are on the left.
    first_time = sheet[top - 19 : top, left : left + 60]
    assert (first_time < 128).any()
    assert (sheet[: top - 24] < 128).any() and (sheet[top:, : left - 5] < 128).any()
    many = contact_sheet([shots(seed) for seed in range(30)])
    assert len(many) - len(contact_sheet([shots(0)])) == 11 * (144 + 5 + 19)


def test_paths_of_any_outcome_are_drawn(tmp_path):
    results = [result(1), result(2, 'timeout'), result(3, 'aborted', 'x')]
    picture = cv2.imread(str(write_report(tmp_path, results, {})[2]))
    assert picture.std() > 5


def test_durations_for_people():
    assert format_duration(12.34) == '12.3 s'
    assert format_duration(245.0) == '4 min 05 s'
    assert format_duration(math.nan) == '-'
