"""mypy finds nothing, in the package and in what others write on its public face."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytest.importorskip('mypy')


def mypy(*arguments):
    """Run mypy with the settings of pyproject.toml; its exit code and what it printed."""
    done = subprocess.run(
        [sys.executable, '-m', 'mypy', '--no-error-summary', *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=400,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_package_is_typed():
    code, output = mypy()
    assert code == 0, output


USER = """
import liquid_pilot as lp

pilot = lp.load_pilot('forest-ltc')
reveal_type(pilot.specification.rate_hz)
reveal_type(lp.Guard(pilot.specification.limits).check(0.0).command)
reveal_type(lp.ncp)
lp.Guard('no limits')
lp.Gard
"""


def test_a_program_on_the_public_face_sees_its_types(tmp_path):
    program = tmp_path / 'program.py'
    program.write_text(USER)
    code, output = mypy('--config-file', ROOT / 'pyproject.toml', program)
    assert code == 1
    for expected in (
        'program.py:5: note: Revealed type is "float"',
        'program.py:6: note: Revealed type is "tuple[',
        'liquid_pilot.interfaces.Command',
        'program.py:7: note: Revealed type is "def (inputs: int, inter: int',
        'program.py:8: error: Argument 1 to "Guard" has incompatible type "str"',
        'program.py:9: error: Module has no attribute "Gard"',
    ):
        assert expected in output.replace('builtins.', ''), output
    errors = [line for line in output.splitlines() if 'program.py' in line and ': error:' in line]
    assert len(errors) == 2, output
