"""Settings: declared once, refused in words, shared between dataclasses, read from texts."""

from dataclasses import dataclass, field

import pytest

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils.settings import (
    check_all,
    declared_settings,
    extract,
    from_mapping,
    from_strings,
    setting,
    setting_from,
)


@dataclass(frozen=True)
class Wheel:
    radius_m: float = setting(0.1, 'radius of a wheel', 'm', low=0.01, high=1.0, live=True)
    spokes: int = setting(5, 'number of spokes', low=3, high=12)
    tyre: str = setting('dry', 'kind of tyre', choices=('dry', 'wet'))
    driven: bool = setting(True, 'whether the motor drives it')
    load_n: tuple[float, ...] = setting((1.0, 2.0), 'load', 'N', low=0.0)
    parts: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Car:
    radius_m: float = setting_from(Wheel, 'radius_m')
    spokes: int = setting_from(Wheel, 'spokes', default=7, description='spokes of each wheel')
    rate_hz: float = setting(10.0, 'rate', 'Hz', low=1.0)
    spare: bool = setting_from(Wheel, 'driven', live=True)


def test_a_declaration_has_all_there_is_to_say_and_other_fields_are_none():
    declared = declared_settings(Wheel)
    assert list(declared) == ['radius_m', 'spokes', 'tyre', 'driven', 'load_n']
    radius = declared['radius_m']
    assert (radius.kind, radius.is_list, radius.default, radius.unit) == (float, False, 0.1, 'm')
    assert (radius.low, radius.high, radius.live) == (0.01, 1.0, True)
    assert declared['load_n'].is_list and declared['load_n'].kind is float
    texts = [declared[name].range_text for name in ('radius_m', 'spokes', 'tyre', 'load_n')]
    assert texts == ['0.01 to 1', '3 to 12', '', 'at least 0']


def test_a_setting_is_taken_over_with_what_the_context_changes():
    wheel, car = declared_settings(Wheel), declared_settings(Car)
    assert car['radius_m'] == wheel['radius_m']
    assert car['spokes'] == wheel['spokes']._replace(default=7, description='spokes of each wheel')
    assert Car().spokes == 7 and Wheel().spokes == 5
    assert car['spare'].live and not wheel['driven'].live
    with pytest.raises(ValueError):
        setting_from(Wheel, 'diameter_m')


@pytest.mark.parametrize(
    ('values', 'words'),
    [
        ({'radius_m': 2.0}, r'parameter radius_m must lie in \[0\.01, 1\] m, not 2\.0'),
        ({'radius_m': float('nan')}, 'must lie in'),
        ({'radius_m': 'big'}, "must be a number, not 'big'"),
        ({'radius_m': True}, 'must be a number, not True'),
        ({'spokes': 2}, 'spokes must be at least 3, not 2'),
        ({'spokes': 13}, 'spokes must be at most 12, not 13'),
        ({'spokes': 4.0}, 'must be a whole number'),
        ({'tyre': 'ice'}, "tyre must be one of dry, wet, not 'ice'"),
        ({'driven': 1}, 'must be true or false'),
        ({'load_n': 1.0}, 'must be a list'),
        ({'load_n': [1.0, -1.0]}, r'must lie in \[0, inf\] N'),
        ({'parts': {}}, "unknown parameter 'parts'; there are: driven, load_n, radius_m"),
    ],
)
def test_a_wrong_value_is_refused_in_words(values, words):
    with pytest.raises(LiquidPilotError, match=words):
        from_mapping(Wheel, values)


def test_whole_numbers_do_for_real_ones_and_lists_for_tuples():
    made = from_mapping(Wheel, {'radius_m': 1, 'load_n': [3, 4.5]})
    assert made == Wheel(radius_m=1.0, load_n=(3.0, 4.5))
    assert type(made.radius_m) is float


def test_values_are_read_from_texts():
    texts = {'radius_m': '0.5', 'spokes': '9', 'tyre': 'wet', 'driven': 'off'}
    assert from_strings(Wheel, texts) == Wheel(0.5, 9, 'wet', False)
    for name, text, words in (
        ('spokes', 'nine', "spokes must be a whole number, not 'nine'"),
        ('driven', 'maybe', "driven must be true or false, not 'maybe'"),
        ('radius_m', '7', 'radius_m must lie in'),
    ):
        with pytest.raises(LiquidPilotError, match=words):
            from_strings(Wheel, {name: text})


def test_an_instance_is_checked_and_split():
    check_all(Car())
    with pytest.raises(LiquidPilotError, match=r'^rate_hz must lie in'):
        check_all(Car(rate_hz=0.5))

    @dataclass(frozen=True)
    class Rim:
        radius_m: float = setting_from(Wheel, 'radius_m')
        parts: tuple = ()

    assert extract(Rim, Car(radius_m=0.2), parts=('nut',)) == Rim(0.2, ('nut',))


@dataclass(frozen=True)
class Switches:
    on: bool = setting(True, 'a switch')
    clock: str = setting(
        'auto', 'a switch that may decide itself', choices=('auto', 'true', 'false')
    )
    word: str = setting('yes', 'a word', choices=('yes', 'no'))


@pytest.mark.parametrize('text', ['true', 'True', 'TRUE', '1', 'yes', 'On', ' true '])
def test_all_spellings_of_true_are_alike(text):
    switches = from_strings(Switches, {'on': text, 'clock': text})
    assert switches.on is True and switches.clock == 'true'


@pytest.mark.parametrize('text', ['false', 'False', '0', 'no', 'off'])
def test_all_spellings_of_false_are_alike(text):
    switches = from_strings(Switches, {'on': text, 'clock': text})
    assert switches.on is False and switches.clock == 'false'


@pytest.mark.parametrize('text', ['', 'maybe', '2', 'truee'])
def test_what_is_no_spelling_is_refused(text):
    with pytest.raises(LiquidPilotError, match="on must be true or false, not '"):
        from_strings(Switches, {'on': text})
    with pytest.raises(LiquidPilotError, match='clock must be one of auto, true, false, not'):
        from_strings(Switches, {'clock': text})


def test_words_that_are_no_switch_are_left_alone():
    assert from_strings(Switches, {'word': 'no', 'clock': 'auto'}).word == 'no'
