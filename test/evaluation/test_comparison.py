"""Comparison and tables from flights whose outcomes are known."""

import io
import json

import cv2
import pytest
from rich.console import Console

from liquid_pilot.evaluation import tables
from liquid_pilot.evaluation.comparison import compare, format_ranges
from liquid_pilot.evaluation.metrics import FlightMetrics, RolloutTiming
from liquid_pilot.evaluation.runner import Results, Throughput
from liquid_pilot.evaluation.statistics import wilson_interval

WORDS = {'s': 'success', 'c': 'crash', 't': 'timeout'}


def flight(letter, seconds=8.0):
    won = letter == 's'
    return FlightMetrics(WORDS[letter], '', seconds, 10.0, 1.4, 1.2 if won else None, 0.5, 1.0, 0.5)


def results(**outcomes):
    """`a_clear='sc.'`: pilot a in clear weather: success, crash, and one not flown."""
    pilots = {name.split('_')[0]: f'{name[0]}' * 64 for name in outcomes}
    outcomes = {name.replace('snow', 'snow:4'): letters for name, letters in outcomes.items()}
    conditions = list(dict.fromkeys(name.split('_')[1] for name in outcomes))
    seeds = list(range(max(map(len, outcomes.values()))))
    made = Results(
        pilots,
        dict.fromkeys(pilots, ''),
        conditions,
        seeds,
        'cmd_vel',
        'version',
        'quadrotor',
        {},
        Throughput(2),
    )
    for name, letters in outcomes.items():
        pilot, condition = name.split('_')
        for seed, letter in enumerate(letters):
            if letter != '.':
                made.flights[made.run_key(pilot, condition, seed)] = flight(letter)
    return made


def test_outcomes_are_counted_and_what_is_missing_is_said():
    (cell,) = compare(results(a_clear='sscst..'))['cells']
    assert (
        cell['flown'],
        cell['missing'],
        cell['successes'],
        cell['crashes'],
        cell['timeouts'],
    ) == (5, 2, 3, 1, 1)
    assert cell['wilson_95'] == pytest.approx(wilson_interval(3, 5), abs=1e-4)
    assert (cell['path_ratio'], cell['clearance_median_m']) == (1.2, 0.5)
    (nothing,) = compare(results(a_clear='...'))['cells']
    assert nothing['success_rate'] is None and nothing['time_to_target_s'] is None


def test_pairs_are_of_seeds_that_both_have_flown():
    made = compare(results(a_clear='sssssssss.', b_clear='cccccccs.s', a_snow='sc', b_snow='cs'))
    clear, snow = made['comparisons']
    assert (clear['pairs'], clear['only_first'], clear['only_other']) == (8, 7, 0)
    assert clear['p'] == pytest.approx(2 / 2**7)
    assert (snow['pairs'], snow['only_first'], snow['only_other']) == (2, 1, 1)
    assert clear['p_holm'] == pytest.approx(2 * clear['p']) and snow['p_holm'] == 1.0


def test_the_tables_say_it_and_the_files_are_whole(tmp_path):
    made = compare(results(a_clear='sssss', b_clear='scss.', c_clear='.....'))
    text = tables.markdown(made)
    assert '| clear | a | 5 | 100.0 % | 56.6 to 100.0 |' in text
    assert '| clear | b | 4 (1 missing) | 75.0 % | 30.1 to 95.4 |' in text
    assert '| clear | c | 0 (5 missing) | - | - |' in text
    assert '6 missions are missing' in text
    assert 'Against a, seed by seed' in text
    files = tables.write(tmp_path / 'new', made)
    assert [file.name for file in files] == ['results.json', 'report.md', 'success.png']
    assert sorted(file.name for file in (tmp_path / 'new').iterdir()) == sorted(
        file.name for file in files
    )
    assert json.loads(files[0].read_text()) == made
    assert cv2.imread(str(files[2])).std() > 5
    assert len(tables.table_rows(made)[0]) == len(tables.COLUMNS)


def test_the_table_on_the_terminal_fits_eighty_columns():
    made = compare(results(forest_clear='s' * 99 + 'c', other_clear='c' * 60 + 's' * 40))
    console = Console(width=80, file=io.StringIO())
    console.print(tables.terminal_table(made))
    text = console.file.getvalue()
    for words in ('99/100', '95-100', '40.0 %', '31-50', '< 0.0001'):
        assert words in text


def test_long_names_of_pilots_stand_below_the_table():
    long = 'forest-ltc+adapt:' + ','.join(f'setting_{k}=0.125' for k in range(9))
    made = compare(results(a_clear='s' * 99 + 'c', b_clear='c' * 60 + 's' * 40))
    text = json.dumps(made).replace('"b"', json.dumps(long))
    console = Console(width=80, file=io.StringIO())
    console.print(tables.terminal_table(json.loads(text), console.width))
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    (row,) = (line.split() for line in lines if '40/100' in line)
    assert row == ['clear', 'P2', '40/100', '40.0', '%', '31-50', '60', '0', row[8], '<', '0.0001']
    start = next(k for k, line in enumerate(lines) if line.startswith('P2 '))
    assert ''.join(line[2:].strip() for line in lines[start:]) == long
    assert [line.split() for line in lines if line.startswith('P1 ')] == [['P1', 'a']]


def test_seeds_as_people_write_them():
    assert format_ranges(range(100)) == '0-99'
    assert format_ranges([3, 9, 8, 7, 3]) == '3, 7-9'
    assert format_ranges([]) == ''


def test_throughput_is_measured_against_drawing_alone():
    speed = Throughput(2)
    assert speed.to_json() == {'ticks_per_s': 0.0, 'render_bound_per_s': 0.0, 'share': 0.0}
    speed.add(RolloutTiming(100, 10.0, 11.0, 0.8))
    speed.add(RolloutTiming(100, 10.0, 11.25, 0.8))
    # 200 ticks in 1.25 s; two workers that only draw make 200 in 0.8 s.
    assert speed.to_json() == {'ticks_per_s': 160.0, 'render_bound_per_s': 250.0, 'share': 0.64}
