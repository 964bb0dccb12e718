"""A recording as the source of the page: it is read once, and the page then moves in it freely.

It is read on a thread of its own, so that the page shows the beginning while the rest is read. What
the pilot saw is kept as JPEG; maps of it are computed when the page asks for them.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from liquid_pilot.dashboard.events import Status
from liquid_pilot.dashboard.flight_state import FlightState
from liquid_pilot.dashboard.history import History
from liquid_pilot.dashboard.point_cloud import cloud_points
from liquid_pilot.interfaces import NANOSECONDS_PER_SECOND, LiquidPilotError, ObservationError
from liquid_pilot.learning.rosbag.robot_topics import (
    TopicEndings,
    compressed_image_of,
    image_of,
    stamp_of,
    state_of,
    velocity_of,
)
from liquid_pilot.onboard.inference.trace import unpack_trace
from liquid_pilot.onboard.perception.camera_info import camera_from_info

if TYPE_CHECKING:
    from liquid_pilot.learning.rosbag.storage.messages import BagMessage

_TRACE, _DIAGNOSTICS = '/pilot/trace', '/diagnostics'
_BAG_FOLDER, _REPORT = 'recording', 'report.json'
_FOREVER_S = 1e12
_SILENT_AFTER_S = 15.0
"""Time of a recording without a report after which a node has ended, s."""
_SILENCE_S = 0.2
"""Time without a tick after which a record is made without one, s."""


def find_bag(path: Path) -> Path:
    """Return the bag of a run folder, or the path itself where it is a bag.

    Raises:
        LiquidPilotError: there is nothing, or a run folder without a recording.
    """
    if not path.exists():
        raise LiquidPilotError(f'{path}: there is no such run or recording')
    if path.is_dir() and (path / _BAG_FOLDER).is_dir():
        return path / _BAG_FOLDER
    if path.is_dir() and (path / _REPORT).is_file():
        raise LiquidPilotError(
            f'{path}: this run was not recorded; fly it again with --record (record:=true)'
        )
    return path


def condition_of(path: Path) -> str:
    """Return the conditions that a run was flown in; 'clear' where nothing says so."""
    folder = path if (path / _REPORT).is_file() else path.parent
    try:
        content = json.loads((folder / _REPORT).read_text(encoding='utf-8'))
        condition = content['run']['condition']
    except (OSError, ValueError, KeyError, TypeError):
        return 'clear'
    return condition if isinstance(condition, str) else 'clear'


class Recording(FlightState):
    """A recording, which `start` begins to read.

    Args:
        path: run folder or bag.
        max_mb: number of megabytes that it may fill; of a longer one every second moment is left
            out, then every second of the rest, and so on.
        pilot: pilot that was recorded: name of a shipped one, or its folder; empty: a shipped one.
        namespace: namespace of the robot; None: the first one that has a trace.

    Raises:
        LiquidPilotError: there is no such recording.
    """

    def __init__(
        self, path: Path, max_mb: float, pilot: str = '', namespace: str | None = None
    ) -> None:
        # Reading bags needs packages that a robot does not have.
        from liquid_pilot.learning.rosbag.reader import Bag
        from liquid_pilot.learning.rosbag.storage.messages import Decoder

        super().__init__(History(_FOREVER_S, _FOREVER_S), pilot, condition_of(path))
        self._bag, self._decode = Bag(find_bag(path)), Decoder()
        # Its clock may have gone by many times as fast as that of the reports.
        self.silent_after_s = _SILENT_AFTER_S
        self._max_bytes = 1e6 * max_mb
        self._namespace = None if namespace is None else namespace.strip('/')
        self._period_s = 0.0
        self._last_s = -_FOREVER_S
        self._began_ns: int | None = None
        self._reading = True
        self.problem = ''
        """Why the recording was not read to its end; empty: it was, or is being read."""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read, name='recording', daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def join(self) -> None:
        """Wait until all is read."""
        self._thread.join()

    def close(self) -> None:
        """Stop to read."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def reading(self) -> bool:
        """Whether the recording is still being read."""
        return self._reading

    def about(self) -> dict[str, Any]:
        """Return the description of the pilot and of the recording, as plain data."""
        return {
            **super().about(),
            'source': 'recording',
            'reading': self._reading,
            'problem': self.problem,
        }

    # On the thread that reads

    def _read(self) -> None:
        try:
            if self._namespace is None:
                first = next(self._bag.messages(TopicEndings([_TRACE])), None)
                self._namespace = '' if first is None else _TOPICS.namespace(first.topic)
            for message in self._bag.messages(_TOPICS):
                if self._ended.is_set():
                    return
                self._take(message)
            self._add_tick()
            if not len(self.history):
                self.problem = 'it holds no trace, no command and no picture of liquid_pilot'
        except LiquidPilotError as error:
            self.problem = str(error)
        finally:
            self._reading = False

    def _take(self, message: BagMessage) -> None:
        """Take one message of the bag."""
        ending = _TOPICS.ending(message.topic)
        if ending != _DIAGNOSTICS and _TOPICS.namespace(message.topic) != self._namespace:
            return
        if self._began_ns is None:
            self._began_ns = message.log_ns
        time_s = (message.log_ns - self._began_ns) / NANOSECONDS_PER_SECOND
        if ending == _TRACE:
            # The tick before it gets no answer of the guard any more.
            self._add_tick()
        try:
            _READERS[ending](self, time_s, self._decode(message))
        except LiquidPilotError:
            # One message of another version or a broken one does not hide the others.
            return
        if self.is_complete(time_s):
            self._add_tick()
        elif not self.has_new_tick and time_s - self._last_s >= self._period_s + _SILENCE_S:
            self._add(time_s)

    def _add_tick(self) -> None:
        """Make a record of the newest tick, where it has none yet and is due."""
        if self.has_new_tick and self._trace_s - self._last_s >= self._period_s:
            self._add(self._trace_s)

    def _add(self, time_s: float) -> None:
        """Make a record of a moment; where there are too many, leave out every second."""
        self._last_s = time_s
        self.record(time_s)
        if self.history.bytes > self._max_bytes:
            self.history.thin()
            self.version += 1
            self._period_s = 1.9 * max(self._period_s, 0.05)

    # One reader for each topic

    def _on_trace_message(self, time_s: float, message: Any) -> None:
        self.on_trace(time_s, unpack_trace(message))

    def _on_image(self, time_s: float, message: Any) -> None:
        self.on_picture(stamp_of(message.header), image_of(message))

    def _on_compressed(self, time_s: float, message: Any) -> None:
        self.on_picture(stamp_of(message.header), compressed_image_of(message))

    def _on_camera_info(self, time_s: float, message: Any) -> None:
        try:
            self.on_camera(camera_from_info(message))
        except ObservationError:
            self.on_camera(None)

    def _on_command_message(self, time_s: float, message: Any) -> None:
        self.on_command(time_s, velocity_of(message))

    def _on_sent_message(self, time_s: float, message: Any) -> None:
        self.on_output(time_s, message.__msgtype__, message)

    def _on_odometry_message(self, time_s: float, message: Any) -> None:
        self.on_odometry(time_s, state_of(message))

    def _on_mission_message(self, time_s: float, message: Any) -> None:
        self.on_mission(time_s, message.frame_id, stamp_of(message))

    def _on_obstacles_message(self, time_s: float, message: Any) -> None:
        self.on_obstacles(cloud_points(message))

    def _on_diagnostics_message(self, time_s: float, message: Any) -> None:
        space = '/' + f'{self._namespace}/' * bool(self._namespace)
        for entry in message.status:
            name = entry.hardware_id.removeprefix(space)
            if name != entry.hardware_id and '/' not in name:
                values = {item.key: item.value for item in entry.values}
                level = int(np.ravel(np.frombuffer(bytes([entry.level]), np.uint8))[0])
                self.on_status(time_s, name, Status(level, entry.message, values))


Reader = Callable[[Recording, float, Any], None]
_READERS: dict[str, Reader] = {
    _TRACE: Recording._on_trace_message,
    '/camera/image_raw': Recording._on_image,
    '/camera/image_raw/compressed': Recording._on_compressed,
    '/camera/camera_info': Recording._on_camera_info,
    '/pilot/command': Recording._on_command_message,
    '/cmd_vel': Recording._on_sent_message,
    '/attitude_thrust': Recording._on_sent_message,
    '/odom': Recording._on_odometry_message,
    '/mission': Recording._on_mission_message,
    '/obstacles': Recording._on_obstacles_message,
    _DIAGNOSTICS: Recording._on_diagnostics_message,
}
"""What reads a topic, by the end of its name."""
_TOPICS = TopicEndings(_READERS)
