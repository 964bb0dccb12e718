"""The page of a run: what it says equals the run, and nothing in it is foreign markup or remote."""

import json
from html.parser import HTMLParser

import numpy as np
import pytest
from made_runs import make_run, pilot, record, result

from liquid_pilot.evaluation.flight_report import page
from liquid_pilot.evaluation.flight_report.flight_record import FOLDER
from liquid_pilot.evaluation.flight_report.page import MAX_BYTES, REPORT, write_flight_report
from liquid_pilot.evaluation.flight_report.run_folder import read_run
from liquid_pilot.evaluation.metrics import FlightMetrics
from liquid_pilot.evaluation.results_store import ResultsStore, RunKey
from liquid_pilot.interfaces import LiquidPilotError

VOID = {'meta', 'img', 'br', 'path', 'circle', 'rect'}
HOSTILE = '</td><script>alert(1)</script><b onclick="x()">&amp;\x1b[31m'


class Page(HTMLParser):
    """The elements of a page, its tables and its texts; every element must be closed."""

    def __init__(self, path):
        super().__init__()
        self.open, self.tags, self.attributes, self.tables, self.words = [], [], [], [], []
        self.source = path.read_text()
        self.feed(self.source)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes.append((tag, dict(attributes)))
        if tag == 'table':
            self.tables.append([])
        elif tag == 'tr':
            self.tables[-1].append([])
        elif tag in ('td', 'th'):
            self.tables[-1][-1].append('')
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, (tag, self.getpos())

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes.append((tag, dict(attributes)))

    def handle_data(self, data):
        if self.open and self.open[-1] not in ('style', 'script'):
            self.words.append(data)
        if self.open[-2:-1] and ('td' in self.open or 'th' in self.open):
            self.tables[-1][-1][-1] += data

    @property
    def text(self):
        return ' '.join(self.words)


def check_is_self_contained(found):
    """Nothing is loaded: no address, no file, no import in the style."""
    for tag, attributes in found.attributes:
        for name in ('src', 'href', 'xlink:href', 'srcset', 'data', 'action', 'poster'):
            assert attributes.get(name, 'data:').startswith(('data:', '#')), (tag, attributes)
        assert not [name for name in attributes if name.startswith('on')], (tag, attributes)
        assert 'url(' not in attributes.get('style', '')
    assert 'link' not in found.tags
    assert 'iframe' not in found.tags
    assert 'http:' not in found.source
    assert 'https:' not in found.source
    assert '@import' not in found.source


@pytest.fixture(scope='module')
def flown(tmp_path_factory):
    """A run of two missions in snow, and its page."""
    folder = tmp_path_factory.mktemp('run')
    digest = pilot().digest
    results = [result(4), result(5, 'crash', 'hit tree_3')]
    report = make_run(folder, results, [record(4, digest), record(5, digest)], digest=digest)
    path = write_flight_report(folder)
    assert path == folder / REPORT
    return folder, report, Page(path)


def test_the_page_is_valid_and_loads_nothing(flown):
    _, _, found = flown
    check_is_self_contained(found)
    assert found.source.startswith('<!doctype html>')
    assert len(found.source.encode()) < MAX_BYTES
    for tag, attributes in found.attributes:
        if tag == 'img':
            assert attributes['alt']
    images = [one for tag, one in found.attributes if tag == 'svg' and one.get('role') == 'img']
    assert images
    assert all(one['aria-label'] for one in images)


def test_every_number_of_the_table_is_that_of_the_report(flown):
    _, report, found = flown
    head, *rows = found.tables[0]
    assert head[0] == 'seed'
    assert len(rows) == len(report['missions'])
    for row, mission in zip(rows, report['missions'], strict=True):
        assert int(row[0]) == mission['seed']
        assert row[1] == mission['outcome']
        assert float(row[2]) == mission['duration_s']
        assert float(row[3]) == mission['distance_flown_m']
        assert float(row[4]) == mission['target_distance_m']
        assert row[5] == mission['reason']


