"""Extensions of other packages: found without an import, refused by name when they are broken."""

import contextlib
import subprocess
import sys
import warnings
from typing import NamedTuple

import page_package
import pytest

from liquid_pilot.cli.health.extension_checks import check_extensions
from liquid_pilot.cli.main import main
from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils.entry_points import (
    Choices,
    ExtensionRegistry,
    installed_extensions,
    instance_of,
    is_callable,
)

GROUP = 'liquid_pilot.vehicles'


class Boat(NamedTuple):
    """What the registry of these tests holds."""

    length_m: float


BOATS = ExtensionRegistry(
    GROUP, 'boat', 'docs/boats.md', {'canoe': Boat(5.0)}, instance_of(Boat), reserved=('auto',)
)


def boats(entries, version='1.0', name='my_boats'):
    """Return the files of a package with these entry points and no module."""
    lines = ''.join(f'"{entry}" = "{value}"\n' for entry, value in entries.items())
    return {
        'pyproject.toml': f'[project]\nname = "{name}"\nversion = "{version}"\n'
        f'[project.entry-points."{GROUP}"]\n{lines}'
    }


@pytest.fixture
def install(tmp_path):
    """Function (files of a package) that installs it until the end of the test."""
    with contextlib.ExitStack() as stack:
        count = iter(range(9))
        yield lambda files: stack.enter_context(
            page_package.installed(files, tmp_path / f'place{next(count)}')
        )


MODULE = f"""
from {__name__} import Boat
YAWL = Boat(9.0)
def make(length_m): return Boat(length_m)
"""


def test_an_extension_is_listed_without_an_import_and_loaded_by_its_name(install):
    assert list(BOATS) == ['canoe']
    install({**boats({'yawl': 'my_boats:YAWL'}), 'my_boats.py': MODULE})
    assert list(BOATS) == ['canoe', 'yawl'] and len(BOATS) == 2
    assert 'yawl' in BOATS and 'raft' not in BOATS
    assert 'my_boats' not in sys.modules
    assert BOATS['yawl'].length_m == 9.0 and BOATS['canoe'].length_m == 5.0
    assert str(BOATS.extension('yawl')) == 'my_boats 1.0'
    assert BOATS.extension('canoe') is None and BOATS.extension('raft') is None
    assert tuple(Choices(('auto',), BOATS)) == ('auto', 'canoe', 'yawl')
    assert 'yawl' in Choices(('auto',), BOATS) and len(Choices(BOATS, BOATS)) == 2
    with pytest.raises(KeyError):
        BOATS['raft']


BROKEN = {
    'import nothing_of_this_name': 'my_boats cannot be imported .No module named '
    "'nothing_of_this_name'.; install what it needs, or uninstall my_boats",
    '1 / 0': r'my_boats cannot be imported .ZeroDivisionError: division by zero, at '
    r'.*my_boats.py:1.; repair it, or uninstall my_boats',
    'import sys; sys.exit(3)': r'my_boats cannot be imported .SystemExit: 3, at .*; repair it',
    'SLOOP = 3': "my_boats has no 'YAWL'; correct the entry point in the pyproject.toml or setup",
    'YAWL = 3': r'my_boats:YAWL is an object of type int, not a Boat; docs/boats.md shows one',
}


@pytest.mark.parametrize(('source', 'words'), BROKEN.items())
def test_a_broken_extension_is_an_error_that_says_what_to_do(install, source, words):
    install({**boats({'yawl': 'my_boats:YAWL'}), 'my_boats.py': source})
    for _ in range(2):  # the second time from memory
        with pytest.raises(
            LiquidPilotError,
            match=f"^the boat 'yawl' of the package my_boats 1.0 cannot be used: {words}",
        ):
            BOATS['yawl']
    with pytest.warns(UserWarning, match="'yawl' of the package my_boats 1.0 is left out: my_boa"):
        assert not BOATS.is_usable('yawl')
    # The others are not affected.
    assert BOATS['canoe'].length_m == 5.0 and BOATS.is_usable('canoe')


def test_a_name_of_this_package_cannot_be_taken(install):
    install({**boats({'canoe': 'my_boats:YAWL', 'auto': 'my_boats:YAWL'}), 'my_boats.py': ''})
    with pytest.warns(
        UserWarning, match=r"'canoe' of the package my_boats 1.0 is not used: liquid"
    ):
        assert BOATS['canoe'] == Boat(5.0)
    with pytest.raises(LiquidPilotError, match='liquid_pilot has that name itself; rename the ent'):
        BOATS['auto']


def test_a_name_of_two_packages_is_refused(install):
    install(boats({'yawl': 'my_boats:YAWL'}))
    install(boats({'yawl': 'her_boats:YAWL'}, version='2.1', name='her_boats'))
    with pytest.raises(LiquidPilotError, match='0 has that name too; uninstall one of'):
        BOATS['yawl']


def test_a_name_that_cannot_be_written_on_a_command_line_is_refused(install):
    install(boats({'Big Boat': 'my_boats:YAWL'}))
    with pytest.raises(LiquidPilotError, match='lower-case letters, digits and _'):
        BOATS['Big Boat']


