"""Mapping files: any content gives a mapping or one line that names the key."""

import pytest

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.rosbag.topic_mapping import from_mapping, load


@pytest.mark.parametrize(
    ('values', 'words'),
    [
        ({'camera': {'rectify': 'text'}}, "camera.rectify must be true or false, not 'text'"),
        ({'imu': {'rotation': [1, 2, 3]}}, 'imu.rotation must be a list, not 1'),
        ({'command': {'scale': [1, None, 1, 1]}}, 'command.scale must be a number, not None'),
        ({'image': {'type': ['raw']}}, "image.type must be a text, not ['raw']"),
        ({'image': {'mono16_bits': 7}}, 'image.mono16_bits must be at least 8 bits, not 7'),
        ({'image': {'mono16_bits': 17}}, 'image.mono16_bits must be at most 16 bits, not 17'),
        ({'seed': True}, 'seed must be a whole number, not True'),
        ({'seed': 10**400}, 'seed must be within +-4e+09'),
        ({'imu': {'max_age_s': 10**400}}, 'imu.max_age_s must be within +-4e+09'),
        ({'imu': {'offset_s': 1e300}}, 'imu.offset_s must be within +-4e+09'),
        ({'imu': {'offset_s': float('nan')}}, 'imu.offset_s must be a number, not nan'),
        ({'clock': ['x' * 1000] * 1000}, "clock must be a text, not ['xxx"),
        ({3: 4}, "unknown key '3'"),
        ({(1, 2): 4}, "unknown key '(1, 2)'"),
        ({'command': {'steering_scale': 0}}, 'command.steering_scale must not be 0'),
        ({'imu': {'topic': '/a'}, 'image': {'topic': 'a'}}, 'topic /a is named for two purposes'),
        ({'episodes': {'split_by': 'topic', 'topic': '/imu/data'}}, 'named for two purposes'),
        ([1], 'the file must be `key: value` lines'),
    ],
)
def test_what_is_wrong_is_named_in_a_short_line(values, words):
    with pytest.raises(LiquidPilotError) as caught:
        from_mapping(values, 'my.yaml')
    assert words in str(caught.value)
    assert str(caught.value).startswith('my.yaml: ')
    assert len(str(caught.value)) < 400


def test_a_mapping_of_anchors_is_read_and_one_that_explodes_is_refused(tmp_path):
    path = tmp_path / 'my.yaml'
    path.write_text(
        'image: {topic: &t /cam, offset_s: 0.5}\nodometry: {topic: /o}\nimu: {offset_s: -3}'
    )
    mapping = load(path)
    assert (mapping.image.topic, mapping.image.offset_s, mapping.imu.offset_s) == (
        '/cam',
        0.5,
        -3.0,
    )
    names = ['a', *(f'k{k}' for k in range(12))]
    path.write_text(
        'a: &a [x, x, x, x, x, x, x, x, x]\n'
        + ''.join(f'k{k}: &k{k} [{", ".join([f"*{names[k]}"] * 9)}]\n' for k in range(12))
        + 'clock: *k11\n'
    )
    with pytest.raises(LiquidPilotError, match=r'my\.yaml: cannot be read as YAML'):
        load(path)
