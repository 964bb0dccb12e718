"""Missions around a vehicle elsewhere: when they begin and end, by a node whose time is counted."""

import math
import re
from types import SimpleNamespace

import pytest

from liquid_pilot.interfaces import LiquidPilotError, VehicleState
from liquid_pilot.nodes.missions.guard_watch import GuardWatch
from liquid_pilot.nodes.missions.mission_node import StopRequestedError
from liquid_pilot.nodes.missions.scene_missions import SceneMissions
from liquid_pilot.nodes.missions.scene_node import SceneParameters
from liquid_pilot.nodes.missions.scene_odometry import OdometryTrack
from liquid_pilot.simulation.external_vehicle import ExternalVehicleSimulation

SEED = 7
HOME = (31.0, -12.0, 40.0)
HEADING = 2.1
HALTED, FORWARD = (0.0, 0.0, 0.0), (2.0, 0.0, 0.0)


class Vehicle:
    """A vehicle that flies straight on while the guard is engaged, and its guard and pilot."""

    def __init__(self, **parameters):
        values = {'camera_width': 32, 'camera_height': 18, 'missions': 1, 'seed': SEED}
        values |= {'startup_timeout_s': 3.0, **parameters}
        self.settings = SimpleNamespace(current=SceneParameters(**values))
        self.odometry_topic = '/odom'
        self.adapter, self.problems, self.conflict, self.state = 'cmd_vel', '', '', ''
        self.traces, self.status_values, self.prevented_by = [], {}, ''
        self.serialised_traces, self.guard_status = [], ('engaged', '')
        self.spinner = SimpleNamespace(stopping=False, stopped_by=None)
        self.health = SimpleNamespace(
            tick=lambda now_s, latency_s: None, latency_ms=lambda quantile: math.nan
        )
        self.obstacles = SimpleNamespace(publish=self.on_obstacles)
        self.odometry = OdometryTrack('/odom', 0.5, 0.2, 3.0)
        self.now_s, self.position, self.velocity = 100.0, HOME, HALTED
        self.guard, self.watch = 'disengaged', GuardWatch()
        self.asked, self.stops, self.frames, self.markers = [], 0, [], []
        self.clouds, self.anchored_at = 0, None
        self.odometry_ends_s = math.inf
        self.at = {}
        """Functions to call at a time."""
        self.report()

    def report(self):
        self.watch.update({'state': self.guard, 'reason': 'a human', 'adapter': 'cmd_vel'})

    def human(self, state):
        self.guard = state
        self.report()

    # What SceneMissions uses of its node.

    def steady_s(self):
        return self.now_s

    def stamp_ns(self):
        return round(self.now_s * 1e9)

    def wait(self, seconds):
        until_s = self.now_s + max(seconds, 0.001)
        while self.now_s < until_s - 1e-9:
            step_s = min(0.02, until_s - self.now_s)
            self.now_s += step_s
            self.velocity = FORWARD if self.guard == 'engaged' else self.velocity
            forward = self.velocity[0] * step_s
            x, y, z = self.position
            self.position = (
                x + forward * math.cos(HEADING),
                y + forward * math.sin(HEADING),
                z,
            )
            if self.now_s < self.odometry_ends_s:
                self.odometry.add(
                    VehicleState(
                        self.stamp_ns(),
                        self.position,
                        (math.cos(0.5 * HEADING), 0.0, 0.0, math.sin(0.5 * HEADING)),
                        self.velocity,
                        (0.0, 0.0, 0.0),
                    ),
                    self.now_s,
                )
            for at_s in [at_s for at_s in self.at if at_s <= self.now_s]:
                self.at.pop(at_s)()
        self.report()
        if self.spinner.stopping:
            raise StopRequestedError

    def wait_for_graph(self, timeout_s, show):
        self.wait(0.1)

    def check_alive(self):
        pass

    def reset_pilot(self):
        pass

    def engage(self, on):
        self.asked.append((self.now_s, self.velocity))
        self.watch = GuardWatch()
        self.guard = 'engaged'
        return True, 'engaged'

    def stop_guard(self):
        if self.watch.is_engaged:
            self.stops += 1
            self.guard, self.velocity, self.watch = 'stopped', HALTED, GuardWatch()

    @property
    def guard_note(self):
        return self.watch.note

    @property
    def guard_is_known(self):
        return bool(self.watch.state)

    @property
    def newly_engaged(self):
        return self.watch.is_engaged and self.watch.was_released

    def publish_frame(self, image, camera, stamp_ns):
        self.frames.append((self.now_s, image))

    def publish_marker(self, stamp_ns, text):
        self.markers.append(text)

    def on_obstacles(self, layout, stamp_ns, place):
        self.clouds += 1
        self.anchored_at = place([layout.start_enu_m])[0]


