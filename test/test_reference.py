"""The files that are made from declarations are as the declarations make them now."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest
import yaml

import liquid_pilot
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
    sys.path.insert(0, str(ROOT / 'scripts'))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(ROOT / 'scripts'))
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


def test_the_page_of_commands_says_the_exit_codes_and_what_is_required():
    page = GENERATOR.commands_page()
    head, rest = page.split('## `liquid-pilot fly`', 1)
    codes = re.findall(r'^\| (\d+) \| .+ \|$', head, re.MULTILINE)
    assert codes == ['0', '1', '2', '3', '130', '141', '143']
    assert '| `PILOT` | required; name of a shipped pilot' in rest


def written(description):
    """The end of a table's row that has a description: paths of pages are links there."""
    linked = GENERATOR.link_pages(description)
    return linked.replace('|', '\\|').replace('<', '&lt;') + ' |'


def test_the_reference_names_every_setting_and_every_command():
    parameters = (ROOT / 'docs/reference/parameters.md').read_text()
    owners = (*GENERATOR.NODES.values(), *GENERATOR.ADAPTATION, FlyOptions, HardwareOptions)
    for owner in (*owners, TrainingSettings):
        for name, declared in declared_settings(owner).items():
            lines = [
                line
                for line in parameters.splitlines()
                if line.startswith(f'| `{name}` | `{GENERATOR.yaml_value(declared.default)}` |')
                and line.endswith(written(declared.description))
            ]
            assert lines and all(declared.range_text in line for line in lines), name
    commands = (ROOT / 'docs/reference/commands.md').read_text()
    for name in COMMANDS:
        assert f'## `liquid-pilot {name}`\n' in commands


def test_paths_of_pages_become_links():
    text = 'where it is (docs/how_to/gazebo.md); docs/reference/ros_interface.md#frames-and-units'
    assert GENERATOR.link_pages(text) == (
        'where it is ([gazebo](../how_to/gazebo.md)); '
        '[frames and units](ros_interface.md#frames-and-units)'
    )


def test_a_cell_of_a_table_begins_no_html_and_no_other_cell():
    assert GENERATOR.table(('a',), [('runs/<time> or `<x>|y`',)]).splitlines()[2] == (
        '| runs/&lt;time> or `<x>\\|y` |'
    )


def test_the_python_pages_have_every_public_name_once():
    groups = list(GENERATOR.name_groups())
    names = [name for group in groups for name in group.names]
    assert sorted(names) == sorted(liquid_pilot.__all__)
    assert [group.page for group in groups if not group.names] == []
    index = (ROOT / 'docs/reference/python/index.md').read_text()
    for group in groups:
        page = (ROOT / f'docs/reference/python/{group.page}.md').read_text()
        assert re.findall(r'^::: liquid_pilot\.(\w+)$', page, re.MULTILINE) == list(group.names)
        for name in group.names:
            (row,) = [line for line in index.splitlines() if line.startswith(f'| [`{name}`](')]
            assert len(row.split('|')[2].strip()) > 10, row


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
