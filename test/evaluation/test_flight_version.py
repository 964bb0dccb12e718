"""The flight version: it follows declared values only, and golden flights watch what it covers."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import golden_flights
import pytest

import liquid_pilot
from liquid_pilot import pilot_file
from liquid_pilot.evaluation import flight_version as module
from liquid_pilot.evaluation.flight_version import COVERED_SOURCES, FLIGHT_VERSION, flight_version
from liquid_pilot.simulation.base.condition import parse
from liquid_pilot.simulation.base.settings import SimulationSettings
from liquid_pilot.simulation.base.task import MissionRules

PACKAGE = Path(liquid_pilot.__file__).parent
TOLERANCE_M = 2e-3
"""Floating-point arithmetic differs between processors: without fused multiply-add and AVX, paths
differ by up to 0.5 mm after 3 s."""
DEFAULT_VERSION = '2-9eba8b8c0b48'
"""Version of the default rules and settings, as missions of users are stored by it."""
GOLDEN = json.loads(golden_flights.GOLDEN_FILE.read_text())


def largest_difference_m(path, recorded):
    """Return the largest difference of a coordinate at the same tick."""
    return max(
        abs(a - b)
        for row, other in zip(path, recorded, strict=True)
        for a, b in zip(row[1:], other[1:], strict=True)
    )


def instruction(name, what):
    """Return what a failed comparison says."""
    return (
        f'the golden flight {name!r} {what}, and FLIGHT_VERSION is still {FLIGHT_VERSION}.\n'
        'If flights should not have changed, find out why they did. If they should, raise '
        'FLIGHT_VERSION in liquid_pilot/evaluation/flight_version.py, so that stored missions are '
        f'flown again, and record the golden flights: {golden_flights.RECORD_COMMAND}'
    )


def test_golden_flights_are_of_this_version_and_of_the_shipped_pilots():
    assert GOLDEN['flight_version'] == FLIGHT_VERSION, (
        'FLIGHT_VERSION was raised; record the golden flights again: '
        f'{golden_flights.RECORD_COMMAND}'
    )
    for pilot, digest in GOLDEN['pilots'].items():
        assert pilot_file.load(pilot_file.resolve(pilot)).digest.startswith(digest), (
            f'{pilot} was replaced; record the golden flights again: '
            f'{golden_flights.RECORD_COMMAND}'
        )
    names = [golden_flights.name_of(*mission) for mission in golden_flights.MISSIONS]
    assert list(GOLDEN['flights']) == names


@pytest.mark.parametrize('mission', golden_flights.MISSIONS, ids=' '.join)
def test_no_golden_flight_changes_without_the_version(mission):
    name = golden_flights.name_of(*mission)
    recorded, flown = GOLDEN['flights'][name], golden_flights.fly(*mission)
    assert flown['outcome'] == recorded['outcome'], instruction(name, 'ends otherwise')
    assert len(flown['path']) == len(recorded['path']), instruction(name, 'lasts longer or shorter')
    difference_m = largest_difference_m(flown['path'], recorded['path'])
    assert difference_m < TOLERANCE_M, instruction(name, f'takes another path ({difference_m} m)')


def test_a_small_change_of_behaviour_is_noticed(monkeypatch):
    """A vehicle that answers a command one part in a hundred more weakly is far beyond it."""
    from liquid_pilot.onboard.setpoints import registry
    from liquid_pilot.simulation import rollout

    def make_weaker_adapter(name):
        adapter = registry.make_adapter(name)
        convert = adapter.convert

        class Weaker:
            def convert(self, command, state):
                forward = 0.99 * command.forward_m_s
                return convert(command._replace(forward_m_s=forward), state)

        return Weaker()

    monkeypatch.setattr(rollout, 'make_adapter', make_weaker_adapter)
    mission = golden_flights.MISSIONS[0]
    flown = golden_flights.fly(*mission)
    recorded = GOLDEN['flights'][golden_flights.name_of(*mission)]
    assert largest_difference_m(flown['path'], recorded['path']) > 2 * TOLERANCE_M


def test_the_version_covers_everything_that_a_flight_runs():
    """Whatever is loaded to fly lies in COVERED_SOURCES, or is how missions are run and kept."""
    program = (
        'import sys, golden_flights\n'
        'golden_flights.DURATION_S = 0.2\n'
        'golden_flights.fly("road-ltc", "adapt", "friction:3@0.1s+noise:2")\n'
        'print(*sorted(name for name in sys.modules if name.startswith("liquid_pilot.")))'
    )
    done = subprocess.run(
        [sys.executable, '-c', program],
        env={'PYTHONPATH': f'{PACKAGE.parent}:{Path(golden_flights.__file__).parent}'},
        capture_output=True,
        text=True,
        check=True,
        timeout=180,
    )
    covered = [name.removesuffix('.py').replace('/', '.') for name in COVERED_SOURCES]
    outside = set()
    for name in done.stdout.split():
        inner = name.removeprefix('liquid_pilot.')
        if not any(inner == each or inner.startswith(f'{each}.') for each in covered):
            outside.add(inner)
    assert outside == {
        'evaluation',
        'evaluation.flight_version',
        'evaluation.results_store',
        'evaluation.runner',
        'evaluation.selection',
        'evaluation.workers',
    }
    assert all((PACKAGE / name).exists() for name in COVERED_SOURCES)


OTHER_RULES = {
    'arrival_radius_m': 1.0,
    'time_limit_s': 20.0,
    'area_radius_m': 30.0,
    'ceiling_m': 5.0,
    'success_reason': 'arrived',
}
OTHER_SETTINGS = {
    'vehicle': 'rover',
    'camera_width': 128,
    'camera_height': 72,
    'camera_vertical_fov_rad': 1.0,
    'physics_rate_hz': 400,
    'imu_rate_hz': 200,
    'camera_rate_hz': 10,
    'command_timeout_s': 1.0,
    'conditions': parse('snow:3'),
}


def test_every_value_of_rules_and_settings_counts():
    versions = {flight_version(MissionRules(), SimulationSettings())}
    assert {field.name for field in dataclasses.fields(MissionRules)} == set(OTHER_RULES)
    assert {field.name for field in dataclasses.fields(SimulationSettings)} == set(OTHER_SETTINGS)
    for name, value in OTHER_RULES.items():
        versions.add(flight_version(MissionRules(**{name: value}), SimulationSettings()))
    for name, value in OTHER_SETTINGS.items():
        versions.add(flight_version(MissionRules(), SimulationSettings(**{name: value})))
    assert len(versions) == 1 + len(OTHER_RULES) + len(OTHER_SETTINGS)
    # Digits that the label of a condition leaves out count too.
    for text in ('snow=0.123456788', 'snow=0.123456789'):
        versions.add(flight_version(MissionRules(), SimulationSettings(conditions=parse(text))))
    assert len(versions) == 3 + len(OTHER_RULES) + len(OTHER_SETTINGS)


def test_the_version_is_declared_and_names_of_classes_and_fields_do_not_change_it(monkeypatch):
    """The key of stored missions: should this test fail, missions of users are flown again."""
    assert flight_version(MissionRules(), SimulationSettings()) == DEFAULT_VERSION
    assert flight_version(MissionRules(time_limit_s=40), SimulationSettings()) == DEFAULT_VERSION

    @dataclasses.dataclass(frozen=True)
    class Renamed(MissionRules):
        """Another class with the same values."""

    assert flight_version(Renamed(), SimulationSettings()) == DEFAULT_VERSION
    monkeypatch.setattr(module, 'FLIGHT_VERSION', 3)
    assert flight_version(MissionRules(), SimulationSettings()).startswith('3-')
