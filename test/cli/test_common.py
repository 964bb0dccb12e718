"""The parts that commands share: types of arguments, and settings as options."""

import argparse
from dataclasses import dataclass
from pathlib import Path

import pytest

from liquid_pilot.cli import common
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils.settings import setting


@dataclass(frozen=True)
class Settings:
    max_speed_m_s: float = setting(2.0, 'largest speed, 100 % of it', 'm/s', low=0.0, high=9.0)
    kind: str = setting('car', 'kind of vehicle', choices=('car', 'boat'))
    out: str = setting('', 'folder; empty: none')
    lights: bool = setting(True, 'whether the lights are on')


def parser_of(*names, **options):
    parser = argparse.ArgumentParser(prog='x')
    for name in names:
        common.add_setting(parser, Settings, name, **options)
    return parser


def test_a_setting_becomes_an_option_with_its_default_unit_and_choices():
    parser = parser_of('max_speed_m_s', 'kind', 'out', 'lights')
    defaults = vars(parser.parse_args([]))
    assert defaults == {'max_speed_m_s': 2.0, 'kind': 'car', 'out': '', 'lights': True}
    words = ['--max-speed-m-s', '3', '--kind', 'boat', '--out', 'o', '--no-lights']
    read = vars(parser.parse_args(words))
    assert read == {'max_speed_m_s': 3.0, 'kind': 'boat', 'out': 'o', 'lights': False}
    text = ' '.join(parser.format_help().split())
    for part in (
        '--max-speed-m-s S largest speed, 100 % of it (m/s; default: 2.0)',
        '--kind {car,boat} kind of vehicle (default: car)',
        '--out OUT folder; empty: none',
        '--lights, --no-lights whether the lights are on (default: on)',
    ):
        assert part in text
    assert text.count('default') == 3


def test_a_command_may_change_default_words_and_metavar():
    parser = parser_of('max_speed_m_s', default=4.0, description='speed', metavar='V')
    assert parser.parse_args([]).max_speed_m_s == 4.0
    assert '--max-speed-m-s V  speed (m/s; default: 4.0)' in parser.format_help()


@pytest.mark.parametrize(
    ('kind', 'text', 'words'),
    [
        (common.integer('--n', 1), '0', '--n must be at least 1, not 0'),
        (common.integer('--n', 1, 5), '6', '--n must be at most 5, not 6'),
        (common.integer('--n', 1), '1.5', "--n must be a whole number, not '1.5'"),
        (common.number('--x', 0.0, 10.0), 'nan', '--x must lie in [0, 10], not nan'),
        (common.number('--x', 0.0), 'much', "--x must be a number, not 'much'"),
        (common.image_size('--s', 8, 99), '128x72', '--s 128x72: expected WxH of 8 to 99 pixels'),
        (common.image_size('--s', 8, 99), '8x7', '--s 8x7: expected'),
        (common.image_size('--s', 8, 99), '8', '--s 8: expected'),
        (common.image_size('--s', 8, 99), '-8x8', '--s -8x8: expected'),
    ],
)
def test_what_an_argument_cannot_be_is_said_with_its_name(kind, text, words):
    with pytest.raises(LiquidPilotError) as refused:
        kind(text)
    assert str(refused.value).startswith(words)


def test_arguments_are_read():
    assert common.integer('--n', 1)('7') == 7
    assert common.number('--x', 0.0)('0.5') == 0.5
    assert common.image_size('--s', 8, 4096)('128X72') == (128, 72)


def test_a_path_is_read_and_must_not_be_empty(monkeypatch):
    monkeypatch.setenv('HOME', '/home/me')
    assert common.path('--out')('~/runs') == Path('/home/me/runs')
    assert common.path('--out')('.') == Path('.')
    for text in ('', ' '):
        with pytest.raises(LiquidPilotError, match='--out is empty; name a path'):
            common.path('--out')(text)


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('max_speed_m_s must be small', '--max-speed-m-s must be small'),
        (
            'set lights:=false, or kind:=boat; leave out:= out',
            'set --no-lights, or --kind boat; leave',
        ),
        ('the kind is out', 'the kind is out'),
        ('colour:=red is unknown', 'colour:=red is unknown'),
    ],
)
def test_a_message_about_launch_arguments_is_spelled_as_options(text, expected):
    assert common.spell_options(text, Settings).startswith(expected)


def test_without_ros_it_says_what_to_do(monkeypatch):
    common.require_ros()
    monkeypatch.setattr(common, 'find_spec', lambda name: None)
    with pytest.raises(LiquidPilotError, match='rclpy is not installed; source ROS 2'):
        common.require_ros()


@pytest.mark.parametrize(
    ('words', 'lights'),
    [
        ([], True),
        (['--lights'], True),
        (['--no-lights'], False),
        (['--lights', 'False'], False),
        (['--lights=False'], False),
        (['--lights', 'no'], False),
        (['--lights', '1'], True),
        (['--lights=YES'], True),
        (['--no-lights', '--lights=0'], False),
        (['--lights', '--no-lights'], False),
    ],
)
def test_switches_are_spelled_in_all_ways_of_launch(words, lights):
    parser = parser_of('kind', 'lights')
    spelled = common.spell_switches(parser._actions, words)
    assert parser.parse_args(spelled).lights is lights


def test_a_word_after_a_switch_that_is_no_truth_value_is_an_argument_of_its_own():
    parser = parser_of('kind', 'lights')
    words = ['--lights', 'maybe', '--kind=yes', '--lights=maybe']
    assert common.spell_switches(parser._actions, words) == words
