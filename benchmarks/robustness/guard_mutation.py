"""Mutation testing of the guard: the share of small faults in its code that its tests find.

    pip install cosmic-ray
    python benchmarks/robustness/guard_mutation.py [--workers 2] [--module MODULE]

cosmic-ray makes one small change at a time (an operator, a comparison, a constant, a branch) to a
copy of the module, in a temporary folder, and runs the guard's tests against it. A change that no
test notices has survived. Each change takes some seconds. The survivors are printed with their
lines. The last line printed is one JSON object.
"""

from __future__ import annotations

import argparse
import ast
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from liquid_pilot.utils.progress import make_progress

ROOT = Path(__file__).resolve().parents[2]
TESTS = (
    'test/onboard/safety/test_guard.py',
    'test/onboard/safety/test_guard_slew.py',
    'test/onboard/safety/test_guard_states.py',
    'test/onboard/safety/test_geofence.py',
)
TIMEOUT_S = 120


def copy(place: Path) -> Path:
    """Copy what the tests need into a folder; returns the folder."""
    for part in ('liquid_pilot', 'test', 'docs/explanation/guard.md'):
        source, target = ROOT / part, place / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns('__pycache__'))
        else:
            shutil.copy(source, target)
    return place


def survives(place: Path, module: str, text: str) -> bool:
    """Return whether all tests pass with another text of the module.

    Args:
        place: folder with the copy of the package and its tests.
        module: path of the module in it.
        text: the changed text of the module.
    """
    (place / module).write_text(text)
    # The example database of hypothesis would carry failures from one change to the next.
    command = [
        sys.executable,
        '-m',
        'pytest',
        '-x',
        '-q',
        '-p',
        'no:cacheprovider',
        '--hypothesis-seed=0',
        *TESTS,
    ]
    try:
        done = subprocess.run(
            command,
            cwd=place,
            capture_output=True,
            timeout=TIMEOUT_S,
            env={
                **os.environ,
                'PYTHONDONTWRITEBYTECODE': '1',
                'PYTHONPATH': os.pathsep.join(
                    filter(None, [str(place), os.environ.get('PYTHONPATH')])
                ),
            },
        )
    except subprocess.TimeoutExpired:
        return False
    finally:
        shutil.rmtree(place / '.hypothesis', ignore_errors=True)
    return done.returncode == 0


def mutants(module: Path) -> list[tuple[str, int, str]]:
    """Return (operator, line, text of the module) of every change that has an effect."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator, operator_names

    source, found = module.read_text(), []
    seen = {meaning(source)}
    for name in sorted(operator_names()):
        try:
            operator = get_operator(name)()
        except TypeError:
            continue  # It needs arguments.
        for occurrence in itertools.count():
            changed = mutate_code(source, operator, occurrence)
            if changed is None:
                break
            try:
                means = meaning(changed)
            except SyntaxError:
                continue
            if means not in seen:
                seen.add(means)
                pairs = zip(source.splitlines(), changed.splitlines(), strict=False)
                line = next(k for k, (one, other) in enumerate(pairs, 1) if one != other)
                found.append((name, line, changed))
    return found


def meaning(source: str) -> str:
    """Return the syntax tree without annotations, which have no effect here."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for field in ('annotation', 'returns'):
            if getattr(node, field, None) is not None:
                setattr(node, field, ast.Constant(0))
    return ast.dump(tree)


def main() -> int:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0], allow_abbrev=False)
    parser.add_argument('--module', default='liquid_pilot/onboard/safety/guard.py')
    parser.add_argument('--workers', type=int, default=2, metavar='N')
    parser.add_argument('--limit', type=int, metavar='N', help='test every N-th change only')
    parsed = parser.parse_args()
    try:
        every = mutants(ROOT / parsed.module)[:: parsed.limit or 1]
    except ImportError:
        parser.error('cosmic-ray is not installed: pip install cosmic-ray')
    lines = (ROOT / parsed.module).read_text().splitlines()
    survivors = []
    with tempfile.TemporaryDirectory() as folder, make_progress() as bar:
        places = [copy(Path(folder) / str(k)) for k in range(parsed.workers)]
        if not survives(places[0], parsed.module, (ROOT / parsed.module).read_text()):
            parser.error('the tests fail without any change')
        task = bar.add_task('changes', total=len(every))

        def check(mutant: tuple[str, int, str]) -> None:
            place = places.pop()
            try:
                if survives(place, parsed.module, mutant[2]):
                    survivors.append(mutant)
                    changed = mutant[2].splitlines()[mutant[1] - 1].strip()
                    bar.console.print(
                        f'{mutant[1]}: {lines[mutant[1] - 1].strip()}\n'
                        f'   -> {changed}  ({mutant[0]})',
                        markup=False,
                    )
            finally:
                places.append(place)
                bar.advance(task)

        with ThreadPoolExecutor(parsed.workers) as pool:
            list(pool.map(check, every))
    killed = len(every) - len(survivors)
    print(
        json.dumps(
            {
                'module': parsed.module,
                'changes': len(every),
                'killed': killed,
                'share': round(killed / max(len(every), 1), 4),
            }
        )
    )
    return 0


if __name__ == '__main__':
    sys.exit(main())