@pytest.mark.parametrize('text', [b'x = a:b\n\xff\xfe = c:d\n', b'x\n'])
def test_a_damaged_package_is_left_out_with_a_warning(text, tmp_path, monkeypatch):
    for name, lines in (('damaged', text), ('whole', b'raft = rafts:RAFT\n')):
        folder = tmp_path / f'{name}-1.0.dist-info'
        folder.mkdir()
        (folder / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n')
        (folder / 'entry_points.txt').write_bytes(f'[{GROUP}]\n'.encode() + lines)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.warns(UserWarning, match='damaged-1.0.dist-info'):
        assert 'raft' in BOATS
    assert BOATS['canoe'].length_m == 5.0


def test_a_package_that_is_on_the_path_twice_counts_once(install):
    files = boats({'yawl': 'my_boats:YAWL'})
    install(files)
    install(files)
    assert [extension.name for extension in installed_extensions(GROUP)] == ['yawl']


def test_what_a_function_of_an_extension_makes_is_checked(install):
    install({**boats({'yawl': 'my_boats:make'}), 'my_boats.py': MODULE})
    registry = ExtensionRegistry(GROUP, 'boat', 'docs/boats.md', {'canoe': Boat}, is_callable)
    assert registry.make('yawl', ('length_m',), registry['yawl'], 3.0) == Boat(3.0)
    with pytest.raises(LiquidPilotError, match="the Boat that it makes has no 'sail'; docs/boats"):
        registry.make('yawl', ('length_m', 'sail'), registry['yawl'], 3.0)
    with pytest.raises(LiquidPilotError, match=r'failed to start \(TypeError: make\(\) missing 1'):
        registry.make('yawl', (), registry['yawl'])
    # Errors of this package stay as they are.
    with pytest.raises(TypeError):
        registry.make('canoe', (), registry['canoe'])


def test_the_doctor_lists_extensions_and_what_is_broken(install, capsys):
    assert check_extensions() == ('ok', 'none')
    install(page_package.files_of('own_weather.md'))
    install(page_package.files_of('own_core.md'))
    level, found = check_extensions()
    assert level == 'ok'
    assert found == 'condition sand (my_weather 1.0), core leaky (my_cores 1.0)'
    install(boats({'yawl': 'no_boats:YAWL', 'rover': 'no_boats:YAWL'}))
    level, found, advice = check_extensions()
    assert level == 'warn' and found.endswith('core leaky (my_cores 1.0); broken: 2')
    assert 'vehicle yawl (my_boats 1.0): no_boats cannot be imported' in advice
    assert 'vehicle rover (my_boats 1.0): liquid_pilot has that name itself; rename' in advice


def test_the_doctor_knows_a_misspelt_group(install):
    files = boats({'yawl': 'my_boats:YAWL'})
    install({name: text.replace(GROUP, 'liquid_pilot.vehicels') for name, text in files.items()})
    level, _, advice = check_extensions()
    assert level == 'warn'
    assert 'yawl (my_boats 1.0): there is no entry-point group liquid_pilot.vehicels' in advice


def test_a_broken_vehicle_is_refused_before_anything_starts(install, capsys):
    install(boats({'yawl': 'no_boats:YAWL'}))
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert main(['fly', '--vehicle', 'yawl']) != 0
    said = capsys.readouterr().err
    assert "the vehicle 'yawl' of the package my_boats 1.0 cannot be used: no_boats cannot" in said
    assert said.count('\n') == 1
    assert main(['fly', '--vehicle', 'raft']) != 0
    assert 'quadrotor, rover, yawl' in capsys.readouterr().err


PAGES = sorted(
    path.name
    for path in page_package.HOW_TO.glob('own_*.md')
    if 'title="pyproject.toml"' in path.read_text()
)


@pytest.mark.slow
@pytest.mark.parametrize('page', PAGES)
def test_pip_installs_the_package_of_a_page_as_the_other_tests_do(page, tmp_path):
    """Without an index: the build tool is that of this environment."""
    pytest.importorskip('setuptools')
    files = page_package.files_of(page)
    (source := tmp_path / 'source').mkdir()
    for name, text in files.items():
        (source / name).write_text(text)
    target = tmp_path / 'target'
    options = ['--no-index', '--no-deps', '--no-build-isolation', '--quiet', '--target', target]
    command = [sys.executable, '-m', 'pip', 'install', *options, source]
    subprocess.run(list(map(str, command)), check=True, timeout=120)
    page_package.install(files, tmp_path / 'ours')
    (theirs,) = target.glob('*.dist-info/entry_points.txt')
    (ours,) = (tmp_path / 'ours').glob('*.dist-info/entry_points.txt')
    assert theirs.parent.name == ours.parent.name
    read = [set(filter(None, path.read_text().splitlines())) for path in (theirs, ours)]
    assert read[0] == read[1]
    modules = [name for name in files if name.endswith('.py')]
    assert modules and all((target / name).read_text() == files[name] for name in modules)


def test_every_group_of_entry_points_has_a_page():
    groups = {
        line.split('"')[1]
        for page in PAGES
        for line in page_package.files_of(page)['pyproject.toml'].splitlines()
        if line.startswith('[project.entry-points.')
    }
    ours = {f'liquid_pilot.{kind}' for kind in ('vehicles', 'tasks', 'conditions', 'learners')}
    assert groups == ours | {'liquid_pilot.cores', 'liquid_pilot.adapters'}
