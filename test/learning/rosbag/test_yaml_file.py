"""YAML files of people give plain values or one line."""

import pytest

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.rosbag.yaml_file import load_yaml, short_repr


@pytest.mark.parametrize(
    ('text', 'value'),
    [
        ('', None),
        ('a: 1\nb: [x, 2.5]', {'a': 1, 'b': ['x', 2.5]}),
        ('base: &b {x: 1}\nmore: {<<: *b, y: 2}', {'base': {'x': 1}, 'more': {'x': 1, 'y': 2}}),
        ('q: &q [1, 2]\nr: *q\ns: *q', {'q': [1, 2], 'r': [1, 2], 's': [1, 2]}),
    ],
)
def test_values_and_anchors_are_read(tmp_path, text, value):
    path = tmp_path / 'x.yaml'
    path.write_text(text)
    assert load_yaml(path) == value


_BOMB = 'a: &a [x,x,x,x,x,x,x,x,x]\n' + ''.join(
    f'{chr(98 + k)}: &{chr(98 + k)} [{",".join(["*" + chr(97 + k)] * 9)}]\n' for k in range(12)
)
_MERGE_BOMB = 'a: &a {x: 1, y: 2}\n' + ''.join(
    f'{chr(98 + k)}: &{chr(98 + k)} {{<<: [{",".join(["*" + chr(97 + k)] * 9)}]}}\n'
    for k in range(12)
)


@pytest.mark.parametrize(
    'text',
    [
        _BOMB,
        _MERGE_BOMB,
        '[' * 5000,
        '[' * 400 + ']' * 400,
        'a: &a [*a]',
        'a: [1',
        'a: 2001-99-99',
        '? [1, 2]\n: 3\n? {a: b}\n: 4',
        'a: !!python/object:os.system x',
        '\t:\x00',
        'a: 1\n---\nb: 2',
    ],
    ids=lambda text: text[:12],
)
def test_what_cannot_be_read_is_one_line(tmp_path, text):
    path = tmp_path / 'x.yaml'
    path.write_text(text)
    with pytest.raises(LiquidPilotError, match=r'x\.yaml: cannot be read as YAML') as caught:
        load_yaml(path)
    assert '\n' not in str(caught.value)
    assert len(str(caught.value)) < 600 + len(str(path))


def test_a_value_in_an_error_is_short():
    assert len(short_repr(['x' * 1000] * 1000)) < 400
    assert short_repr(16**6000) == 'a int'
