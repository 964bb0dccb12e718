"""Settings of adaptation as text: what a text stands for, and what is refused."""

import dataclasses

import pytest

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.onboard.adaptation.frontend_settings import FrontendSettings
from liquid_pilot.onboard.adaptation.learner import LearnerSettings
from liquid_pilot.onboard.adaptation.novelty_gate import NoveltyGateSettings
from liquid_pilot.onboard.adaptation.settings import AdaptationSettings, parse_mode
from liquid_pilot.utils.settings import declared_settings


def test_no_text_is_no_adaptation_and_the_word_alone_the_defaults():
    assert parse_mode('') is None
    assert parse_mode('adapt') == AdaptationSettings()


def test_each_part_gets_the_settings_that_it_declares():
    settings = parse_mode(
        'adapt:photometric=false,max_rejection_s=1,filter_learning_rate=2,'
        'friction_speed_governor=false,rule=temporal_filter'
    )
    assert settings == AdaptationSettings(
        FrontendSettings(photometric=False, gate=NoveltyGateSettings(max_rejection_s=1.0)),
        LearnerSettings(filter_learning_rate=2.0),
        friction_speed_governor=False,
    )


def test_every_field_is_declared_once_and_nowhere_else():
    owners = (FrontendSettings, NoveltyGateSettings, LearnerSettings, AdaptationSettings)
    names = [name for owner in owners for name in declared_settings(owner)]
    assert len(names) == len(set(names))
    fields = {field.name for owner in owners for field in dataclasses.fields(owner)}
    assert fields - set(names) == {'frontend', 'learner', 'gate'}


@pytest.mark.parametrize(
    ('mode', 'words'),
    [
        ('adopt', "write 'adapt'"),
        ('adapt:', "write 'adapt'"),
        ('adapt:photometric', 'not a new NAME=VALUE'),
        ('adapt:photometric=true,photometric=false', 'not a new NAME=VALUE'),
        ('adapt:speed=1', r'no setting speed; there is: baseline_.*photometric'),
        ('adapt:gate=1', 'no setting gate'),
        ('adapt:photometric=2', r"'adapt:photometric=2': photometric must be true or false"),
        ('adapt:max_rejection_s=nan', r'max_rejection_s must lie in \[0, 60\] s'),
        ('adapt:core_time_scale_on_novelty=0.5', r'must lie in \[1, 100\]'),
        ('adapt:rule=nonsense', "unknown learner 'nonsense'; known: temporal_filter"),
    ],
)
def test_a_text_that_stands_for_nothing_is_refused(mode, words):
    with pytest.raises(LiquidPilotError, match=words):
        parse_mode(mode)