def fly(vehicle, limit_s=60.0):
    """The results of a run, and the exit code."""
    missions = SceneMissions(vehicle, None)

    def give_up():
        vehicle.spinner.stopping = True

    vehicle.at[vehicle.now_s + limit_s] = give_up
    code = missions.run()
    return missions._results, code


def test_a_mission_begins_when_a_human_engages_where_the_vehicle_then_is():
    vehicle = Vehicle(time_limit_s=1.0)
    # The vehicle is carried away before; the course comes with it.
    vehicle.velocity = (1.0, 0.0, 0.0)
    engaged = []

    def engage():
        engaged.append(vehicle.position)
        vehicle.human('engaged')

    vehicle.at[103.0] = engage
    (result,), code = fly(vehicle)
    assert (result.outcome, code) == ('timeout', 0)
    assert vehicle.asked == []
    assert vehicle.markers == [f'seed {SEED}', 'end timeout']
    assert vehicle.clouds == 1
    assert vehicle.anchored_at == pytest.approx(engaged[0], abs=0.3)
    assert result.distance_flown_m == pytest.approx(2.0, abs=0.2)
    assert result.duration_s == pytest.approx(1.0, abs=0.06)
    # The guard holds the vehicle at the end.
    assert vehicle.stops == 1 and vehicle.guard == 'stopped'
    # The pilot saw the start all the time, at the rate of the camera.
    waiting = [image for at_s, image in vehicle.frames if at_s < 102.9]
    assert len(waiting) > 40 and len({bytes(image.data) for image in waiting}) == 1


def test_the_score_and_the_path_are_those_of_the_course():
    vehicle = Vehicle(time_limit_s=0.5)
    vehicle.at[101.0] = lambda: vehicle.human('engaged')
    missions = SceneMissions(vehicle, None)
    seen = []
    missions._on_packet = lambda mission, packet: (
        seen.append(packet.state) or SceneMissions._on_packet(missions, mission, packet)
    )
    missions.run()
    start = missions._simulation.start
    assert seen[0].position_enu_m == pytest.approx(start.position_enu_m, abs=0.2)
    away = math.dist(seen[-1].position_enu_m, start.position_enu_m)
    assert away == pytest.approx(1.0, abs=0.2)


def test_it_never_engages_by_itself_and_a_stop_does_not_begin_a_mission():
    vehicle = Vehicle()
    vehicle.at[102.0] = lambda: vehicle.human('stopped')
    vehicle.at[104.0] = lambda: vehicle.human('overridden')
    results, code = fly(vehicle, limit_s=6.0)
    assert [result.outcome for result in results] == ['aborted'] and code == 130
    assert vehicle.asked == [] and vehicle.stops == 0 and vehicle.markers == []


def test_a_guard_that_was_left_engaged_is_stopped_before_a_mission():
    vehicle = Vehicle(time_limit_s=0.5)
    vehicle.human('engaged')
    vehicle.at[102.0] = lambda: vehicle.human('engaged')
    results, _ = fly(vehicle)
    assert [result.outcome for result in results] == ['timeout'] and vehicle.stops == 2


def test_with_engage_it_waits_for_rest_at_each_mission():
    vehicle = Vehicle(time_limit_s=0.5, engage=True, missions=2)
    vehicle.velocity = (1.0, 0.0, 0.0)

    def land():
        vehicle.velocity = HALTED

    vehicle.at[102.0] = land
    results, _ = fly(vehicle)
    assert [result.outcome for result in results] == ['timeout'] * 2
    assert len(vehicle.asked) == 2 and vehicle.stops == 2
    assert vehicle.asked[0][0] > 102.0
    assert all(velocity == HALTED for _, velocity in vehicle.asked)


def test_with_engage_the_wait_has_an_end():
    vehicle = Vehicle(engage=True, engage_timeout_s=2.0)
    vehicle.velocity = (1.0, 0.0, 0.0)
    (result,), code = fly(vehicle)
    assert (result.outcome, code) == ('aborted', 1)
    assert 'after 2 s the guard is not engaged: the vehicle moves at 1.0 m/s' in result.reason