def test_the_page_tells_the_story(flown):
    _, report, found = flown
    text = found.text
    low, high = report['summary']['wilson_95']
    assert '1 of 2 succeeded' in text
    assert f'95 % interval {100 * low:.0f} to {100 * high:.0f} %' in text
    assert report['run']['command'] in text
    assert 'snow of severity 4 of 5' in text
    assert 'from 1.00 s on' in text
    assert 'the first frame unlike training came at 1.00 s' in text
    assert 'rejected 4 of 40 frames' in text
    assert 'to 4.0 times what was trained, from 12.5 to 50.0 ms, from the start' in text
    assert 'it averages the pictures over a longer time' in text
    assert 'most at 0.15 s, where it ' in text
    assert ' by 0.50 m/s: a command may change only so fast' in text
    assert 'at 1.00 s safe (no good command)' in text
    assert f'at {report["missions"][0]["duration_s"]:.2f} s it succeeded' in text
    assert '0.40 m from the vehicle' in text
    assert 'The pilot' in text
    assert pilot().digest in text
    assert 'arrival: within 1.5 m of the target' in text
    assert 'tree crown, overhead' in text
    assert 'start, and its heading there' in text
    # What drove a turn: parts that add up to it, and paths through the neurons.
    assert 'this picture' in text
    assert 'strongest paths to the ' in text
    # Of a rejected frame it says so, and lays nothing over it.
    assert 'rejected as novel' in text


def test_text_of_others_is_no_markup(tmp_path):
    digest = pilot().digest
    hostile = record(4, digest)
    hostile.events.append(hostile.events[0]._replace(state='safe', reason=HOSTILE))
    hostile.source = HOSTILE
    make_run(
        tmp_path,
        [result(4, 'crash', HOSTILE)],
        [hostile],
        command=HOSTILE,
        vehicle=HOSTILE,
        rmw=HOSTILE,
        mode=HOSTILE,
        adapter=HOSTILE,
        started=HOSTILE,
        condition=HOSTILE,
    )
    found = Page(write_flight_report(tmp_path))
    check_is_self_contained(found)
    assert found.tags.count('script') == 1
    assert '\x1b' not in found.source
    assert found.tables[0][1][5].startswith('</td><script>alert(1)')


@pytest.mark.parametrize('adapts', [True, False])
def test_a_pilot_that_flies_as_trained_has_a_page_too(tmp_path, adapts):
    digest = pilot().digest
    make_run(tmp_path, [result(4)], [record(4, digest, adapts=adapts)], condition='clear')
    text = Page(write_flight_report(tmp_path)).text
    assert 'clear: nothing was changed' in text
    assert ('flew as trained, without adaptation' in text) is not adapts
    assert ('Time constants of the temporal filter' in text) is adapts


def test_a_run_of_an_older_version_gives_a_page_that_says_what_is_missing(tmp_path):
    make_run(tmp_path, [result(4), result(5)])
    found = Page(write_flight_report(tmp_path))
    assert '--record' in found.text
    assert 'All paths' in found.text
    # What adapted is in a file of its own since long.
    rows = np.ones((9, 3))
    log = {'time_s': np.arange(9.0), 'novel': np.arange(9) == 3, 'gain': rows[:, 0]}
    log |= {'trust': rows[:, 0], 'receptor_tau_s': 0.05 * rows, 'core_tau_s': rows}
    np.savez(tmp_path / 'adaptation.npz', **{f'seed_4/{name}': log[name] for name in log})
    found = Page(write_flight_report(tmp_path))
    assert 'rejected 1 of 9 frames' in found.text
    assert 'Time constants of the temporal filter' in found.text
    assert '--record' in found.text
    (tmp_path / 'paths.npz').unlink()
    assert len(Page(write_flight_report(tmp_path)).tables[0]) == 3


@pytest.mark.parametrize('kind', ['aborted', 'empty', 'no run entry', 'unknown'])
def test_what_did_not_go_well_gives_a_page(tmp_path, kind):
    if kind == 'aborted':
        make_run(tmp_path, [result(4, 'aborted', 'interrupted by the user', points=0)])
    elif kind == 'empty':
        make_run(tmp_path, [])
    elif kind == 'no run entry':
        (tmp_path / 'report.json').write_text(json.dumps({'missions': [{'seed': 'x'}]}))
    else:
        make_run(tmp_path, [result(4)], pilot='gone', condition='frogs:3', vehicle='submarine')
    found = Page(write_flight_report(tmp_path))
    check_is_self_contained(found)
    assert 'None' not in found.text
    assert 'nan' not in found.text.lower().replace('nanosec', '')


def test_broken_files_cost_their_part_of_the_page_only(tmp_path):
    digest = pilot().digest
    make_run(tmp_path, [result(4), result(5)], [record(4, digest), record(5, digest)])
    (tmp_path / FOLDER / 'seed_4.npz').write_bytes(b'nothing')
    (tmp_path / FOLDER / 'seed_5.npz').rename(tmp_path / FOLDER / 'seed_6.npz')
    (tmp_path / 'paths.npz').write_bytes(b'PK\x03\x04')
    text = Page(write_flight_report(tmp_path)).text
    assert 'seed_4.npz is not the record of a mission' in text
    assert 'paths.npz cannot be read' in text


