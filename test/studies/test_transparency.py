"""The transparency study: its scores and figures, its page with half of the results, and a run."""

import dataclasses
import json

import numpy as np
import pytest
from gru_pilots import gru_pilot  # noqa: F401
from small_pilots import pilot  # noqa: F401
from study_runs import run_script

from liquid_pilot.explanation import ablation
from liquid_pilot.explanation.core_paths import CorePaths, CoreTick
from liquid_pilot.explanation.flights.closed_loop import AblatedFlights
from liquid_pilot.explanation.other_cores import DifferencedCore
from liquid_pilot.explanation.pixels import PixelExplainer
from studies import common
from studies.transparency import neurons, page, report
from studies.transparency.flights import replay
from studies.transparency.maps import (
    CachedExplainer,
    FrameScorer,
    centre_map,
    held_weights,
)
from studies.transparency.study import HERE, Study

SCRIPT = 'studies/transparency/run.py'


def study_of(folder, **changes):
    """Return the study of the plan, with its records in a folder."""
    files = common.read_plan(HERE, runs=folder)
    return Study(dataclasses.replace(files, plan={**files.plan, **changes}))


def small_study(folder):
    """Return the study with one method and few resamples."""
    maps = {**common.read_plan(HERE).plan['maps'], 'methods': ['occlusion']}
    return study_of(folder, maps=maps, intervals={'resamples': 200})


def ticks_of(inputs, count=12):
    rng = np.random.default_rng(1)
    return [CoreTick(rng.normal(size=inputs).astype(np.float32), 0.05) for _ in range(count)]


def test_the_plan_deals_all_forests_to_the_training_seeds():
    study = study_of(None)
    plain, shipped = study.groups[:3], study.groups[3]
    assert [len(group.forests) for group in plain] == [34, 33, 33]
    dealt = [forest for group in plain for forest in group.forests]
    assert sorted(dealt) == list(study.forests)
    assert shipped.forests == list(study.forests)
    assert not set(study.forests) & set(study.tuning_forests)
    assert [len(study.kept_forests(group)) for group in study.groups] == [10, 10, 10, 20]
    # A forest is scored by one training seed and by the shipped pilot.
    assert {len(study.groups_of(forest)) for forest in study.forests} == {2}


def test_held_weights_are_the_sums_of_the_derivatives_by_age(pilot, gru_pilot):  # noqa: F811
    for some, derivatives in ((pilot, CorePaths(pilot)), (gru_pilot, DifferencedCore(gru_pilot))):
        ticks = ticks_of(some.specification.features + 6)
        flown = replay(some, ticks)
        exact = derivatives.sensitivity_by_age(flown.before[4], ticks[4:])[:, 3].sum(axis=0)[:-6]
        found = held_weights(some, flown.before[4], ticks[4:])
        assert np.allclose(found, exact, atol=1e-3 * np.abs(exact).max())
        assert np.array_equal(flown.before[1:], flown.after[:-1])


def test_scores_of_a_frame_know_a_good_map_from_a_random_one(pilot):  # noqa: F811
    rng = np.random.default_rng(0)
    picture = rng.random((1, 3, 36, 64)).astype(np.float32)
    masks = {'target': np.zeros((36, 64)), 'trunks': np.zeros((36, 64))}
    masks['target'][10:20, 20:30] = 1.0
    explainer = PixelExplainer(pilot)
    plan = {'centre_deviation': 0.25, 'curve_steps': 4, 'noise': {'deviation': 0.02, 'samples': 1}}
    trained = CachedExplainer(explainer)
    scorer = FrameScorer(plan, picture, masks, trained, explainer.randomised(3), 5)
    weights = rng.normal(size=8)
    found = scorer.scores(['gradient', 'occlusion'], weights)
    area = masks['target'].mean()
    assert found['random']['target share'] == pytest.approx(area, rel=0.2)
    assert found['occlusion']['target over area'] == pytest.approx(
        found['occlusion']['target share'] - area
    )
    # What is not in the picture has no score.
    assert not any(name.startswith('trunks') for name in found['gradient'])
    assert found['occlusion']['deletion gain'] == pytest.approx(
        found['random']['deletion'] - found['occlusion']['deletion']
    )
    assert found['gradient']['stability'] > found['gradient']['sanity ssim']
    # The cache changes nothing.
    assert np.array_equal(
        trained.explain(picture, 'occlusion', weights),
        explainer.explain(picture, 'occlusion', weights),
    )
    quick = FrameScorer(plan, picture, masks, trained, None, 5).scores(['gradient'], weights)
    assert 'stability' not in quick['gradient']
    assert quick['gradient'].items() <= found['gradient'].items()


def test_the_centre_map_is_even_around_the_middle():
    centre = centre_map(36, 64, 0.25)
    assert np.allclose(centre, centre[::-1]) and np.allclose(centre, centre[:, ::-1])
    assert centre.max() == centre[18, 32]


def records(study, share):
    """Write records of all maps; `share` returns the share on the target by arm and forest."""
    rng = np.random.default_rng(0)
    for forest in study.forests:
        rows = {}
        for kind in report.kinds(study):
            for method in ('random', *study.methods):
                on_target = share(kind.partition(',')[0], forest) + rng.normal(0, 0.01)
                rows[f'{kind}, {method}'] = {
                    'target share': on_target,
                    'target area': 0.02,
                    'target over area': on_target - 0.02,
                    'target over centre': on_target - 0.05,
                    'sanity rank': 0.9,
                    'sanity ssim': 0.1,
                    'stability': None,
                }
        study.write_record('maps', str(forest), {'forest': forest, 'maps': rows})


