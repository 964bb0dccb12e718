"""Two cameras, or two IMUs, on one topic: a real pilot and guard say so, and do not fly on them."""

import pytest
from flight_rig import Turntable
from sensor_msgs.msg import Image, Imu

from liquid_pilot.interfaces import ImuSample
from liquid_pilot.nodes.common import messages, qos

pytestmark = [pytest.mark.realtime, pytest.mark.slow]


@pytest.mark.parametrize('source', ['camera', 'imu'])
def test_two_of_one_kind_are_said_and_not_flown_on(rig, source):
    rig.take_off()
    topic, kind = {'camera': ('camera/image_raw', Image), 'imu': ('imu/data', Imu)}[source]
    other, elsewhere = rig.node.create_publisher(kind, topic, qos.SENSOR_RELIABLE), Turntable()

    def both():
        stamp_ns = rig.node.get_clock().now().nanoseconds
        if source == 'camera':
            other.publish(messages.pack_image(elsewhere.image(), stamp_ns))
        else:
            other.publish(messages.pack_imu(ImuSample(stamp_ns, *elsewhere.imu())))
        return rig.vehicle.image()

    rig.fly(2.0, image=both)
    words = f'{source}: two publishers of /{topic} (/rig, /rig); end all but one'
    assert words in rig.problems('pilot')
    assert rig.last_live() < 1.2
    rig.engage(False)
    rig.fly(1.5, image=both)
    refused = rig.engage()
    assert not refused.success and words in refused.message
    rig.node.destroy_publisher(other)
    rig.take_off()
