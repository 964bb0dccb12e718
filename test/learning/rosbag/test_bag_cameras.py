"""What camera_info says of a recorded camera decides the focal length that is stored."""

import pytest
import yaml
from bag_makers import Robot, write

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.learning.rosbag.dataset import prepare


@pytest.fixture
def made(tmp_path):
    """Function (robot) -> BagDataset of one bag of that robot."""

    def make(robot):
        mapping = tmp_path / 'mapping.yaml'
        sections = {'image': 'image', 'imu': 'imu', 'command': 'cmd', 'camera': 'info'}
        values = {key: {'topic': f'/bot/{name}'} for key, name in sections.items()}
        values['episodes'] = {'split_by': 'bag', 'max_duration_s': 2.0, 'min_duration_s': 1.0}
        mapping.write_text(yaml.safe_dump(values))
        bag = write(tmp_path / 'one.mcap', robot)
        return prepare(mapping, [bag], tmp_path / 'cache', (32, 18))

    return make


@pytest.mark.parametrize('sensor', ['', 'part', 'binned'])
def test_a_part_of_the_sensor_and_a_binned_one_have_the_geometry_of_the_image(made, sensor):
    """By the size of the sensor alone the focal length of both would be half of it."""
    camera = made(Robot(sensor=sensor)).camera
    assert camera.fx == pytest.approx(28.8)
    assert camera.fy == pytest.approx(28.8)
    assert (camera.cx, camera.cy) == (16.0, 9.0)


def test_images_of_another_size_than_their_camera_info_are_refused(made):
    with pytest.raises(LiquidPilotError, match='is 64 x 48 but camera_info says 128 x 96'):
        made(Robot(sensor='whole'))