def test_claims_are_of_whole_intervals_and_differences_are_paired(tmp_path):
    study = small_study(tmp_path)
    records(study, lambda arm, forest: 0.1 + 0.02 * (forest % 5) + 0.03 * (arm == 'gru'))
    content = report.summarise(study)
    row = 'ltc_ncp, yaw, occlusion'
    mean, low, high = report.named(content['maps'][row])['target share']
    assert 0.1 < low < mean < high < 0.2
    assert content['claims'][row] == ['target']
    assert report.claims(report.named(content['maps'][row])) == {
        'target': True,
        'trunks': None,
        'faithful': None,
        'sane': False,
        'stable': None,
    }
    tests = {test['other']: test for test in content['cores']}
    assert {test['score'] for test in tests.values()} == {'target share'}
    assert tests['gru']['difference'][0] == pytest.approx(0.03, abs=0.005)
    assert tests['gru']['p_holm'] < 0.05 < tests['cfc']['p_holm']
    text = page.markdown(study, content)
    assert '| occlusion | **14.' in text
    assert 'still missing are 100 flights of the expert' in ' '.join(text.split())
    assert page.pictures(content).keys() == {page.PICTURE}


def test_a_training_seed_that_differs_widens_the_interval(tmp_path):
    study = small_study(tmp_path)
    first = set(study.groups[0].forests)
    records(study, lambda arm, forest: 0.3 if forest in first else 0.1)
    maps = report.summarise(study)['maps']
    nested, plain = (
        np.ptp(report.named(maps[f'{arm}, yaw, occlusion'])['target share'][1:])
        for arm in ('ltc_ncp', 'forest-ltc')
    )
    assert nested > 3.0 * plain


def test_the_bisection_stops_early_and_goes_on_where_it_was(tmp_path, monkeypatch):
    flown = []

    def fly(pilot, simulation, changed, seeds, conditions):  # noqa: F811
        kept = 34 if changed is None else int(changed.name.split()[-1])
        flown.append(kept)
        # One forest is lost by the whole pilot too, and does not count.
        won = kept >= 7 and seeds[0] != 8300001
        return AblatedFlights('', {seeds[0]: 'success' if won else 'crash'})

    monkeypatch.setattr(neurons, 'fly_ablated', fly)
    monkeypatch.setattr(neurons, '_order', lambda study, group, some: ablation.units(some))
    monkeypatch.setattr(neurons, '_tuning_flights', lambda study, group, some: [])
    monkeypatch.setattr(neurons, 'clamp', lambda *given: ablation.Ablation(given[-1], None))
    study = study_of(tmp_path)
    neurons.keep_missing(study, Silent(), 'forest-ltc')
    record = study.record('kept', 'forest-ltc')
    assert record['needed'] == 7
    # 19 wins may lose none, so the first loss ends a number.
    assert {int(kept): len(outcomes) for kept, outcomes in record['flown'].items()} == {
        34: 20,
        17: 19,
        8: 19,
        4: 1,
        6: 1,
        7: 19,
    }
    neurons.keep_missing(study, Silent(), 'forest-ltc')
    assert len(flown) == 79
    # A run that was stopped flies only what is missing.
    del record['flown']['7']
    study.write_record('kept', 'forest-ltc', {**record, 'needed': None})
    neurons.keep_missing(study, Silent(), 'forest-ltc')
    assert len(flown) == 79 + 19
    assert study.record('kept', 'forest-ltc')['needed'] == 7


class Silent:
    """A display of nothing."""

    def announce(self, *given):
        """Do nothing."""


def test_the_page_reads_with_nothing(tmp_path):
    study = study_of(tmp_path)
    content = report.summarise(study)
    assert content['missing'] == {'flights': 100, 'maps': 100, 'neurons': 23, 'kept': 19}
    text = page.markdown(study, content)
    assert '**Unfinished' in text and 'nan' not in text
    assert page.pictures(content) == {}


@pytest.mark.skipif(not (HERE / 'results.json').is_file(), reason='nothing is published yet')
def test_the_published_page_is_made_from_its_results():
    files = common.read_plan(HERE, publish=True)
    content = common.read_results(files)
    assert (HERE / 'README.md').read_text() == page.markdown(Study(files), content), (
        'write it again: python studies/transparency/run.py page --publish'
    )
    assert (HERE / 'results.json').read_bytes() == common.results_json(content)
    assert (HERE / page.PICTURE).stat().st_size > 1000


@pytest.mark.slow
def test_a_small_run_from_nothing_and_a_second_start_does_nothing_again(tmp_path):
    closing = run_script(SCRIPT, '--smoke', '--runs', tmp_path)
    work = tmp_path / 'transparency-smoke'
    assert set(closing['missing'].values()) == {0}
    text = (work / 'README.md').read_text()
    assert 'All of the plan is done.' in ' '.join(text.split())
    content = json.loads((work / 'results.json').read_text())
    assert content['scored_forests'] == 2
    assert 1 <= content['kept'][0]['pilots'][0]['needed'] <= 34
    stamps = {path: path.stat().st_mtime_ns for path in work.glob('*/*')}
    assert run_script(SCRIPT, '--smoke', '--runs', tmp_path) == closing
    assert {path: path.stat().st_mtime_ns for path in work.glob('*/*')} == stamps
