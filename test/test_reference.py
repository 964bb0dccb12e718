"""The files that are made from declarations are as the declarations make them now."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest
import yaml

from liquid_pilot.cli.main import COMMANDS
from liquid_pilot.learning.config import TrainingSettings
from liquid_pilot.nodes.launch.flight_options import FlyOptions
from liquid_pilot.nodes.launch.hardware_options import HardwareOptions
from liquid_pilot.utils.settings import declared_settings

ROOT = Path(__file__).resolve().parent.parent


def load_generator():
    spec = importlib.util.spec_from_file_location(
        'generate_reference', ROOT / 'scripts' / 'generate_reference.py'
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = load_generator()


@pytest.mark.parametrize('name', GENERATOR.FILES)
def test_a_file_is_up_to_date(name):
    made = GENERATOR.FILES[name]()
    assert (ROOT / name).read_text() == made, 'run `python scripts/generate_reference.py`'


def test_a_file_that_is_not_is_named_and_written_again(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(GENERATOR, 'ROOT', tmp_path)
    monkeypatch.setattr(sys, 'argv', ['generate_reference', '--check'])
    assert GENERATOR.main() == 1
    assert 'config/fly.yaml: is out of date' in capsys.readouterr().out
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(sys, 'argv', ['generate_reference'])
    assert GENERATOR.main() == 0
    assert (tmp_path / 'config/fly.yaml').read_text() == (ROOT / 'config/fly.yaml').read_text()
    monkeypatch.setattr(sys, 'argv', ['generate_reference', '--check'])
    assert GENERATOR.main() == 0


def test_the_reference_names_every_setting_and_every_command():
    parameters = (ROOT / 'docs/reference/parameters.md').read_text()
    owners = (*GENERATOR.NODES.values(), *GENERATOR.ADAPTATION, FlyOptions, HardwareOptions)
    for owner in (*owners, TrainingSettings):
        for name, declared in declared_settings(owner).items():
            lines = [
                line
                for line in parameters.splitlines()
                if line.startswith(f'| `{name}` | `{GENERATOR.yaml_value(declared.default)}` |')
                and line.endswith(declared.description.replace('|', '\\|') + ' |')
            ]
            assert lines and all(declared.range_text in line for line in lines), name
    commands = (ROOT / 'docs/reference/commands.md').read_text()
    for name in COMMANDS:
        assert f'## `liquid-pilot {name}`\n' in commands


@pytest.mark.parametrize(
    'value', ['raw', 'a/b.c', '', 'off', 'true', "it's", 'udp:1:2', '12', 1.5, 3, True, (1.0, 2.0)]
)
def test_a_value_is_written_as_yaml_reads_it(value):
    read = yaml.safe_load(f'x: {GENERATOR.yaml_value(value)}')['x']
    assert read == (list(value) if isinstance(value, tuple) else value)
    assert type(read) is (list if isinstance(value, tuple) else type(value))


def test_pages_that_help_and_messages_name_are_there():
    named = {
        (path.relative_to(ROOT), page)
        for folder in ('liquid_pilot', 'config', 'launch', 'docs/reference')
        for path in (ROOT / folder).rglob('*')
        if path.is_file() and path.suffix != '.pyc'
        for page in re.findall(r'\bdocs/[\w/]+\.md\b', path.read_text())
    }
    assert len(named) > 20
    assert [(path, page) for path, page in named if not (ROOT / page).is_file()] == []
