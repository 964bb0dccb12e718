"""When a flight shows its page, and when it opens it in a browser."""

import pytest

from liquid_pilot.nodes.launch import flight_graph, hardware_graph
from liquid_pilot.nodes.launch.flight_options import FlyOptions
from liquid_pilot.nodes.launch.hardware_options import HardwareOptions
from liquid_pilot.nodes.launch.process_runner import command_line

SCREEN = {'DISPLAY': ':0'}


def specs(present, **options):
    found = flight_graph.nodes(FlyOptions(out='/run', **options), present)
    return {spec.name: spec for spec in found}


@pytest.mark.parametrize('screen', [SCREEN, {'WAYLAND_DISPLAY': 'wayland-0'}])
def test_the_page_is_opened_where_there_is_a_screen_and_it_is_not_headless(screen):
    opened = specs(screen)['dashboard']
    assert opened.arguments == ('--open',) and command_line(opened)[4] == '--open'
    # It is looked at: it cannot end the run, nor does the run fail with it.
    assert not (opened.required or opened.matters or opened.ends_run or opened.restarts)
    assert 'dashboard' not in specs({}) and 'dashboard' not in specs({'DISPLAY': ''})
    assert 'dashboard' not in specs(screen, headless=True)
    assert specs(screen, headless=True, dashboard=True)['dashboard'].arguments == ()
    assert specs({}, dashboard=True)['dashboard'].arguments == ()
    assert specs(screen, dashboard=True)['dashboard'].arguments == ('--open',)


def test_the_first_mission_waits_for_the_page_only_where_there_can_be_one(monkeypatch):
    assert specs(SCREEN)['simulator'].parameters['page'] is True
    assert specs({}, headless=True, dashboard=True)['simulator'].parameters['page'] is True
    assert 'page' not in specs(SCREEN, headless=True)['simulator'].parameters
    monkeypatch.setattr(flight_graph, 'find_spec', lambda name: None)
    found = specs(SCREEN)
    assert 'page' not in found['simulator'].parameters and 'dashboard' in found


def test_a_page_that_a_person_has_closed_is_not_opened_again(monkeypatch):
    assert not specs(SCREEN, simulator='none')['dashboard'].restarts
    assert specs({}, simulator='none', dashboard=True)['dashboard'].restarts
    # Not even with a screen: a vehicle may have one.
    monkeypatch.setenv('DISPLAY', ':0')
    found = hardware_graph.nodes(HardwareOptions(out='/run', dashboard=True))
    (page,) = [spec for spec in found if spec.name == 'dashboard']
    assert page.restarts and not page.arguments
    assert all(spec.name != 'dashboard' for spec in hardware_graph.nodes(HardwareOptions(out='/r')))
