"""Every command of the documentation runs here, made small, or says on its line what it needs.

A command is a line of an indented block that begins with a program's name. A comment with the word
`needs`, behind it or on a line of its own above it in the block, says why it cannot be run here.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from liquid_pilot.nodes.launch.flight_options import FlyOptions
from liquid_pilot.nodes.launch.hardware_options import HardwareOptions
from liquid_pilot.utils.settings import from_strings

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    *(ROOT / name for name in ('README.md', 'CONTRIBUTING.md', 'SECURITY.md')),
    *(ROOT / folder / 'README.md' for folder in ('pilots', 'examples')),
    *sorted((ROOT / 'docs').rglob('*.md')),
]
PROGRAMS = (
    './run',
    'liquid-pilot',
    'python',
    'pip',
    'ros2',
    'colcon',
    'rosdep',
    'source',
    'sudo',
    'docker',
    'git',
    'export',
    'journalctl',
    'systemctl',
    'echo',
    'vcgencmd',
    'make',
    'gz',
)
SMALL_TRAINING = (
    '--set encoder_epochs=1 --set core_epochs=1 --set joint_steps=1 --workers 1 --threads 1'
)
MADE_SMALL = [
    # (of which command, what is replaced, or '' to append, by what)
    (r'fly\b', r' --(missions|headless)( \d+)?', ''),
    (r'fly\b(?!.*--demonstrate)', '', ' --missions 1 --headless'),
    (r'fly\b.*--demonstrate', '', ' --missions 4 --headless'),
    (r'evaluate ', r' --missions \d+', ''),
    (r'evaluate ', '', ' --missions 1 --workers 2'),
    (r'demonstrate ', r' --episodes \d+', ''),
    (r'demonstrate ', '', ' --episodes 4 --workers 2'),
    (r'train ', r' --set (\w+_epochs|joint_steps)=\d+', ''),
    (r'train ', '', f' {SMALL_TRAINING}'),
    (r'python benchmarks/evaluate_throughput', r' --(missions|workers) \d+', ''),
    (r'python benchmarks/evaluate_throughput', '', ' --missions 1 --workers 1'),
]
ENDED_BY_CTRL_C = ('liquid-pilot record', 'ros2 run')
SNIPPET = re.compile(r'^(import|from) ')


@dataclass
class Command:
    """One command of a page."""

    text: str
    needs: str
    """What it needs that is not here; empty: it is run."""


def blocks(page):
    """Indented blocks of a page, four columns taken off; those of lists have eight."""
    found, block, blank = [], [], True
    for line in [*page.read_text().splitlines(), 'end']:
        if re.match(r' {4}', line) and (block or blank):
            block.append(line)
        elif block and not line.strip():
            block.append('')
        elif block:
            while not block[-1]:
                block.pop()
            indent = min(len(each) - len(each.lstrip()) for each in block if each)
            found.append([each[indent:] for each in block])
            block = []
        blank = not line.strip()
    return found


def commands(page):
    """Of a page, in order."""
    found = []
    for block in blocks(page):
        needs = ''
        for line in '\n'.join(block).replace('\\\n', ' ').splitlines():
            text, _, comment = line.partition('#')
            if not text.strip():
                needs = comment.strip() if 'needs' in comment else ''
            elif text.split()[0] in PROGRAMS:
                own = comment.strip() if 'needs' in comment else needs
                found.append(Command(' '.join(text.split()), own))
    return found


def made_small(text):
    """The same for a short test."""
    for which, pattern, put in MADE_SMALL:
        if re.search(f'(^|run |liquid-pilot ){which}', text):
            text = re.sub(pattern, put, text) if pattern else text + put
    return text


class Place:
    """A folder like a checkout, in which commands find what the pages speak of."""

    def __init__(self, folder, shared, done):
        self.folder, self.shared, self.done = folder, shared, done
        for name in ('config', 'pilots', 'benchmarks', 'liquid_pilot'):
            (folder / name).symlink_to(ROOT / name)
        self.environment = {
            **os.environ,
            'PYTHONPATH': str(ROOT),
            'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
            # Nodes of other tests may still be there.
            'ROS_DOMAIN_ID': str(20 + (os.getpid() + 3) % 80),
            'OMP_NUM_THREADS': '1',
        }

    def run(self, text):
        """Run a command, unless it ran already and leaves nothing; it has to end well."""
        if text in self.done and '--out' not in text:
            return
        words = shlex.split(text)
        if words[0] in ('./run', 'liquid-pilot'):
            words = [sys.executable, '-m', 'liquid_pilot.cli', *words[1:]]
            if words[3] == 'onboard':
                words[3:] = words[4:] or ['doctor', '--onboard']
        elif words[:3] == ['ros2', 'run', 'liquid_pilot']:
            words = [sys.executable, '-m', f'liquid_pilot.nodes.{words[3]}', *words[4:]]
        elif words[0] == 'python':
            words[0] = sys.executable
        process = subprocess.Popen(
            words,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        wanted = {0}
        try:
            if text.startswith(ENDED_BY_CTRL_C):
                time.sleep(5.0)
                assert process.poll() is None, process.communicate()[0]
                process.send_signal(signal.SIGINT)
                wanted = {0, 130}
            output = process.communicate(timeout=300)[0]
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        # A doctor may find something: then it has said so.
        if words[2:4] == ['liquid_pilot.cli', 'doctor']:
            wanted = {0, 1}
        assert process.returncode in wanted, f'{text}\n{output}'
        assert 'Traceback' not in output, f'{text}\n{output}'
        self.done.add(text)
        if text.startswith('liquid-pilot record'):
            # Nobody flew meanwhile: the reader's flight is made by `prepare`.
            shutil.rmtree(self.folder / words[words.index('--out') + 1])

    def prepare(self, text):
        """Make what a command takes for granted: flights of the reader, their trainings."""
        for word in text.split():
            path = self.folder / word
            if word in MADE_BY and not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                MADE_BY[word](self, path)


def recording(place, path):
    source = place.shared / 'demo'
    if not source.exists():
        place.run(made_small(f'liquid-pilot fly --demonstrate --seed 1000000 --out {source}'))
    shutil.copytree(source / 'recording', path)


def mapping(place, path):
    shutil.copy(ROOT / 'config' / 'dataset.yaml', path)


def demonstrations(place, path):
    source = place.shared / 'demonstrations'
    if not source.exists():
        place.run(made_small(f'./run demonstrate --out {source}'))
    shutil.copytree(source, path)


def dataset(place, path):
    place.prepare('my_flights mapping.yaml')
    place.run(
        f'./run dataset my_flights --config mapping.yaml --out {path.relative_to(place.folder)}'
    )


def pilot(place, path):
    shutil.copytree(ROOT / 'pilots' / 'forest-ltc', path)
    settings = path / 'pilot.json'
    settings.write_text(settings.read_text().replace('"forest-ltc"', '"mine"'))


def ncps_weights(place, path):
    import torch
    from ncps.torch import LTC
    from ncps.wirings import AutoNCP

    torch.save(LTC(38, AutoNCP(34, 4)).state_dict(), path)


MADE_BY = {
    **dict.fromkeys(
        ('flight1', 'flight2', 'my_bag', 'my_flights', 'runs/demo/recording'), recording
    ),
    **dict.fromkeys(('my.yaml', 'mapping.yaml'), mapping),
    **dict.fromkeys(('D', 'runs/demos', 'runs/demonstrations'), demonstrations),
    **dict.fromkeys(('runs/mine/pilot', 'runs/my-pilot/pilot'), pilot),
    **dict.fromkeys(('data', 'runs/dataset', 'runs/mine'), dataset),
    'ltc.pt': ncps_weights,
}


@pytest.fixture(scope='module')
def reader(tmp_path_factory):
    """What the readers of all pages share: a folder, and what was run."""
    return tmp_path_factory.mktemp('shared'), set()


@pytest.fixture
def place(tmp_path, reader):
    """A page's own."""
    return Place(tmp_path, *reader)


