"""Whether a command of a page could run: it is checked by the real parsers, and nothing is started.

`check` raises what a parser raises, or AssertionError, for a program, an option, an argument, a
topic, a parameter or a file that is not there.
"""

import re
from itertools import pairwise

import yaml
from pages import PROGRAMS, ROOT

from liquid_pilot.cli.main import COMMANDS, make_parser
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.config import TrainingSettings
from liquid_pilot.nodes.adaptation import AdaptationParameters
from liquid_pilot.nodes.common import topics
from liquid_pilot.nodes.guard import GuardParameters
from liquid_pilot.nodes.hand import HandParameters
from liquid_pilot.nodes.launch.flight_options import FlyOptions
from liquid_pilot.nodes.launch.hardware_options import HardwareOptions
from liquid_pilot.nodes.missions.gazebo_node import GazeboParameters
from liquid_pilot.nodes.missions.scene_node import SceneParameters
from liquid_pilot.nodes.missions.simulator_node import SimulatorParameters
from liquid_pilot.nodes.pilot import PilotParameters
from liquid_pilot.nodes.recorder import RecorderParameters
from liquid_pilot.nodes.visualization import VisualizationParameters
from liquid_pilot.simulation.base.condition import parse as parse_condition
from liquid_pilot.simulation.tasks.registry import expand_conditions
from liquid_pilot.utils.settings import from_strings

LAUNCH_FILES = {'fly.launch.py': FlyOptions, 'hardware.launch.py': HardwareOptions}
PARAMETERS = {
    'pilot': PilotParameters,
    'adaptation': AdaptationParameters,
    'guard': GuardParameters,
    'simulator': SimulatorParameters,
    'gazebo': GazeboParameters,
    'scene': SceneParameters,
    'recorder': RecorderParameters,
    'hand': HandParameters,
    'visualization': VisualizationParameters,
}
OURS = (
    'benchmarks',
    'config',
    'docs',
    'examples',
    'launch',
    'pilots',
    'scripts',
    'studies',
    'test',
)
"""Folders of the repository: a path below one of them names a file that is there."""
WHAT_RUN_HAS_ITSELF = ('test', 'docs', 'onboard', 'help', 'completion')
_OPTION = re.compile(r'--[a-z][\w-]*')


def check_command(command):
    """Check a command of a page, part by part."""
    if is_a_pattern(command.text):
        return
    for words in command.parts:
        if words[0] == 'cd':
            return  # what follows is elsewhere
        try:
            check(words, foreign=bool(command.needs))
        except LiquidPilotError:
            # What needs an extension may name a vehicle, a condition or an adapter of it.
            if not command.needs:
                raise


def check(words, foreign=False):
    """Check one command, given as words.

    Args:
        words: the program and its arguments.
        foreign: whether it may be a program that is not here, as the page says.
    """
    program, *rest = words
    for word in rest if program != 'git' else ():
        if word.partition('/')[0] in OURS and re.fullmatch(r'[\w./-]+', word):
            assert (ROOT / word).exists(), f'{word} is not in the repository'
    if program in ('./run', 'liquid-pilot'):
        _check_ours(program, rest)
    elif program.endswith('python') and rest and rest[0].endswith('.py'):
        _check_script(*rest)
    elif program == 'ros2':
        _check_ros(*rest)
    elif program.startswith('./') or program.endswith('/lint-imports'):
        assert (ROOT / program).exists() or '.venv/' in program, f'{program} is not there'
    else:
        assert foreign or program in PROGRAMS, f'{program} is no program that pages speak of'


def _check_ours(program, words):
    if program == './run':
        text = (ROOT / 'run').read_text()
        if not words or words[0] in WHAT_RUN_HAS_ITSELF:
            assert not words or re.search(rf'^ *(?:[\w|-]*\|)?{words[0]}[|)]', text, re.MULTILINE)
            words = words[1:] if words[:1] == ['onboard'] else []
        if not words:
            return
    command = words[0]
    if command.startswith('-'):
        make_parser().parse_args(words)
        return
    assert command in COMMANDS, f'there is no command {command}'
    parser = make_parser(command)
    own = next(a for a in parser._actions if a.choices).choices[command]
    for word in words[1:]:
        if match := _OPTION.match(word):
            assert match[0] in own._option_string_actions, f'{command} has no option {match[0]}'
    arguments = vars(parser.parse_args(words))
    if arguments.get('condition'):
        parse_condition(arguments['condition'])
    if arguments.get('conditions') and command == 'evaluate':
        expand_conditions(arguments['conditions'])
    if command == 'train':
        known = TrainingSettings.__dataclass_fields__
        for assignment in _flat(arguments.get('set')):
            assert assignment.partition('=')[0] in known, assignment


def _flat(values):
    for value in values or ():
        yield from value if isinstance(value, list) else [value]


def _check_script(script, *words):
    path = ROOT / script
    assert path.is_file(), f'{script} is not in the repository'
    # Its options are declared in the script, or beside it.
    files = [*path.parent.glob('*.py'), *path.parent.parent.glob('*.py')]
    text = '\n'.join(each.read_text() for each in files)
    for word in words:
        if match := _OPTION.match(word):
            assert f"'{match[0]}'" in text, f'{script} has no option {match[0]}'


def _check_ros(verb, *words):
    if '...' in words or any(word.endswith('...') for word in words):
        return  # the line shows a pattern
    if verb == 'launch' and words[0] == 'liquid_pilot':
        if '--show-args' not in words:
            values = dict(word.split(':=', 1) for word in words[2:])
            from_strings(LAUNCH_FILES[words[1]], values)
    elif verb == 'run' and words[0] == 'liquid_pilot':
        values = [word for before, word in pairwise(words) if before == '-p']
        from_strings(PARAMETERS[words[1]], dict(value.split(':=', 1) for value in values))
    elif verb == 'param' and words[0] in ('set', 'get', 'describe'):
        assert words[2] in PARAMETERS[words[1].rpartition('/')[2]].__dataclass_fields__, words
    elif (verb, words[0]) == ('service', 'call'):
        assert topics.SERVICES[_relative(words[1])].type == words[2], words
        yaml.safe_load(words[3] if len(words) > 3 else '{}')
    elif verb == 'topic':
        names = [word for word in words[1:] if re.fullmatch(r'/?[a-z_]+(/\w+)*', word)]
        topic = topics.TOPICS.get(names[0]) or topics.TOPICS[_relative(names[0])]
        if words[0] == 'pub':
            assert topic.type in words, words
    elif verb == 'security':
        assert words[0] in ('create_keystore', 'create_enclave', 'generate_artifacts'), words
        for policy in [word for before, word in pairwise(words) if before == '-p']:
            assert (ROOT / policy).is_file(), policy
    else:
        known = ('launch', 'run', 'bag', 'node', 'doctor', 'interface', 'pkg')
        assert verb in known, f'ros2 has no verb {verb} that pages speak of'


def _relative(word):
    return word.lstrip('/')


def is_a_pattern(text):
    """Whether a line shows a pattern, such as `./run COMMAND`, and not a command."""
    return bool(re.search(r'\b(COMMAND|PILOT|NAME|FOLDER)\b|\.\.\.', text))
