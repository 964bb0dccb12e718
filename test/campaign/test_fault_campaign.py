"""Everything that can go wrong, one after the other, in a graph of real nodes that flies.

Each fault is a row of data: it is injected, watched, and ended, and the graph has to fly on. At the
end of the run a table says what left the guard last, and what was said.
"""

import contextlib
import re
import time

import fault_table
import faults_of_graph
import faults_of_sensors
import pytest
import ros_domain
from fault_graph import LIMITS
from fault_kinds import ANY, FLIES, SAFE, SILENT, SLOW
from fault_rig import PILOT, SIMULATED, Flight, Rig
from recorded_flight import record

FAULTS = (*faults_of_sensors.FAULTS, *faults_of_graph.FAULTS)
LATE_S = 0.25
"""Time that a busy machine may add, s."""
SEEN_S = 0.4
"""Time for which the outcome of a fault is watched at least, s."""
SLOW_M_S = 0.1


@pytest.fixture(scope='module')
def rigs(tmp_path_factory):
    """Function (namespace) -> the graph that flies in it; there is one at a time."""
    with contextlib.ExitStack() as stack:
        current = {}

        def get(space):
            simulated = space == SIMULATED
            if simulated not in current or current[simulated].lost():
                stack.close()
                current.clear()
                domain = ros_domain.reserve()
                stack.callback(ros_domain.release, domain)
                folder = tmp_path_factory.mktemp('campaign')
                made = Flight(folder, domain) if simulated else Rig(folder, domain, record(PILOT))
                stack.callback(made.close)
                current[simulated] = made
            return current[simulated]

        yield get


def check_commands(heard):
    """What left is finite, bounded, and fresh or the safe command."""
    for _, age_s, values in heard:
        assert all(abs(v) <= top + 1e-6 for v, top in zip(values, LIMITS.maximum, strict=True))
        if values != LIMITS.safe_command:
            timely = -LATE_S < age_s < LIMITS.command_timeout_s + LATE_S
            assert timely, f'a command of {age_s:.2f} s ago has left'


def check_verdict(expected, late):
    """Compare with what was expected what left after the fault had time to be noticed."""
    if expected == SAFE:
        assert not [entry for entry in late if entry[2] != LIMITS.safe_command], 'it flies on'
        assert len(late) >= 3, 'the guard is silent'
    elif expected == SLOW:
        moving = [values for *_, values in late if values[0] > SLOW_M_S]
        assert late and not moving
    elif expected == SILENT:
        assert not late
    else:
        assert expected in (ANY, FLIES)


@pytest.mark.slow
@pytest.mark.realtime
@pytest.mark.parametrize('fault', FAULTS, ids=lambda fault: fault.name)
def test_a_fault(rigs, fault, record_property):
    rig = rigs(fault.space)
    heard = rig.outputs[fault.space]
    assert rig.settle(fault.space), f'it does not fly: {rig.refusal or rig.lost()} {rig.log()}'
    printed = {name: len(text) for name, text in rig.log().items()}
    began_s = time.monotonic()
    try:
        answers = [answer for answer in map(rig.begin, fault.actions) if answer is not None]
        watch_s = fault.watch_s
        if fault.expected in (SAFE, SLOW, SILENT):
            watch_s = max(watch_s, fault.within_s + LATE_S + SEEN_S)
        rig.spin(max(SEEN_S, began_s + watch_s - time.monotonic()))
        # A busy machine can stand still at the end of the watch: it must fly on, however late.
        flies_on = fault.expected != FLIES or rig.flies(fault.space)
    finally:
        ended_s = time.monotonic()
        lost = sorted(rig.lost())
        for action in fault.actions if fault.recovers else ():
            rig.end(action)
    during = [entry for entry in heard.since(began_s) if entry[0] <= ended_s]
    log = [line for name, text in rig.log().items() for line in text[printed[name] :].splitlines()]
    said = [*rig.said_since(began_s), *map(str, answers), *log]
    line = next((text for text in said if fault.words and re.search(fault.words, text)), '')
    live = [entry for entry in heard.since(0.0, live=True) if entry[0] <= ended_s]
    recovered = fault.recovers and rig.settle(fault.space)
    row = {
        'number': FAULTS.index(fault),
        'fault': fault.name,
        'last': [round(value, 2) for value in live[-1][2]],
        'age_s': round(ended_s - live[-1][0], 2),
        'said': line or next(iter(said), ''),
        'recovered': recovered,
    }
    record_property('fault', row)

    check_commands(during)
    assert lost == sorted(fault.lost)
    assert not [line for line in log if 'Traceback' in line]
    late = [entry for entry in during if entry[0] > began_s + fault.within_s + LATE_S]
    assert flies_on, 'it does not fly on'
    check_verdict(fault.expected, late)
    assert line or not fault.words, said
    assert recovered == fault.recovers, rig.refusal or said


def test_there_are_faults_enough_and_each_is_one_row():
    names = [fault.name for fault in FAULTS]
    assert len(set(names)) == len(names) >= 40


def test_a_table_shows_what_was_heard():
    row = {'fault': 'x', 'last': [1.0, 0.0], 'age_s': 0.5, 'said': 'a | b\nc', 'recovered': False}
    assert fault_table.table([row])[-1] == '| x | 1 0 | 0.50 s | a / b c | NO |'
