"""A small slice of the fuzzing, always the same, and its book-keeping."""

import json
import sys
from pathlib import Path

import pytest

ROBUSTNESS = Path(__file__).resolve().parents[2] / 'benchmarks' / 'robustness'
INPUTS = 15
"""Of each target, of the run that the page shows."""


@pytest.fixture(scope='module')
def fuzz():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROBUSTNESS))
        import fuzz

        yield fuzz
    for name in list(sys.modules):
        if name.partition('_')[0] == 'fuzz':
            del sys.modules[name]


@pytest.fixture(scope='module')
def targets(fuzz):
    from fuzz_targets import TARGETS

    return TARGETS


def test_damaged_inputs_meet_the_documented_error_or_are_used(fuzz, targets, tmp_path):
    verdicts = {}
    for name, plan in targets.items():
        (tmp_path / name).mkdir()
        target = plan.make(tmp_path / name)
        for index in range(INPUTS):
            given = target.make(fuzz.chance_of(fuzz.SEED, name, index))
            verdict, text = fuzz.feed(target, given)
            assert verdict != 'fault', f'--only {name} --one {index}: {text}'
            verdicts.setdefault(name, set()).add(verdict)
    # Inputs that are all refused at the first look would test nothing.
    assert all('accepted' in seen for seen in verdicts.values()), verdicts
    assert sum(plan.inputs for plan in targets.values()) >= 1_000_000


@pytest.mark.parametrize(
    ('name', 'index'),
    [('camera_info', index) for index in (325, 708, 941, 976)],
)
def test_an_input_that_once_was_a_fault(fuzz, targets, tmp_path, name, index):
    target = targets[name].make(tmp_path)
    given = target.make(fuzz.chance_of(fuzz.SEED, name, index))
    meter = fuzz.Meter()
    meter.start()
    verdict, text = fuzz.feed(target, given)
    assert verdict != 'fault', text
    assert meter.end()[1] < 150.0


def test_an_input_is_known_by_its_number(fuzz, targets, tmp_path):
    for name in ('compressed_image', 'condition', 'mapping', 'mavlink'):
        target = targets[name].make(tmp_path)
        first, second = (target.make(fuzz.chance_of(1, name, 5)) for _ in range(2))
        assert first == second != target.make(fuzz.chance_of(1, name, 6))


class Wrong:
    """A target whose inputs are what goes wrong."""

    documented = (ValueError,)

    def use(self, given):
        raise given


@pytest.mark.parametrize(
    ('error', 'verdict', 'text'),
    [
        (ValueError('one line'), 'refused', ''),
        (ValueError('two\nlines'), 'fault', 'several lines'),
        (ValueError('\x1b[2J'), 'fault', 'escapes'),
        (KeyError('x'), 'fault', 'KeyError at test_fuzz.py'),
        (MemoryError(), 'fault', 'MemoryError'),
    ],
)
def test_a_fault_is_seen(fuzz, error, verdict, text):
    found = fuzz.feed(Wrong(), error)
    assert found[0] == verdict and text in found[1]


def test_time_and_memory_of_one_input_are_measured(fuzz):
    meter = fuzz.Meter()
    meter.start()
    held = bytearray(b'x') * 60_000_000
    seconds, mb = meter.end()
    assert 40.0 < mb < 90.0 and 0.0 < seconds < 5.0
    del held
    meter.start()
    assert meter.end()[1] < 20.0


def test_the_table_adds_up_batches_and_names_one_fault_of_a_kind(fuzz, tmp_path):
    batch = {
        'target': 'bag',
        'seed': 1,
        'first': 0,
        'inputs': 10,
        'refused': 8,
        'accepted': 0,
    }
    batch.update(slowest_s=0.2, largest_mb=3.0, faulty=2)
    faults = [[3, 'KeyError at a.py:1: x'], [5, 'KeyError at a.py:1: y']]
    entries = [
        {**batch, 'faults': faults},
        {**batch, 'first': 10, 'faulty': 0, 'faults': []},
    ]
    file = tmp_path / 'out.jsonl'
    file.write_text(''.join(json.dumps(entry) + '\n' for entry in entries))
    rows = fuzz.table(fuzz._read(file))
    assert rows['all'] == rows['bag'] and rows['bag']['inputs'] == 20 and rows['bag']['faulty'] == 2
    assert fuzz.faults_of(entries) == {'bag': [[3, 'KeyError at a.py:1: x']]}
    assert '| bag | 20 | 16 | 0 | 2 | 200 ms | 3 MB |' in fuzz.table_text(rows)


@pytest.mark.slow
def test_batches_run_and_are_not_run_twice(fuzz, tmp_path):
    file = tmp_path / 'out.jsonl'
    for _ in range(2):
        entries = fuzz._read(file)
        fuzz._run(['condition'], 3, 0.0, entries, file)
        assert [entry['inputs'] for entry in entries] == [50]
    assert len(file.read_text().splitlines()) == 1
