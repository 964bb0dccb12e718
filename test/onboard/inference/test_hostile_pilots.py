"""Pilots from an unknown source: each is refused with one line that names the file, or flies.

Hashes are corrected after every change, so that the checks behind them are reached: they guard
against damage, not against a pilot that was written to do harm.
"""

from __future__ import annotations

import gzip
import json
import pickle
import random
import struct
import time
import zipfile

import numpy as np
import pytest
from saved_pilots import FILES, assert_flight_refused, assert_one_line, fly, put_file

from liquid_pilot.interfaces import LiquidPilotError, ObservationError


def mutated(data, rng):
    """One to four changes of bytes, as fuzzers make them."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        if not data:
            return b''
        at = rng.randrange(len(data))
        length = min(rng.choice((1, 1, 2, 4, 8, 64)), len(data) - at)
        kind = rng.randrange(6)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at : at + length] = rng.randbytes(length)
        elif kind == 2:
            del data[at : at + length]
        elif kind == 3:
            data[at:at] = data[at : at + length]
        elif kind == 4:
            data[at : at + length] = rng.choice((b'\x00', b'\xff', b'\x7f', b'\x80')) * length
        else:
            del data[at:]
    return bytes(data)


def survives(folder):
    """Whether it still flies; anything but one line about a file is a failure."""
    started = time.process_time()
    try:
        fly(folder)
    except ObservationError as error:
        # Weights that are allowed but overflow: the tick refuses to give a command.
        assert 'not finite' in str(error)
        return False
    except LiquidPilotError as error:
        assert any(file in str(error) for file in FILES), error
        assert_one_line(str(error), '')
        return False
    finally:
        assert time.process_time() - started < 5.0
    return True


@pytest.mark.slow
@pytest.mark.parametrize('name', FILES)
def test_fuzzed_files_fly_or_end_in_one_line(folder, name):
    original = {file: (folder / file).read_bytes() for file in FILES}
    rng = random.Random(f'seed 1 {name}')
    # The weights of the encoder are most of its bytes; its structure is at the edges.
    data = original[name]
    edges = len(data) if name == 'pilot.json' else 1500
    flew = 0
    rounds = 150
    for _ in range(rounds):
        (folder / 'pilot.json').write_bytes(original['pilot.json'])
        where = rng.randrange(3)
        if where == 0:
            changed = mutated(data[:edges], rng) + data[edges:]
        elif where == 1:
            changed = data[:-edges] + mutated(data[-edges:], rng)
        else:
            changed = mutated(data, rng)
        put_file(folder, name, changed)
        flew += survives(folder)
    assert flew < rounds


@pytest.mark.parametrize('name', FILES)
def test_files_cut_anywhere_are_refused(folder, name):
    data = (folder / name).read_bytes()
    cuts = {int(k) for k in np.linspace(0, len(data) - 1, 40)} | {1, 2, 7, 8, 9, len(data) - 2}
    if name == 'pilot.json':
        cuts.discard(len(data) - 1)  # the newline at its end
    settings = (folder / 'pilot.json').read_bytes()
    for cut in sorted(cuts):
        (folder / 'pilot.json').write_bytes(settings)
        put_file(folder, name, data[:cut])
        assert_flight_refused(folder, name)


@pytest.mark.slow
def test_values_of_any_kind_in_any_field_end_in_one_line(folder):
    original = json.loads((folder / 'pilot.json').read_bytes())
    rng = random.Random(3)
    wrong = (
        None,
        True,
        -1,
        0,
        1,
        3,
        1e308,
        -0.0,
        2**63,
        10**300,
        '',
        'a\nb',
        '\x00',
        '../x',
        [],
        [[]],
        {},
        {'a\nb': 1},
        [1e-300] * 6,
        'ltc',
        'gru',
        'ncp',
        'dense',
        4096,
    )

    def places(value):
        if isinstance(value, (dict, list)):
            for key in value if isinstance(value, dict) else range(len(value)):
                yield value, key
                yield from places(value[key])

    for _ in range(400):
        content = json.loads(json.dumps(original))
        for _ in range(rng.choice((1, 1, 2))):
            place, key = rng.choice(list(places(content)))
            place[key] = rng.choice(wrong)
        (folder / 'pilot.json').write_text(json.dumps(content))
        survives(folder)


def test_a_field_with_a_line_break_in_its_name_is_named_on_one_line(folder):
    content = json.loads((folder / 'pilot.json').read_bytes())
    for place in (content, content['camera'], content['core'], content['core']['wiring']):
        place['a\nb'] = 1
        (folder / 'pilot.json').write_text(json.dumps(content))
        assert_flight_refused(folder, 'pilot.json')
        del place['a\nb']


@pytest.mark.parametrize('kind', ['dense', 'ncp'])
def test_a_wiring_that_would_take_minutes_to_draw_is_refused_at_once(folder, kind):
    content = json.loads((folder / 'pilot.json').read_bytes())
    sizes = (
        {'neurons': 4096, 'motors': 4}
        if kind == 'dense'
        else {
            'inter': 4096,
            'command': 4096,
            'motor': 4,
            'sensory_fanout': 4096,
            'inter_fanout': 4096,
            'recurrent_command_synapses': 4096,
            'motor_fanin': 4096,
        }
    )
    content['core']['wiring'] = {
        'kind': kind,
        'inputs': content['features'] + 6,
        'seed': 1,
        **sizes,
    }
    (folder / 'pilot.json').write_text(json.dumps(content))
    started = time.process_time()
    assert_flight_refused(folder, 'pilot.json', 'core.wiring is too large')
    assert time.process_time() - started < 1.0


# safetensors


def header_of(entries, body=b''):
    text = json.dumps(entries).encode()
    return struct.pack('<Q', len(text)) + text + body


@pytest.mark.parametrize(
    'data',
    [
        struct.pack('<Q', 1 << 63) + b'{}',
        struct.pack('<Q', 100_000_001) + b' ' * 64,
        header_of(
            {'w': {'dtype': 'F32', 'shape': [1 << 40] * 2, 'data_offsets': [0, 4]}}, bytes(4)
        ),
        header_of({'w': {'dtype': 'F32', 'shape': [1], 'data_offsets': [4, 0]}}, b'abcd'),
        header_of({'w': {'dtype': 'F32', 'shape': [1], 'data_offsets': [0, 1 << 62]}}),
        header_of({'w': {'dtype': 'O', 'shape': [1], 'data_offsets': [0, 8]}}, bytes(8)),
        header_of({'a\nb': {'dtype': 'F32', 'shape': [1], 'data_offsets': [0, 4]}}, bytes(4)),
        header_of(
            {f'w{k}': {'dtype': 'F32', 'shape': [0], 'data_offsets': [0, 0]} for k in range(2000)}
        ),
        gzip.compress(bytes(50_000_000)),
        pickle.dumps({'w': np.ones(3)}),
    ],
    ids=[
        'huge header',
        'header over its limit',
        'overflowing shape',
        'backward offsets',
        'offsets beyond',
        'objects',
        'line break in a name',
        'thousands of tensors',
        'gzip bomb',
        'pickle',
    ],
)
def test_hostile_tensors_are_refused(folder, data):
    put_file(folder, 'core.safetensors', data)
    assert_flight_refused(folder, 'core.safetensors')


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), 'w')


@pytest.mark.parametrize('name', FILES)
def test_no_pickle_is_ever_loaded(folder, tmp_path, name):
    trap = tmp_path / 'sprung'
    pickle.loads(pickle.dumps(Trap(trap))).close()
    assert trap.exists()  # it works
    trap.unlink()
    archive = tmp_path / 'torch.zip'
    with zipfile.ZipFile(archive, 'w') as file:  # as torch.save writes
        file.writestr('archive/data.pkl', pickle.dumps(Trap(trap)))
    for data in (pickle.dumps(Trap(trap)), archive.read_bytes()):
        put_file(folder, name, data)
        assert_flight_refused(folder, name)
    assert not trap.exists()
