"""The dashboard node: a web page that shows what the pilot sees, thinks and does.

It serves the page on this machine and prints its address. It subscribes and never publishes; with
the parameter `token_file` the page can stop the vehicle, and nothing else. While no page is open,
the camera is not subscribed to. See docs/how_to/inside/watch.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import sys
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rclpy.node import NodeNameNonExistentError
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_msgs.msg import Float64MultiArray, Header
from std_srvs.srv import Trigger

from liquid_pilot.dashboard.composer import Composer
from liquid_pilot.dashboard.events import Status
from liquid_pilot.dashboard.flight_state import FlightState
from liquid_pilot.dashboard.guard_output import OUTPUTS
from liquid_pilot.dashboard.history import History
from liquid_pilot.dashboard.point_cloud import cloud_points
from liquid_pilot.dashboard.settings import WATCH_ENDED, DashboardSettings
from liquid_pilot.interfaces import LiquidPilotError, ObservationError
from liquid_pilot.nodes.common import messages, node_base, qos, topics, trace_messages
from liquid_pilot.nodes.common.flight_settings import FlightSettings
from liquid_pilot.nodes.common.message_types import import_message_type
from liquid_pilot.nodes.common.parameters import Settings
from liquid_pilot.nodes.common.process.time_slice import SHORTEST_S, request_time_slice
from liquid_pilot.onboard.perception.camera_info import camera_from_info
from liquid_pilot.onboard.perception.compressed_image import decode_compressed
from liquid_pilot.onboard.vehicles.registry import get_vehicle_limits
from liquid_pilot.utils.extras import require_modules
from liquid_pilot.utils.processes.browser import OPEN, BrowserOpener
from liquid_pilot.utils.settings import extract, setting, setting_from

_CHECK_PERIOD_S = 0.1
_OUTPUTS_PERIOD_S = 1.0
"""Period at which the topics of the guard are looked for, s."""
_OPENED_AFTER_S = 1.0
"""Time for a page of an earlier flight, which is still open, to come back, s."""
_EXPECTED_S = 20.0
"""Time that a browser may take to show the page, for which pictures are kept meanwhile, s."""
_LAST_WAIT_S, _FETCH_S, _LAST_POLL_S = 2.0, 1.0, 0.05
"""Longest wait for such a browser at the end, time for its page to fetch what there is, and how
often it is looked for, s. Together they are shorter than the time that a launcher grants."""
_STOP_TIMEOUT_S = 6.0
"""Longest time that the guard may take to answer, s."""
_SETTLED_S = 1.0
"""Messages that arrive sooner after the start were published before it, s."""
_NICENESS = 10
"""Added to the niceness of this process: the flight goes first."""


@dataclass(frozen=True)
class DashboardParameters(DashboardSettings):
    """Parameters of the dashboard node."""

    pilot: str = setting(
        '',
        'pilot that is shown: name of a shipped one, or its folder; empty: the shipped one that '
        'flies',
    )
    condition: str = setting_from(
        FlightSettings,
        'condition',
        description='conditions of a simulated flight, for its scene from above',
    )
    vehicle: str = setting_from(
        FlightSettings, 'vehicle', description='vehicle class, where the pilot is not known'
    )
    image_transport: str = setting_from(FlightSettings, 'image_transport')
    rectified: bool = setting_from(FlightSettings, 'rectified')


class DashboardNode(node_base.LiquidNode):
    """Feeds the flight of the page with what arrives."""

    parameters = DashboardParameters
    settings: Settings[DashboardParameters]
    opener: ClassVar[BrowserOpener | None] = None
    """What opens the page in a browser; None: the person does."""
    farewell: ClassVar[str] = 'The run is over'
    """What the page says when this node ends."""

    def __init__(self) -> None:
        """Serve the page, subscribe, and print the address.

        Raises:
            LiquidPilotError: the page cannot be served, or there is no such vehicle.
        """
        super().__init__('dashboard')
        require_modules(('aiohttp',), 'the dashboard')
        from liquid_pilot.dashboard.server import DashboardServer

        settings = self.settings.current
        history = History(settings.history_s, settings.history_mb)
        self.state = FlightState(history, settings.pilot, settings.condition)
        self.state.maximum = get_vehicle_limits(settings.vehicle).maximum
        self.server = DashboardServer(
            extract(DashboardSettings, settings), self.state, self._ask_to_stop
        )
        self.server.start()
        self._composer = Composer(self.state, self.server, settings.rate_hz)
        self._stops: deque[Future[tuple[bool, str]]] = deque()
        self._pending: list[tuple[float, Future[tuple[bool, str]], Any]] = []
        self._guard = self.create_client(Trigger, topics.GUARD_STOP)
        self._outputs: dict[tuple[str, str], Any] = {}
        self._images: Any = None
        self._infos: Any = None
        self._subscribe()
        self.create_steady_timer(_CHECK_PERIOD_S, self._check)
        self.create_steady_timer(_OUTPUTS_PERIOD_S, self._find_outputs)
        self._composer.start()
        self._open_after_s = self.steady_s() + _OPENED_AFTER_S
        self._expected_until_s = self.steady_s() + _EXPECTED_S
        self._opened_s = -math.inf
        _say(self.server.address)

    def _subscribe(self) -> None:
        """Subscribe to all but the camera, and ask for nothing again that was lost."""
        self.create_subscription(Float64MultiArray, topics.PILOT_TRACE, self._on_trace, qos.SENSOR)
        self.create_subscription(
            TwistStamped, topics.PILOT_COMMAND, self._on_command, qos.COMMAND_BEST_EFFORT
        )
        self.create_subscription(Odometry, topics.ODOMETRY, self._on_odometry, qos.SENSOR)
        self.create_subscription(Header, topics.MISSION, self._on_mission, qos.MISSION)
        self.create_subscription(PointCloud2, topics.OBSTACLES, self._on_obstacles, qos.LATCHED)
        self.create_subscription(
            DiagnosticArray, topics.DIAGNOSTICS, self._on_diagnostics, qos.DIAGNOSTICS
        )

    # What arrives

    def _on_trace(self, message: Float64MultiArray) -> None:
        try:
            trace = trace_messages.unpack_trace(message)
            self.state.on_trace(self._composer.time_s(), trace)
        except LiquidPilotError as error:
            self.get_logger().warning(str(error), throttle_duration_sec=10.0)

    def _on_image(self, message: Image) -> None:
        self.state.on_picture(*messages.unpack_image(message))

    def _on_compressed(self, message: CompressedImage) -> None:
        stamp_ns, data, image_format = messages.unpack_compressed(message)
        try:
            self.state.on_picture(stamp_ns, decode_compressed(data, image_format))
        except ObservationError as error:
            self.get_logger().warning(str(error), throttle_duration_sec=10.0)

    def _on_camera_info(self, message: CameraInfo) -> None:
        try:
            camera = camera_from_info(message, self.settings.current.rectified)
        except ObservationError:
            camera = None
        self.state.on_camera(camera)

    def _on_command(self, message: TwistStamped) -> None:
        self.state.on_command(self._composer.time_s(), messages.unpack_command(message))

    def _on_odometry(self, message: Odometry) -> None:
        self.state.on_odometry(self._composer.time_s(), messages.unpack_odometry(message))

    def _on_mission(self, message: Header) -> None:
        now_s = self._composer.time_s()
        stamp_ns = messages.to_nanoseconds(message.stamp)
        self.state.on_mission(now_s, message.frame_id, stamp_ns, now_s > _SETTLED_S)

    def _on_obstacles(self, message: PointCloud2) -> None:
        self.state.on_obstacles(cloud_points(message))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        space, now_s = self.get_namespace().rstrip('/') + '/', self._composer.time_s()
        for status in messages.unpack_diagnostics(message):
            name = status.hardware_id.removeprefix(space)
            if name != status.hardware_id and '/' not in name:
                self.state.on_status(
                    now_s, name, Status(status.level, status.message, status.values)
                )

    # What the guard sends

    def _find_outputs(self) -> None:
        """Subscribe to what the guard sends, by the topics that it publishes now.

        Their names and types depend on its adapter, its parameters and the version of PX4.
        """
        output = OUTPUTS.get(self.state.adapter)
        try:
            published = self.get_publisher_names_and_types_by_node('guard', self.get_namespace())
        except NodeNameNonExistentError:
            return
        wanted = {
            (topic, kind)
            for topic, kinds in published
            for kind in kinds
            if output is not None and kind in output.readers
        }
        for key in self._outputs.keys() - wanted:
            self.destroy_subscription(self._outputs.pop(key))
        for topic, kind in wanted - self._outputs.keys():
            with contextlib.suppress(LiquidPilotError):  # The guard could not send it either.
                self._outputs[topic, kind] = self.create_subscription(
                    import_message_type(kind),
                    topic,
                    partial(self._on_output, kind),
                    qos.COMMAND_BEST_EFFORT,
                )

    def _on_output(self, kind: str, message: Any) -> None:
        self.state.on_output(self._composer.time_s(), kind, message)

    # The camera, while a page is open

    def _check(self) -> None:
        """Subscribe to the camera while a page is open, and pass on requests to stop."""
        viewers = self.server.viewers
        viewers.expected = (
            self.opener is not None
            and not viewers.count
            and self.steady_s() < self._expected_until_s
        )
        if viewers.wanted and self._images is None:
            if self.settings.current.image_transport == 'compressed':
                self._images = self.create_subscription(
                    CompressedImage, topics.COMPRESSED_IMAGE, self._on_compressed, qos.IMAGE
                )
            else:
                self._images = self.create_subscription(
                    Image, topics.IMAGE, self._on_image, qos.IMAGE
                )
            self._infos = self.create_subscription(
                CameraInfo, topics.CAMERA_INFO, self._on_camera_info, qos.SENSOR
            )
        elif not viewers.wanted and self._images is not None:
            self.destroy_subscription(self._images)
            self.destroy_subscription(self._infos)
            self._images = self._infos = None
        self._pass_stops()
        self._open_page()

    def _open_page(self) -> None:
        """Open the page in a browser, once, and say so where that is known to have failed."""
        opener, now_s = self.opener, self.steady_s()
        if opener is None or now_s < self._open_after_s:
            return
        if self._open_after_s > 0.0:
            self._open_after_s, self._opened_s = -math.inf, now_s
            if self.server.viewers.watching:
                opener.close()
            elif self.settings.current.token_file:
                # Whoever may list the processes of this machine could read it.
                opener.close()
                _say('an address with a token is not given to a browser: open it yourself')
            else:
                opener.open(self.server.address)
        elif opener.failed:
            DashboardNode.opener = None
            _say(
                'no browser could be started: open the address above yourself. --headless '
                '(headless:=true) tries none'
            )

    # Stop

    async def _ask_to_stop(self) -> tuple[bool, str]:
        """Stop the vehicle; called on the thread of the server."""
        request: Future[tuple[bool, str]] = Future()
        self._stops.append(request)
        return await asyncio.wrap_future(request)

    def _pass_stops(self) -> None:
        """Ask the guard to stop, and take its answers."""
        now_s = self.steady_s()
        while self._stops:
            call = self._guard.call_async(Trigger.Request())
            self._pending.append((now_s, self._stops.popleft(), call))
        waiting = []
        for asked_s, request, call in self._pending:
            if call.done():
                answer = call.result()
                request.set_result((bool(answer.success), str(answer.message)))
            elif now_s - asked_s > _STOP_TIMEOUT_S:
                text = 'the guard does not answer: it hangs, or has ended. Take over by hand'
                request.set_result((False, text))
            else:
                waiting.append((asked_s, request, call))
        self._pending = waiting

    def close(self) -> None:
        """End the server and the thread that makes records."""
        if hasattr(self, '_composer'):
            self._composer.close()
            self._wait_for_browser()
        if hasattr(self, 'server'):
            self.server.close(self.farewell)

    def _wait_for_browser(self) -> None:
        """Give a browser that has just been started the time to fetch the page."""
        until_s = min(self.steady_s() + _LAST_WAIT_S, self._opened_s + _EXPECTED_S)
        viewers, opener = self.server.viewers, self.opener
        if opener is None or viewers.ever:
            return
        while self.steady_s() < until_s and not (viewers.ever or opener.failed):
            time.sleep(_LAST_POLL_S)
        if viewers.ever:
            time.sleep(_FETCH_S)


def _say(text: str) -> None:
    """Print a line for the person who has started this node."""
    with contextlib.suppress(OSError):  # The reader has gone.
        print(f'[dashboard] {text}', file=sys.stderr, flush=True)


def yield_to_flight() -> None:
    """Lower the priority of this process, so that the flight goes first."""
    os.nice(_NICENESS)
    # When it wakes up it then waits for its turn, and it computes for a short time only before one
    # that flies comes first. It must not wait for ever (SCHED_IDLE): it shares locks of DDS with
    # those who fly.
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    request_time_slice(SHORTEST_S)
    if os.getsid(0) == os.getpid():
        # Where Linux groups processes by session, niceness counts within a session only.
        with contextlib.suppress(OSError):
            Path('/proc/self/autogroup').write_text(str(_NICENESS))


class WatchNode(DashboardNode):
    """The dashboard of `liquid-pilot watch`, which may end before the flight does."""

    farewell = WATCH_ENDED


def main() -> int:
    """Entry point of the executable."""
    if OPEN in sys.argv:
        # The person has asked for a flight, and not for a page.
        try:
            require_modules(('aiohttp',), 'the page of the flight')
        except LiquidPilotError as error:
            _say(f'{error}. The run goes on without it; --headless (headless:=true) leaves it out')
            return 0
        DashboardNode.opener = BrowserOpener()
    yield_to_flight()
    return node_base.run('dashboard', DashboardNode)


if __name__ == '__main__':
    node_base.exit_process(main())
