"""The package as ROS and pip see it: manifest, version, executables, pins."""

import ast
import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
NODES = (
    'pilot',
    'adaptation',
    'guard',
    'simulator',
    'gazebo',
    'scene',
    'recorder',
    'dashboard',
    'visualization',
)
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
    # Imported by name, since they are optional.
    imported |= {'cv_bridge', 'tf2_msgs'}
    ros = {
        name
        for name in imported
        if name.endswith(('_msgs', '_interfaces', '_srvs'))
        or name in ('rclpy', 'launch', 'launch_ros', 'ament_index_python', 'cv_bridge')
    }
    # Started, not imported.
    assert declared - {'ros2launch', 'tf2_ros'} == ros


DEPENDENCIES = {
    'numpy': 'python3-numpy',
    'numba': 'python3-numba',
    'llvmlite': 'python3-numba',
    'onnxruntime': 'python3-onnxruntime-pip',
    'cv2': 'python3-opencv',
    'yaml': 'python3-yaml',
    'aiohttp': 'python3-aiohttp',
    'rich': 'python3-rich',
    'argcomplete': 'python3-argcomplete',
    'pymavlink': 'python3-pymavlink-pip',
    'serial': 'python3-serial',
    'matplotlib': 'python3-matplotlib',
    'mujoco': 'python3-mujoco-pip',
    'gymnasium': 'python3-gymnasium-pip',
    'sklearn': 'python3-sklearn',
}
"""Modules and their rosdep keys."""
WITHOUT_KEY = {'safetensors', 'mcap', 'lz4', 'zstandard'}
"""Modules that no rosdep key has; README.md tells how they are installed. lz4 and zstandard come
with mcap."""
SIMULATION = {'matplotlib', 'mujoco', 'gymnasium', 'sklearn'}
TRAINING = {'torch', 'onnx', 'onnxscript', 'rosbags'}


def test_every_other_package_imported_is_in_the_manifest_and_a_robot_takes_no_simulator():
    elements = [e for e in MANIFEST.iter('exec_depend') if e.text.startswith('python3-')]
    # pyserial is imported by pymavlink.
    imported = {'serial'}
    for path in (ROOT / 'liquid_pilot').rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split('.')[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.split('.')[0])
    known = {element.text for element in MANIFEST.iter('exec_depend')}
    others = imported - set(sys.stdlib_module_names) - {'liquid_pilot'} - TRAINING - WITHOUT_KEY
    assert {DEPENDENCIES[name] for name in others - known} == {e.text for e in elements}
    on_a_robot = {element.text for element in elements if element.get('condition') is None}
    assert on_a_robot == {key for name, key in DEPENDENCIES.items() if name not in SIMULATION}
    assert {element.get('condition') for element in elements} == {
        None,
        '$LIQUID_PILOT_ONBOARD != 1',
    }


def test_the_file_of_hashes_has_the_versions_of_the_constraints_and_all_that_flying_takes():
    """Where it is old: python scripts/lock_hashes.py."""
    text = (ROOT / 'requirements-hashes.txt').read_text()
    locked = dict(
        re.findall(r'^([a-z0-9.-]+)==(\S+) \\\n    --hash=sha256:[0-9a-f]{64}\b', text, re.M)
    )
    assert len(locked) == len(re.findall(r'^[^#\s]', text, re.MULTILINE)) > 100
    constraints = {
        name.lower().replace('_', '-'): version
        for name, version in re.findall(
            r'^([\w.-]+)==(\S+)', (ROOT / 'constraints.txt').read_text(), re.MULTILINE
        )
    }
    tools = {'setuptools'}
    assert {name: constraints.get(name) for name in set(locked) - tools} == {
        name: version for name, version in locked.items() if name not in tools
    }
    spec = importlib.util.spec_from_file_location('lock', ROOT / 'scripts' / 'lock_hashes.py')
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    wanted = {re.match(r'[\w.-]+', line)[0].lower() for line in script.requirements()}
    assert wanted <= set(locked)


def test_containers_end_as_ctrl_c_does():
    """SIGTERM to `ros2 launch`, the default of `docker stop`, leaves its nodes running."""
    text = (ROOT / 'Dockerfile').read_text()
    assert re.findall(r'^(FROM .*|STOPSIGNAL .*)', text, re.MULTILINE)[:2] == [
        'FROM ros:${ROS_DISTRO}-ros-base AS base',
        'STOPSIGNAL SIGINT',
    ]


def installed_script(node, tmp_path):
    """(The script as lib/liquid_pilot/<node>, in a prefix that has this Python; environment)."""
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
    return place, environment


@pytest.mark.parametrize('node', NODES)
def test_a_node_starts_from_where_ros2_run_looks(node, tmp_path):
    place, environment = installed_script(node, tmp_path)
    answer = subprocess.run(
        [place, '--help'], env=environment, capture_output=True, text=True, timeout=180
    )
    assert answer.returncode == 0, answer.stderr
    assert node in answer.stdout and 'usage' in answer.stdout.lower()


def test_ctrl_c_while_a_node_is_imported_ends_it_without_a_word(tmp_path):
    """As `ros2 launch` ends all nodes when one of them fails early."""
    place, environment = installed_script('guard', tmp_path)
    for delay_s in (0.02, 0.1, 0.3):
        process = subprocess.Popen(
            [place], env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        time.sleep(delay_s)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
        # Before Python runs, the shell ends by the signal.
        assert process.returncode in (0, -signal.SIGINT)
        assert error == ''


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
