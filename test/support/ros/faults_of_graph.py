"""Faults of pilot, guard, adaptation, commands, calls, parameters and clocks."""

import signal

from fault_changes import (
    INF,
    NAN,
    SECOND_NS,
    command,
    fields,
    later,
    other_pilot,
    same_stamp,
    scales,
)
from fault_kinds import (
    ANY,
    FLIES,
    SAFE,
    SILENT,
    Call,
    Clock,
    Fault,
    Parameter,
    Process,
    Slow,
    Stream,
    Wait,
)
from fault_rig import SIMULATED

PILOT = [
    Fault('pilot: killed', (Process('pilot'),), words='no good command', lost=('pilot',)),
    Fault('pilot: at half speed', (Slow('pilot'),), FLIES),
    Fault('pilot: frozen', (Process('pilot', signal.SIGSTOP),), words='no good command'),
    Fault(
        'pilot: ended by Ctrl-C',
        (Process('pilot', signal.SIGINT),),
        words='no good command',
        lost=('pilot',),
    ),
    Fault(
        'pilot: a second one by another name',
        (Stream('foreign command', node='stranger'),),
        words='publishers of',
        within_s=1.5,
        watch_s=2.0,
    ),
    Fault(
        'pilot: a second one that is named pilot',
        (Stream('foreign command', node='pilot'),),
        words='publishers of',
        within_s=1.5,
        watch_s=2.0,
    ),
]

B = 'b'
COMMANDS = [
    *(
        Fault(
            f'command: {what}',
            (Stream('command', change),),
            words='not finite',
            space=B,
            within_s=0.2,
            watch_s=0.8,
        )
        for what, change in (
            ('NaN', command(linear__x=NAN)),
            ('infinite', command(angular__z=-INF)),
        )
    ),
    Fault(
        'command: absurd',
        (Stream('command', command(linear__x=1e30, angular__z=-1e9)),),
        FLIES,
        space=B,
        watch_s=0.8,
    ),
    Fault('command: silent', (Stream('command', on=False),), words='no good command', space=B),
    Fault('command: stale', (Stream('command', stamp=later(-5)),), words='older', space=B),
    Fault('command: of the future', (Stream('command', stamp=later(5)),), words='future', space=B),
    Fault(
        'command: stamps of zero', (Stream('command', stamp=lambda *_: 0),), words='older', space=B
    ),
    Fault(
        'command: stamp repeated',
        (Stream('command', same_stamp),),
        words='answered already',
        space=B,
    ),
    Fault(
        'command: stamps go backwards',
        (Stream('command', stamp=lambda stamp, n: stamp - n * 70_000_000),),
        words='older',
        space=B,
    ),
    Fault('command: every message fifty times', (Stream('command', times=50),), FLIES, space=B),
    Fault(
        'command: frame_id of 1 MB',
        (Stream('command', fields(header__frame_id='x' * 10**6)),),
        FLIES,
        space=B,
    ),
    Fault(
        'command: a second publisher',
        (Stream('command', twin=True, node='other'),),
        words='publishers of',
        space=B,
        within_s=1.5,
        watch_s=2.0,
    ),
]

ADAPTATION = [
    Fault('adaptation: killed', (Process('adaptation'),), FLIES, lost=('adaptation',)),
    Fault('adaptation: frozen', (Process('adaptation', signal.SIGSTOP),), FLIES),
    *(
        Fault(
            f'adaptation: {what}',
            (Process('adaptation', signal.SIGSTOP), Stream('time scales', change, node='adapter')),
            FLIES,
            words,
            watch_s=1.0,
        )
        for what, change, words in (
            ('time scales NaN', scales(NAN), 'not finite'),
            ('time scales of e^50', scales(50.0), ''),
            ('time scales cut short', fields(data=lambda data: data[:5]), 'cut short'),
            ('time scales of another pilot', other_pilot, 'another|comes from'),
        )
    ),
]

