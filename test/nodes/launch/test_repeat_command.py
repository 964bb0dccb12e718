"""The command in a report flies the same again."""

import shlex

import pytest

from liquid_pilot.cli import fly
from liquid_pilot.cli.main import make_parser
from liquid_pilot.nodes.launch.flight_options import FlyOptions
from liquid_pilot.nodes.launch.repeat_command import repeat_command


@pytest.mark.parametrize(
    'options',
    [
        FlyOptions(),
        FlyOptions(missions=7, seed=3, condition='snow:4@3s+wind:2', headless=True, out='/tmp/x'),
        FlyOptions(vehicle='rover', adapt=False, record=True, realtime=True, log_level='info'),
        FlyOptions(pilot='my pilots/one; two', namespace='uav1', use_sim_time='false'),
        FlyOptions(simulator='gazebo', bridge=False),
        FlyOptions(simulator='scene', adapter='mavlink', anchor='world', engage=True),
    ],
)
def test_the_command_line_reads_it_as_the_same_options(options):
    program, *words = shlex.split(repeat_command(options))
    assert program == 'liquid-pilot'
    arguments = make_parser('fly').parse_args(words)
    assert '--out' not in words
    arguments.out = options.out
    assert fly.options_from(arguments) == options
