"""What `import liquid_pilot` offers, and what it costs."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import liquid_pilot

ROOT = Path(__file__).resolve().parents[1]
FACE = ROOT / 'liquid_pilot' / '__init__.py'


def in_a_process(program):
    """Run a program in a fresh process, in a folder that is not the checkout; its JSON."""
    done = subprocess.run(
        [sys.executable, '-c', program],
        cwd='/',
        env={'PYTHONPATH': str(ROOT), 'PATH': '/usr/bin:/bin'},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_importing_it_takes_milliseconds_and_loads_nothing_of_weight():
    program = """
import json, sys, time
before, start_s = set(sys.modules), time.process_time()
import liquid_pilot
cpu_s = time.process_time() - start_s
print(json.dumps([cpu_s, sorted(set(sys.modules) - before)]))
"""
    runs = [in_a_process(program) for _ in range(5)]
    assert min(cpu_s for cpu_s, _ in runs) < 0.05
    loaded = runs[0][1]
    assert not {'numpy', 'numba', 'torch', 'mujoco', 'rclpy', 'argparse', 'rich'} & set(loaded)
    assert [name for name in loaded if name.startswith('liquid_pilot.')] == []


def test_a_name_loads_its_own_module_and_no_more():
    loaded = in_a_process("""
import json, sys
import liquid_pilot
liquid_pilot.Guard, liquid_pilot.VehicleLimits
print(json.dumps(sorted(sys.modules)))
""")
    assert 'liquid_pilot.onboard.safety.guard' in loaded
    assert not {'numba', 'onnxruntime', 'cv2', 'torch', 'mujoco', 'gymnasium'} & set(loaded)
    assert 'liquid_pilot.onboard.inference.engine' not in loaded


@pytest.mark.parametrize('name', liquid_pilot.__all__)
def test_every_name_is_there_and_documented(name):
    value = getattr(liquid_pilot, name)
    assert (value.__doc__ or '').strip(), f'{name} has no docstring'
    assert not value.__doc__.startswith(f'{value.__name__}('), f'{name} has a generated docstring'
    assert f'`{name}`' in liquid_pilot.__doc__, f'{name} is not in the docstring of the package'
    assert name in dir(liquid_pilot)


def test_type_checkers_see_the_names_that_are_loaded():
    """The imports for type checkers, `__all__` and the table of modules say the same."""
    for_checkers = {}
    (block,) = [
        node
        for node in ast.parse(FACE.read_text()).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == 'TYPE_CHECKING'
    ]
    for node in block.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                module = node.module.removeprefix('liquid_pilot.')
                for_checkers[alias.asname or alias.name] = (module, alias.name)
    assert for_checkers == liquid_pilot._SOURCES
    assert sorted(liquid_pilot.__all__) == sorted({*for_checkers, 'load_pilot'})
    assert liquid_pilot.__all__ == sorted(liquid_pilot.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'liquid_pilot' has no attribute 'Pilot'"):
        _ = liquid_pilot.Pilot
    with pytest.raises(ImportError):
        exec('from liquid_pilot import Pilot')


def test_submodules_are_imported_as_ever():
    from liquid_pilot import interfaces, pilot_file

    assert liquid_pilot.Command is interfaces.Command
    assert liquid_pilot.save_pilot is pilot_file.save


def test_a_pilot_is_loaded_by_name_and_by_path():
    by_name = liquid_pilot.load_pilot('forest-ltc')
    by_path = liquid_pilot.load_pilot(ROOT / 'pilots' / 'forest-ltc')
    assert by_name.digest == by_path.digest
    with pytest.raises(liquid_pilot.LiquidPilotError, match='there is no pilot'):
        liquid_pilot.load_pilot('no-such-pilot')


def test_the_package_says_that_it_is_typed():
    assert (ROOT / 'liquid_pilot' / 'py.typed').is_file()
    setup = (ROOT / 'setup.py').read_text()
    assert "'py.typed'" in setup


WITHOUT_EXTRAS = """
import pydoc, sys
sys.modules.update(dict.fromkeys(('torch', 'mujoco', 'gymnasium')))
import liquid_pilot
text = pydoc.plain(pydoc.render_doc(liquid_pilot))
assert 'class Guard' in text
print(sorted(set(liquid_pilot.__all__) - set(dir(liquid_pilot))))
"""


def test_help_needs_no_extra():
    done = subprocess.run(
        [sys.executable, '-c', WITHOUT_EXTRAS], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    left_out = done.stdout
    for name in ('LiquidCore', 'ForestEnv', 'Simulation', 'fly_mission', 'evaluate', 'compare'):
        assert repr(name) in left_out
    for name in ('Guard', 'Engine', 'MissionRules', 'parse_conditions'):
        assert repr(name) not in left_out