@pytest.mark.parametrize('engage', [False, True])
def test_a_human_who_takes_over_ends_the_mission_and_has_to_engage_the_next(engage, capsys):
    vehicle = Vehicle(missions=2, engage=engage, time_limit_s=30.0)

    def take_over():
        vehicle.human('overridden')
        vehicle.velocity = HALTED
        vehicle.at[vehicle.now_s + 1.0] = lambda: vehicle.human('disengaged')

    if not engage:
        vehicle.at[101.0] = lambda: vehicle.human('engaged')
    vehicle.at[102.5] = take_over
    results, code = fly(vehicle, limit_s=7.0)
    assert results[0].outcome == 'aborted' and 'guard overridden: a human' in results[0].reason
    assert 0.5 < results[0].duration_s < 2.1
    # Nothing was sent while the human had it, and nothing engages again.
    assert vehicle.stops == 0
    assert len(vehicle.asked) == engage
    said = 'a human has to engage the guard for each mission' in capsys.readouterr().out
    assert said is engage and code == 130


@pytest.mark.parametrize(
    ('fault', 'words'),
    [('silent', r'no odometry on /odom for 0\.5'), ('jump', r'odometry on /odom jumped by \d+')],
)
def test_odometry_that_fails_aborts_the_mission_and_is_not_scored(fault, words):
    vehicle = Vehicle(time_limit_s=30.0)
    vehicle.at[101.0] = lambda: vehicle.human('engaged')

    def fail():
        if fault == 'silent':
            vehicle.odometry_ends_s = vehicle.now_s
        else:
            x, y, z = vehicle.position
            vehicle.position = (x + 20.0, y, z)

    vehicle.at[102.5] = fail
    (result,), code = fly(vehicle)
    assert (result.outcome, code) == ('aborted', 1)
    assert re.search(words, result.reason), result.reason
    assert vehicle.stops == 1


def test_without_odometry_no_mission_begins_and_it_is_said():
    vehicle = Vehicle(missions=5)
    vehicle.odometry_ends_s = 0.0
    results, code = fly(vehicle)
    assert [result.outcome for result in results] == ['aborted'] * 2 and code == 1
    assert results[0].reason.startswith('no odometry on /odom for 3 s: its source is not con')
    assert vehicle.frames == []


def test_the_course_reaches_its_target(monkeypatch):
    vehicle = Vehicle()
    vehicle.at[101.0] = lambda: vehicle.human('engaged')
    # No trees, and the target straight ahead.
    real = ExternalVehicleSimulation.reset

    def reset(self, seed, stamp_ns=0, conditions=None):
        packet = real(self, seed, stamp_ns, conditions)
        heading = math.atan2(*reversed(self.layout.target_enu_m[:2]))
        self.start = self.start._replace(
            orientation_wxyz=(math.cos(0.5 * heading), 0.0, 0.0, math.sin(0.5 * heading))
        )
        return packet

    monkeypatch.setattr(ExternalVehicleSimulation, 'reset', reset)
    monkeypatch.setattr(
        ExternalVehicleSimulation, '_contact_on_the_way', staticmethod(lambda *given: None)
    )
    (result,), code = fly(vehicle)
    assert (result.outcome, code) == ('success', 0)
    assert result.target_distance_m < 1.5


def test_the_report_says_how_it_was_flown():
    vehicle = Vehicle(time_limit_s=0.5)
    vehicle.at[101.0] = lambda: vehicle.human('engaged')
    missions = SceneMissions(vehicle, None)
    missions.run()
    meta = missions._meta()
    assert (meta['simulator'], meta['mode'], meta['anchor']) == ('scene', 'realtime', 'vehicle')
    assert meta['odometry_topic'] == '/odom' and meta['camera_hz'] == pytest.approx(20.0, abs=0.5)
    assert 30.0 < meta['odometry_hz'] < 100.0
    assert 0.0 <= meta['odometry_age_p50_ms'] <= 20.1


def test_a_condition_of_the_vehicle_is_refused_before_anything_is_drawn():
    with pytest.raises(LiquidPilotError, match='condition wind: the vehicle is elsewhere'):
        SceneMissions(Vehicle(condition='wind:2'), None)