GUARD = [
    Fault('guard: frozen', (Process('guard', signal.SIGSTOP),), SILENT, within_s=0.2, watch_s=1.2),
    Fault(
        'guard: killed and started again',
        (Process('guard'),),
        SILENT,
        within_s=0.2,
        watch_s=1.0,
        lost=('guard',),
    ),
    Fault(
        'guard: ended by Ctrl-C',
        (Process('b/guard', signal.SIGINT),),
        SILENT,
        space=B,
        within_s=0.3,
        watch_s=0.8,
        lost=('b/guard',),
    ),
    Fault(
        'guard: a human takes over',
        (Stream('override', node='human'),),
        SILENT,
        within_s=0.4,
        watch_s=0.8,
        words='human',
    ),
]

CALLS = [
    Fault('call: pilot/reset in flight', (Call('pilot/reset'),), FLIES),
    Fault('call: adaptation/reset in flight', (Call('adaptation/reset'),), FLIES),
    Fault('call: engage while engaged', (Call('guard/engage', True),), FLIES, 'already engaged'),
    Fault(
        'call: stop in flight',
        (Call('guard/stop', engage=True),),
        SAFE,
        'stopped',
        within_s=0.3,
        watch_s=0.8,
    ),
    Fault(
        'call: disengage in flight',
        (Call('guard/engage', False),),
        SILENT,
        'disengaged',
        within_s=0.3,
        watch_s=0.8,
    ),
    Fault(
        'call: engage without camera',
        (
            Call('guard/engage', False),
            Stream('camera', on=False),
            Wait(0.8),
            Call('guard/engage', True),
        ),
        SILENT,
        'not engaged',
        within_s=0.3,
        watch_s=1.2,
    ),
]

SETTINGS = [
    Fault(
        'parameter: imu_timeout_s of 0.01 s in flight',
        (Parameter('pilot', 'imu_timeout_s', 0.01, 0.2),),
        ANY,
    ),
    Fault(
        'parameter: imu_timeout_s of NaN',
        (Parameter('pilot', 'imu_timeout_s', NAN, 0.2),),
        FLIES,
        'NaN|nan',
    ),
    Fault(
        'parameter: of another type',
        (Parameter('pilot', 'imu_timeout_s', 'soon', 0.2),),
        FLIES,
        'type',
    ),
    Fault(
        'parameter: limits of the guard in flight',
        (Parameter('guard', 'maximum', [50.0, 50.0, 50.0, 50.0], [2.5, 1.5, 1.0, 1.5]),),
        FLIES,
        'maximum',
    ),
    Fault(
        'parameter: use_sim_time in flight, without a clock',
        (Parameter('guard', 'use_sim_time', True, False),),
        words='future|clock',
    ),
]

TIME = [
    Fault('time: a stranger publishes /clock', (Clock(),), FLIES),
    Fault('time: a stranger publishes /clock, an hour off', (Clock(3600 * SECOND_NS),), FLIES),
    Fault(
        'time: all sensors jump by 10 s',
        tuple(Stream(name, stamp=later(10)) for name in ('camera', 'imu', 'odometry')),
        words='future|ahead',
    ),
    Fault(
        'time: all sensors jump back by 10 s',
        tuple(Stream(name, stamp=later(-10)) for name in ('camera', 'imu', 'odometry')),
        words='older|jumped',
    ),
]

S = SIMULATED
VEHICLE = [
    Fault(
        'simulator: frozen',
        (Process('s/simulator', signal.SIGSTOP),),
        words='no good command',
        space=S,
    ),
    Fault('simulator: at half speed', (Slow('s/simulator'),), FLIES, space=S),
    Fault(
        'simulator: a stranger publishes /clock',
        (Clock(),),
        ANY,
        'second publisher|older',
        space=S,
    ),
    Fault(
        'simulated flight: pilot killed',
        (Process('s/pilot'),),
        words='no good command',
        space=S,
        lost=('s/pilot',),
    ),
    Fault(
        'simulated flight: guard frozen',
        (Process('s/guard', signal.SIGSTOP),),
        SILENT,
        space=S,
        within_s=0.2,
        watch_s=1.2,
    ),
    Fault(
        'simulator: killed',
        (Process('s/simulator'),),
        words='no good command',
        space=S,
        recovers=False,
        lost=('s/simulator',),
    ),
]

FAULTS = (*PILOT, *COMMANDS, *ADAPTATION, *GUARD, *CALLS, *SETTINGS, *TIME, *VEHICLE)
