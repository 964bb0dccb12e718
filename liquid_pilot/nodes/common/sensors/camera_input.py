"""The subscriptions of the pilot to its camera: frames, raw or compressed, and camera_info."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.event_handler import SubscriptionEventCallbacks
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from liquid_pilot.interfaces import CameraGeometry, ImageBuffer, ObservationError
from liquid_pilot.nodes.common import messages, qos, topics
from liquid_pilot.nodes.common.node_base import LiquidNode
from liquid_pilot.nodes.common.publishers import single_publisher
from liquid_pilot.nodes.common.sensors import image_bridge
from liquid_pilot.nodes.common.sensors.frame_loss import FrameLoss
from liquid_pilot.onboard.perception import pixel_depth
from liquid_pilot.onboard.perception.compressed_image import CompressedLimits, decode_compressed
from liquid_pilot.utils.settings import extract

LOST_FRAMES = 'lost_frames'
"""Kind of the problem that frames get lost on the way."""
WRONG_DEPTH = 'pixel_depth'
"""Kind of the problem that pixels of 16 bits use fewer bits than count, or more."""
NO_CAMERA = CameraGeometry(0, 0, 0.0, 0.0, 0.0, 0.0)
"""The camera of a camera_info that cannot be understood."""


class CameraInput:
    """Subscribes to a camera, and decodes its frames."""

    def __init__(
        self,
        node: LiquidNode,
        on_info: Callable[[CameraInfo], None],
        on_frame: Callable[[int, ImageBuffer], None],
        on_refused: Callable[[str], None],
    ) -> None:
        """Subscribe.

        Args:
            node: the pilot node, whose parameters say which transport and which limits.
            on_info: callback for each camera_info; a latched one may come twice.
            on_frame: callback for the stamp (ns) and the image of each frame.
            on_refused: callback for the reason why a frame cannot be decoded.
        """
        self._node, self._on_frame, self._on_refused = node, on_frame, on_refused
        settings = node.settings.current
        self.loss = FrameLoss()
        """The frames that arrived and those that were lost."""
        self._depth = pixel_depth.DepthWatch(settings.mono16_bits)
        node.create_subscription(
            CameraInfo, topics.CAMERA_INFO, on_info, qos.sensor(settings.lockstep)
        )
        self._on_info = on_info
        self._asks_for_latched = False
        self.topic = node.resolve_topic_name(topics.IMAGE)
        """Topic of the frames."""
        kind: type[Any] = Image
        on_message: Callable[[Any], None] = self._on_image
        if settings.image_transport != 'raw':
            self.topic += '/compressed'
            kind, on_message = CompressedImage, self._on_compressed
        single_publisher.create_subscription(
            kind,
            self.topic,
            on_message,
            qos.IMAGE,
            node=node,
            report=lambda problem: on_refused(problem) if problem else None,
            source='camera',
            lockstep=settings.lockstep,
            events=SubscriptionEventCallbacks(message_lost=self._on_lost),
        )

    def ask_for_latched_info(self) -> None:
        """Subscribe to a camera_info that was published once, before the node started.

        Such a message comes only to a subscription that asks for it, and that one would get
        nothing from the many drivers that do not keep theirs, and make them warn. So it is made
        when there is a publisher that keeps it. Call this while no camera_info has come.
        """
        if self._asks_for_latched:
            return
        name = self._node.resolve_topic_name(topics.CAMERA_INFO)
        for publisher in self._node.get_publishers_info_by_topic(name):
            profile = publisher.qos_profile
            if (
                profile.durability == qos.LATCHED.durability
                and profile.reliability == qos.LATCHED.reliability
            ):
                self._asks_for_latched = True
                self._node.create_subscription(
                    CameraInfo, topics.CAMERA_INFO, self._on_info, qos.LATCHED
                )
                return

    def warnings(self, now_s: float) -> dict[str, str]:
        """Return what is wrong with frames that are flown on, by its kind; empty texts: nothing.

        Args:
            now_s: steady time in seconds.
        """
        return {LOST_FRAMES: self.loss.text(now_s), WRONG_DEPTH: self._depth.text()}

    def _on_lost(self, event: Any) -> None:
        self.loss.lost(self._node.steady_s(), event.total_count_change)

    def _on_image(self, message: Image) -> None:
        self.loss.received(self._node.steady_s(), len(message.data))
        try:
            converted = image_bridge.converted(message)
        except ObservationError as error:
            self._on_refused(str(error))
            return
        stamp_ns, image = messages.unpack_image(message)
        largest = pixel_depth.largest_value(image)
        if largest is not None:
            self._depth.update(largest, self._node.steady_s())
        self._on_frame(stamp_ns, image if converted is None else converted)

    def _on_compressed(self, message: CompressedImage) -> None:
        stamp_ns, data, image_format = messages.unpack_compressed(message)
        self.loss.received(self._node.steady_s(), len(data))
        settings = self._node.settings.current
        limits, bits = extract(CompressedLimits, settings), settings.mono16_bits
        try:
            image = decode_compressed(data, image_format, limits, bits)
        except ObservationError as error:
            self._on_refused(str(error))
            return
        if pixel_depth.is_deep_png(data):
            self._depth.update(pixel_depth.largest_decoded(image, bits), self._node.steady_s())
        self._on_frame(stamp_ns, image)
