"""A reader of a page, who types its commands, made small, in a folder like a checkout."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import ros_domain
from pages import ROOT

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
LINKED = ('config', 'pilots', 'benchmarks', 'examples', 'liquid_pilot', 'pyproject.toml')
ENDED_BY_CTRL_C = ('liquid-pilot record', 'ros2 run')


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
        # Nodes of other pages may still be there.
        self.domain = ros_domain.reserve()
        for name in LINKED:
            (folder / name).symlink_to(ROOT / name)
        self.environment = {
            **os.environ,
            'PYTHONPATH': str(ROOT),
            'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
            'ROS_DOMAIN_ID': str(self.domain),
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
        elif words[0] == 'python' or words[0].startswith('.venv/bin/'):
            words[0] = str(Path(sys.executable).with_name(Path(words[0]).name))
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
