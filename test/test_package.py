"""The package as ROS and pip see it: manifest, version, executables, pins."""

import ast
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
NODES = ('pilot', 'adaptation', 'guard', 'simulator', 'gazebo', 'recorder', 'viewer')
MANIFEST = ElementTree.parse(ROOT / 'package.xml').getroot()


def setup_text():
    return (ROOT / 'setup.py').read_text()


def test_manifest_is_what_colcon_takes_for_an_ament_python_package():
    assert MANIFEST.get('format') == '3'
    assert MANIFEST.findtext('name') == 'liquid_pilot'
    assert MANIFEST.findtext('export/build_type') == 'ament_python'
    # An invalid e-mail makes colcon drop the package's environment hook without a word.
    email = MANIFEST.find('maintainer').get('email')
    assert re.fullmatch(r'[-\w.]+@[-\w]+(\.[-\w]+)+', email)
    assert f"version='{MANIFEST.findtext('version')}'" in setup_text()


def test_every_ros_package_imported_is_in_the_manifest_and_vice_versa():
    declared = {
        element.text
        for element in MANIFEST.iter('exec_depend')
        if not element.text.startswith('python3-')
    }
    imported = set()
    for folder in ('liquid_pilot', 'launch'):
        for path in (ROOT / folder).rglob('*.py'):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    imported |= {alias.name.split('.')[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    imported.add(node.module.split('.')[0])
    ros = {
        name
        for name in imported
        if name.endswith('_msgs')
        or name
        in ('rclpy', 'std_srvs', 'rcl_interfaces', 'launch', 'launch_ros', 'ament_index_python')
    }
    # Started, not imported.
    assert declared - {'ros2launch', 'tf2_ros'} == ros


@pytest.mark.parametrize('node', NODES)
def test_a_node_starts_from_where_ros2_run_looks(node, tmp_path):
    """The script installed as lib/liquid_pilot/<node>, in a prefix that has this Python."""
    script = ROOT / 'scripts' / node
    assert os.access(script, os.X_OK)
    place = tmp_path / 'lib' / 'liquid_pilot' / node
    place.parent.mkdir(parents=True)
    place.write_bytes(script.read_bytes())
    place.chmod(0o755)
    (tmp_path / 'bin').mkdir()
    # A link would lose the virtual environment that the tests run in.
    python = tmp_path / 'bin' / 'python3'
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    environment = {
        **os.environ,
        'PYTHONPATH': str(ROOT),
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
    }
    answer = subprocess.run(
        [place, '--help'], env=environment, capture_output=True, text=True, timeout=180
    )
    assert answer.returncode == 0, answer.stderr
    assert node in answer.stdout and 'usage' in answer.stdout.lower()


@pytest.mark.parametrize('file', ['constraints.txt', 'constraints-numpy1.txt'])
def test_what_was_tested_is_pinned(file):
    pins = dict(re.findall(r'^([-\w.]+)==(\S+)$', (ROOT / file).read_text(), re.MULTILINE))
    known = {name.lower().replace('_', '-') for name in pins}
    wanted = re.findall(r"'([a-zA-Z][-\w]*)(?:[<>=]=?[\d.]+[^']*)'", setup_text())
    wanted += re.findall(r"'(ros-jazzy-[-\w]+)'", setup_text())
    assert len(wanted) > 20
    assert {name.lower() for name in wanted} <= known


# What a contributor and a host of repositories read


def test_the_citation_names_this_version():
    content = yaml.safe_load((ROOT / 'CITATION.cff').read_text())
    assert content['cff-version'] == '1.2.0'
    assert content['title'] == MANIFEST.findtext('name')
    assert content['version'] == MANIFEST.findtext('version')
    assert content['license'] == MANIFEST.findtext('license')
    assert [author['name'] for author in content['authors']] == [MANIFEST.findtext('author')]


def test_the_workflow_runs_the_test_command_on_every_supported_python_and_ros():
    content = yaml.safe_load((ROOT / '.github' / 'workflows' / 'ci.yml').read_text())
    wheels, ros = content['jobs']['wheels'], content['jobs']['ros']
    assert wheels['strategy']['matrix']['python'] == ['3.11', '3.12', '3.13']
    assert ros['strategy']['matrix']['distro'] == ['jazzy', 'kilted']
    for job in (wheels, ros):
        assert '.ci/run' in job['steps'][-1]['run'].split()
    assert os.access(ROOT / '.ci' / 'run', os.X_OK)
    # What ./run asks for when a package of the system is missing is installed before.
    needed = re.search(r"'the simulated camera needs OpenGL' (.*)", (ROOT / 'run').read_text())[1]
    for job in (wheels, ros):
        installed = ' '.join(step.get('run', '') for step in job['steps']).split()
        assert set(needed.split()) <= set(installed)


def test_the_hooks_of_pre_commit_are_there_and_part_of_the_test_command():
    content = yaml.safe_load((ROOT / '.pre-commit-config.yaml').read_text())
    hooks = {hook['id']: hook for repo in content['repos'] for hook in repo['hooks']}
    run = (ROOT / 'run').read_text()
    assert 'ruff check' in run and 'ruff format --check' in run
    assert set(hooks) == {'ruff-check', 'ruff-format', 'import-contract', 'mypy'}
    tools = {hook['entry'].split()[0].rpartition('/')[2] for hook in hooks.values()}
    assert tools == {'ruff', 'lint-imports', 'mypy'}
    for tool in ('ruff', 'import-linter', 'mypy'):
        assert re.search(rf"'{tool}>=", setup_text()), f'{tool} is not in the extra `test`'


PAGES = [
    path.relative_to(ROOT)
    for pattern in ('*.md', 'docs/**/*.md', 'examples/*.md', 'pilots/*.md', 'studies/*/*.md')
    for path in sorted(ROOT.glob(pattern))
]


@pytest.mark.parametrize('page', PAGES, ids=str)
def test_the_links_of_a_page_lead_somewhere(page):
    text = (ROOT / page).read_text()
    for target in re.findall(r'\]\(([^)#\s]+)', text):
        if '://' not in target:
            assert ((ROOT / page).parent / target).exists(), target
    for quoted in re.findall(
        r'`((?:test|liquid_pilot|config|studies|simulation)/[\w/]+\.\w+)`', text
    ):
        below = ROOT / 'liquid_pilot' if quoted.startswith('simulation') else ROOT
        assert (below / quoted).exists(), quoted
