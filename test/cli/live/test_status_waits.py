"""How long `status` listens: until the graph has settled, and no longer. Nothing here uses ROS."""

from types import SimpleNamespace

import pytest

from liquid_pilot.cli.live import status
from liquid_pilot.cli.live.robots import RobotReports
from liquid_pilot.nodes.common.messages import NodeStatus

TIMEOUT_S = 4.0


class Graph:
    """A connection whose time passes only while it spins.

    Args:
        clock: its time, in a list.
        found: the nodes, each with the time from which it is known, s; it reports 0.5 s later, and
            then once a second.
    """

    def __init__(self, clock, found):
        self._clock, self._found = clock, found
        self.reports, self.eager = RobotReports(), []

    def reporters(self):
        return {f'/{name}' for name, at_s in self._found.items() if at_s <= self._clock[0]}

    def spin(self, condition, until_s, eager=False):
        self.eager.append(eager)
        while not condition():
            if self._clock[0] >= until_s:
                return False
            before_s = self._clock[0]
            self._clock[0] += 0.05
            for name, at_s in self._found.items():
                first_s = at_s + 0.5
                if self._clock[0] >= first_s and (
                    int(self._clock[0] - first_s) > int(before_s - first_s) or before_s < first_s
                ):
                    values = {'state': 'flying', 'instance': 'x'}
                    self.reports.record(
                        [NodeStatus(name, 0, '', values, f'/{name}')], self._clock[0]
                    )
        return True


@pytest.mark.parametrize(
    ('found', 'listened_s', 'shown'),
    [
        # All is there at once: as long as every node needs to report.
        ({'guard': 0.0, 'pilot': 0.0}, 1.7, ['guard', 'pilot']),
        # DDS was slow: one is found when the time is nearly up, another one after it.
        ({'guard': 3.0, 'pilot': 4.5}, 5.0, ['guard', 'pilot']),
        ({'guard': 3.9, 'pilot': 3.9, 'simulator': 4.6}, 5.6, ['guard', 'pilot', 'simulator']),
        # There is no pilot: nothing new has come for a while when the time is up.
        ({'guard': 0.0}, TIMEOUT_S, ['guard']),
        ({'guard': 3.0}, 5.0, ['guard']),
        # Nothing runs.
        ({}, TIMEOUT_S, []),
        # It never settles.
        ({'guard': 3.0, 'simulator': 4.9, 'gazebo': 6.8, 'recorder': 7.9, 'pilot': 9.0}, 8.0, None),
    ],
)
def test_it_listens_until_nothing_more_is_found(found, listened_s, shown, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(status, 'time', SimpleNamespace(monotonic=lambda: clock[0]))
    graph = Graph(clock, found)
    status._listen_once(graph, None, TIMEOUT_S)
    assert clock[0] == pytest.approx(listened_s, abs=0.11)
    robots = graph.reports.robots(clock[0])
    if shown is not None:
        assert [name for robot in robots for name in robot.nodes] == shown
    # Another node is added while one that is missing may only not have been found.
    assert all(graph.eager)