def inputs_of(text):
    """The command without what it writes."""
    return re.sub(r'--out \S+', '', text)


@pytest.mark.parametrize('page', PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_run_or_say_what_they_need(page, place):
    for command in commands(page):
        if command.needs or command.text == './run test':
            continue
        place.prepare(inputs_of(command.text))
        place.run(made_small(command.text))


def test_every_launch_command_has_arguments_that_exist():
    seen = 0
    for page in PAGES:
        for command in commands(page):
            found = re.match(r'ros2 launch liquid_pilot (\S+)(.*)', command.text)
            if not found or '--show-args' in command.text or '...' in command.text:
                continue
            kind = {
                'fly.launch.py': FlyOptions,
                'hardware.launch.py': HardwareOptions,
            }[found[1]]
            from_strings(kind, dict(word.split(':=', 1) for word in shlex.split(found[2])))
            seen += 1
    assert seen >= 3


def test_a_command_that_cannot_run_here_says_what_it_needs():
    needing = [command for page in PAGES for command in commands(page) if command.needs]
    running = [command for page in PAGES for command in commands(page) if not command.needs]
    assert len(running) > 40 and needing
    for command in needing:
        assert len(command.needs.partition('needs')[2].strip(' :')) > 3, command
    # What stands above a command is a need of its block alone.
    assert not [
        command
        for command in running
        if command.text.split()[0] in ('sudo', 'docker', 'colcon', 'rosdep')
    ]


# Python

PRELUDES = {
    'README.md': ('', []),
    'evaluation.md': (
        'from pathlib import Path\nfrom liquid_pilot import pilot_file\n'
        "pilots = [pilot_file.load('pilots/forest-ltc')]\nfolder = Path('snippet')\n",
        [("'clear,all:3'", "'clear'"), ('range(100)', 'range(1)'), ('workers=2', 'workers=1')],
    ),
    'recording.md': ('from pathlib import Path\n', []),
    'simulation.md': ('', []),
    'vehicles.md': ('', []),
}


def snippets(page):
    return ['\n'.join(block) for block in blocks(page) if SNIPPET.match(block[0])]


@pytest.mark.parametrize(
    'page', [page for page in PAGES if snippets(page)], ids=lambda page: page.name
)
def test_the_python_of_a_page_runs(page, place):
    prelude, smaller = PRELUDES[page.name]
    for text in snippets(page):
        for word in re.findall(r"Path\('(\S+?)'\)", text):
            if word in MADE_BY and word != 'data':
                place.prepare(word)
        for before, after in smaller:
            assert before in text
            text = text.replace(before, after)
        done = subprocess.run(
            [sys.executable, '-c', prelude + text],
            cwd=place.folder,
            env=place.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
