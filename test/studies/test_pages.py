"""The published pages: each is made from the results of its study alone."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from liquid_pilot.interfaces import LiquidPilotError
from studies import adaptation, common, cores, driving, no_harm, robustness
from studies.adaptation import page as adaptation_page
from studies.adaptation.study import Study as AdaptationStudy
from studies.cores import page as cores_page
from studies.cores.study import Study as CoresStudy
from studies.driving import page as driving_page
from studies.driving.study import Study as DrivingStudy
from studies.no_harm import page as no_harm_page
from studies.no_harm.study import WEATHER
from studies.no_harm.study import Study as NoHarmStudy
from studies.robustness import page as robustness_page
from studies.robustness.study import Study as RobustnessStudy

STUDIES = {
    'adaptation': (adaptation, AdaptationStudy, adaptation_page),
    'cores': (cores, CoresStudy, cores_page),
    'driving': (driving, DrivingStudy, driving_page),
    'no_harm': (no_harm, NoHarmStudy, no_harm_page),
    'robustness': (robustness, RobustnessStudy, robustness_page),
}

COMMITS = {'cores': '77a9f30', 'no_harm': 'a4341ce'}
"""The commit that holds the missions of a study, where it is another one."""


@pytest.fixture(autouse=True)
def weather(monkeypatch):
    # The page of one study tells what its own families of conditions are.
    monkeypatch.syspath_prepend(str(WEATHER))


def published(name):
    """Return the files, the study, its results, and the page and pictures made from them."""
    package, study_class, page = STUDIES[name]
    files = common.read_plan(Path(package.__file__).parent, publish=True)
    study, content = study_class(files), common.read_results(files)
    arguments = (study, content) if name in ('cores', 'robustness') else (content,)
    return files, content, page.markdown(study, content), page.pictures(*arguments)


@pytest.mark.parametrize('name', STUDIES)
def test_the_page_is_made_from_the_results(name):
    files, content, text, pictures = published(name)
    assert (files.out / 'README.md').read_text() == text, (
        f'write it again: python studies/{name}/run.py page --publish'
    )
    assert (files.out / 'results.json').read_bytes() == common.results_json(content)
    for picture, data in pictures.items():
        assert f']({picture})' in text
        shown, drawn = (
            cv2.imdecode(np.frombuffer(each, np.uint8), cv2.IMREAD_COLOR)
            for each in ((files.out / picture).read_bytes(), data)
        )
        # Another version of matplotlib may move a letter.
        assert shown.shape == drawn.shape
        assert np.abs(shown.astype(int) - drawn).mean() < 8.0


@pytest.mark.parametrize('name', STUDIES)
def test_a_page_names_the_commit_of_its_missions_and_pilots(name):
    _, content, text, _ = published(name)
    raw = content['raw_data']
    assert raw['commit'] == COMMITS.get(name, '1f94df6')
    words = f'git worktree add ../liquid_pilot-{raw["commit"]}'
    assert words in text and raw['command'] in text
    # The shipped pilot is in no folder of the study.
    assert ('git archive' in text) == (name != 'no_harm')
    assert all(f'`{folder}`' in text for folder in raw['folders'])


def test_other_results_make_another_page():
    files, content, text, _ = published('robustness')
    cell = content['cells'][0]
    cell['successes'] -= 10
    study = RobustnessStudy(files)
    assert robustness_page.markdown(study, content) != text
    cell['missing'] = 10
    assert 'Unfinished: 10 of' in robustness_page.markdown(study, content)


def test_unfinished_results_do_not_replace_the_published_ones(tmp_path):
    files = common.read_plan(Path(robustness.__file__).parent, publish=True)
    before = (files.out / 'results.json').read_bytes()
    with pytest.raises(LiquidPilotError, match='3 missions are missing'):
        common.write_results(files, {}, 3)
    assert (files.out / 'results.json').read_bytes() == before
    unpublished = common.read_plan(files.folder, runs=tmp_path)
    assert unpublished.out == tmp_path / 'robustness'
    common.write_results(unpublished, {'cells': []}, 3)
    assert common.read_results(unpublished) == {'cells': []}
    with pytest.raises(LiquidPilotError, match='does not exist'):
        common.read_results(common.read_plan(files.folder, True, tmp_path))


def test_results_files_are_short_and_say_what_they_are_given():
    content = {'a': [1, 2.5, None], 'b': {'c': ['x' * 200, 'y' * 300]}, 'd': True}
    text = common.results_json(content).decode()
    assert json.loads(text) == content
    assert text.splitlines()[1] == ' "a": [1, 2.5, null],'