def test_another_pilot_file_is_not_taken_for_the_one_that_flew(tmp_path):
    make_run(tmp_path, [result(4)], [record(4, 'f' * 64)])
    text = Page(write_flight_report(tmp_path)).text
    assert 'flown by another pilot file' in text
    assert 'strongest paths' not in text
    make_run(tmp_path, [result(4)], [record(4, 'f' * 64)], digest='f' * 64)
    assert 'is not the file that flew' in Page(write_flight_report(tmp_path)).text


def test_no_run_is_refused(tmp_path):
    with pytest.raises(LiquidPilotError, match='holds no run'):
        write_flight_report(tmp_path)


def test_a_page_that_is_stopped_has_what_was_ready(tmp_path):
    digest = pilot().digest
    seeds = (4, 5, 6, 7)
    make_run(tmp_path, [result(s) for s in seeds], [record(s, digest) for s in seeds])
    seen = []

    def enough(done, missions):
        seen.append((done, missions))
        return done == 1

    text = Page(write_flight_report(tmp_path, enough)).text
    assert seen == [(0, 4), (1, 4)]
    assert '1 of 4 missions are shown in detail' in text


@pytest.mark.parametrize('missions', [8, pytest.param(100, marks=pytest.mark.slow)])
def test_a_page_of_many_missions_stays_below_its_bound(tmp_path, monkeypatch, missions):
    results = [result(s, 'crash' if s % 3 == 0 else 'success', 'x', 30) for s in range(missions)]
    digest = pilot().digest
    records = [record(s, digest) for s in (0, 1, 3)]
    report = make_run(tmp_path, results, records)
    # One in detail is 63 kB.
    bound = 210_000 + 40_000 + 3_200 * missions
    monkeypatch.setattr(page, 'MAX_BYTES', bound)
    path = write_flight_report(tmp_path)
    found = Page(path)
    assert path.stat().st_size < bound
    assert len(found.tables[0]) == 1 + len(report['missions'])
    # Those that failed come first.
    details = [one['id'] for tag, one in found.attributes if tag == 'details' and 'id' in one]
    assert details == ['seed-0', 'seed-3', 'seed-1'][: len(details)]
    assert len(details) in (1, 2)
    assert f'{len(details)} of {missions} missions are shown in detail' in found.text


def test_an_evaluation_of_several_pilots_lists_the_missions_of_each(tmp_path):
    names = {'one': 'a' * 64, HOSTILE: 'b' * 64}
    cells, figures = [], ('time_to_target_s', 'clearance_median_m')
    with ResultsStore(tmp_path) as store:
        for name, digest in names.items():
            for seed in range(4):
                outcome = 'crash' if seed == 2 else 'success'
                flight = FlightMetrics(outcome, HOSTILE, 7.25 + seed, 9.5, 1.5, None, 0.5, 1.0, 1.0)
                store.add(RunKey('1-x', digest, 'snow:4', 'cmd_vel', seed), flight)
            counts = {'flown': 4, 'successes': 3, 'crashes': 1, 'timeouts': 0}
            cells.append(
                {'pilot': name, 'condition': 'snow:4', 'success_rate': 0.75, **counts}
                | {'wilson_95': [0.3, 0.95], **dict.fromkeys(figures, None)}
            )
    content = {'pilots': names, 'modes': dict.fromkeys(names, ''), 'conditions': ['snow:4']}
    (tmp_path / 'results.json').write_text(
        json.dumps({**content, 'cells': cells, 'seeds': '0-3', 'adapter': 'cmd_vel'})
    )
    found = Page(write_flight_report(tmp_path, meta={'command': 'liquid-pilot evaluate'}))
    check_is_self_contained(found)
    outcomes, *missions = found.tables
    assert [row[:5] for row in outcomes[1:]] == [
        ['snow:4', name.replace('\x1b', '\\x1b'), '4', '3', '75.0'] for name in names
    ]
    assert [[row[0] for row in table[1:]] for table in missions] == [['2', '0', '1', '3']] * 2
    assert missions[0][1][:4] == ['2', 'crash', '9.25', '9.50']
    assert 'liquid-pilot evaluate' in found.text


def test_a_fault_of_the_page_is_a_message(tmp_path, monkeypatch):
    make_run(tmp_path, [result(4)])
    monkeypatch.setattr(page, 'header', lambda *_: 1 / 0)
    with pytest.raises(LiquidPilotError, match=r'report.html cannot be made \(ZeroDivisionError'):
        write_flight_report(tmp_path)


def test_meta_of_the_caller_is_shown(tmp_path):
    make_run(tmp_path, [result(4)])
    assert (
        'do it again' in Page(write_flight_report(tmp_path, meta={'command': 'do it again'})).text
    )
    assert np.isfinite(read_run(tmp_path).missions[0].duration_s)
