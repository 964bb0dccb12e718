"""Which conditions there are where the vehicle is not simulated here."""

import pytest

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.simulation.base.condition import CONDITIONS, COURSE_FAMILIES, FAMILIES, parse
from liquid_pilot.simulation.base.condition_spec import ConditionSpec
from liquid_pilot.simulation.conditions.drawn import check_drawn, is_drawn

OF_THE_VEHICLE = {'wind', 'mass', 'motor', 'friction', 'patches', 'trim_left', 'trim_right'}


def test_all_but_those_of_the_vehicle_and_memory_courses():
    found = {family for family in FAMILIES if is_drawn(family)}
    assert found == set(FAMILIES) - OF_THE_VEHICLE - set(COURSE_FAMILIES)


def test_the_message_names_what_does_not_fit():
    check_drawn(parse('snow:4@3s+rate:2+target:1'))
    with pytest.raises(LiquidPilotError, match=r'condition wind, mass: the vehicle is elsewhere'):
        check_drawn(parse('snow:2+wind:2+mass:1'))


def test_a_wind_of_another_package_is_of_the_vehicle_too(monkeypatch):
    def spec(**effects):
        return ConditionSpec('one', 'm', (0.0, 9.0), (1.0, 2.0, 3.0, 4.0, 5.0), **effects)

    specs = {'gale': spec(wind=lambda *given: None), 'haze': spec(image=lambda *given: None)}
    monkeypatch.setattr(type(CONDITIONS), '__getitem__', lambda self, name: specs[name])
    assert (is_drawn('gale'), is_drawn('haze')) == (False, True)
