"""What has arrived of a flight, and the records that are made of it.

It is fed by a node or by a recording, from one thread, and read by the server from others. Times
are those of the history, in seconds; nothing here asks a clock.
"""

from __future__ import annotations

import json
import math
import threading
from collections import OrderedDict
from typing import Any

import numpy as np
import numpy.typing as npt

from liquid_pilot import pilot_file
from liquid_pilot.dashboard.events import ERROR, FLICKER, SILENT_AFTER_S, EventDetector, Status
from liquid_pilot.dashboard.guard_output import Sent, read_sent
from liquid_pilot.dashboard.history import History
from liquid_pilot.dashboard.pilot_view import PilotView, SeenPictures, find_pilot, mean_log_ratio
from liquid_pilot.dashboard.records import Event, Record, pack_record
from liquid_pilot.dashboard.scenes import changes_of, scene_of, scene_of_points, seed_of
from liquid_pilot.dashboard.viewers import Map
from liquid_pilot.interfaces import (
    CameraGeometry,
    Command,
    ImageBuffer,
    LiquidPilotError,
    VehicleState,
)
from liquid_pilot.onboard.geometry import heading_rad
from liquid_pilot.onboard.inference.trace import Trace
from liquid_pilot.onboard.safety.guard import STATES

_SENT_FOR_S = 1.0
"""Time for which the newest output of the guard is shown, s."""
_ANSWER_S = 0.03
"""Time that the output of the guard for a tick is waited for, s."""
_PAUSE_SHARE = 0.8
"""Share of the time between two frames that surely lies between two ticks: the rest is the tick."""
_KEPT_SENT = 64
"""Number of outputs of the guard that wait for the trace of their frame."""
_MAX_SCENES = 64
_MAX_SIZE = 4096
"""Most features, and most neurons, of a pilot that is shown."""
_SIMULATORS = ('simulator', 'gazebo')
"""Nodes that fly in the scene of a seed."""


class FlightState:
    """One flight as it goes on.

    Args:
        history: where the records are kept.
        pilot: pilot that is expected: name of a shipped one, or its folder; empty: any shipped one.
        condition: conditions of the flight, for the scene and for the reader.

    Raises:
        LiquidPilotError: there is no such pilot.
    """

    def __init__(self, history: History, pilot: str = '', condition: str = 'clear') -> None:
        self.history = history
        self._pilot_name, self._condition = pilot, condition
        self._lock = threading.RLock()
        self._computing = threading.Lock()
        self.version = 1
        """Version of the description of the pilot."""
        named = pilot_file.load(pilot_file.resolve(pilot)) if pilot else None
        self.view = PilotView(named)
        """The pilot."""
        self.pictures = SeenPictures()
        """The frames of the camera."""
        self.pictures.show_to(named)
        self._digest = self.view.pilot.digest if self.view.pilot else ''
        self._detector = EventDetector(changes=changes_of(condition))
        self._flight_s = math.nan
        self._events: list[Event] = []
        self._trace: Trace | None = None
        self._trace_s = 0.0
        self._state_before: npt.NDArray[np.floating[Any]] | None = None
        self._recorded: tuple[str, int] = ('', 0)
        self._command: tuple[float, Command] | None = None
        self._sent: tuple[float, Sent] | None = None
        self._sent_by_stamp: OrderedDict[int, Sent] = OrderedDict()
        self.silent_after_s = SILENT_AFTER_S
        """Time without a report after which a node has ended, s."""
        self.adapter = 'cmd_vel'
        """Name of the adapter of the guard, which says what it sends."""
        self.maximum: tuple[float, ...] = ()
        """(4,) largest command of the vehicle, for a pilot that is not known; empty: not known."""
        self._odometry: tuple[float, VehicleState] | None = None
        self._status: dict[str, tuple[float, Status]] = {}
        self._status_text = b''
        self._mission, self._missions = 0, {0: ''}
        self._clouds: dict[int, dict[str, Any]] = {}
        self._scenes: OrderedDict[int, dict[str, Any]] = OrderedDict()

    # What arrives

    def on_trace(self, time_s: float, trace: Trace) -> None:
        """Take the trace of a tick.

        Raises:
            LiquidPilotError: it has more numbers than any pilot, or others than its pilot.
        """
        with self._lock:
            if max(trace.features.size, trace.state.size) > _MAX_SIZE:
                raise LiquidPilotError(
                    f'trace: {trace.features.size} features and {trace.state.size} neurons are '
                    f'more than the page shows ({_MAX_SIZE} of each)'
                )
            if trace.digest != self._digest:
                self._change_pilot(trace)
            if not self.view.fits(trace):
                raise LiquidPilotError(
                    f'trace: {trace.features.size} features, {trace.state.size} neurons and '
                    f'{trace.imu.size} values of the IMU are not what the pilot '
                    f'{trace.digest[:12]} has; only its own node may publish the trace'
                )
            last, self._trace = self._trace, trace
            self._trace_s = time_s
            follows = (
                last is not None
                and last.flight == trace.flight
                and last.sequence + 1 == trace.sequence
            )
            self._state_before = last.state if last is not None and follows else None
            self._detector.on_flight(time_s, trace.flight)
            self._flight_s = self._detector.on_stamp(time_s, trace.stamp_ns)
            if trace.gate.size:
                self._detector.on_gate(time_s, trace.gate, self.view.log_thresholds)
                scale = mean_log_ratio(trace.filter_tau, self.view.filter_tau)
                self._detector.on_scale(time_s, 'filter', scale)

    def _change_pilot(self, trace: Trace) -> None:
        """Show another pilot from now on; what was recorded of the one before it is forgotten."""
        self._digest = trace.digest
        self.view = PilotView(
            find_pilot(trace.digest, self._pilot_name), trace.features.size, trace.state.size
        )
        if not self.view.fits(trace):
            self.view = PilotView(None, trace.features.size, trace.state.size)
        self.version += 1
        self.pictures.show_to(self.view.pilot)
        self.history.clear()

    def on_picture(self, stamp_ns: int, image: ImageBuffer) -> None:
        """Take a frame of the camera, which is kept until the trace of its tick is there."""
        with self._lock:
            self.pictures.add(stamp_ns, image)

    def on_camera(self, camera: CameraGeometry | None) -> None:
        """Take the intrinsics of the camera; None: they are not known."""
        with self._lock:
            self.pictures.use_camera(camera)

    def on_command(self, time_s: float, command: Command) -> None:
        """Take a command of the pilot."""
        with self._lock:
            self._command = time_s, command

    def on_sent(self, time_s: float, command: Command) -> None:
        """Take a velocity that the guard sends to the vehicle, in the frame of the command."""
        self._take_sent(time_s, Sent.of(command))

    def on_output(self, time_s: float, kind: str, message: Any) -> None:
        """Take a message that the guard sends to the vehicle.

        Args:
            time_s: time of the history, s.
            kind: type of the message, 'package/msg/Name'.
            message: the message.
        """
        with self._lock:
            newest = self._odometry
            known = newest is not None and time_s - newest[0] <= _SENT_FOR_S
            attitude = newest[1].orientation_wxyz if newest is not None and known else None
            sent = read_sent(self.adapter, kind, message, attitude)
            if sent is not None:
                self._take_sent(time_s, sent)

    def _take_sent(self, time_s: float, sent: Sent) -> None:
        with self._lock:
            self._sent = time_s, sent
            if sent.stamp_ns:
                _remember(self._sent_by_stamp, sent.stamp_ns, sent, _KEPT_SENT)

    def on_odometry(self, time_s: float, state: VehicleState) -> None:
        """Take the pose of the vehicle."""
        with self._lock:
            self._odometry = time_s, state

    def on_mission(self, time_s: float, text: str, stamp_ns: int, announced: bool = True) -> None:
        """Take the text of `mission`.

        Args:
            time_s: time of the history, s.
            text: the text.
            stamp_ns: stamp of the frame with which it begins or ends.
            announced: whether it is an event; False: it happened before this page was there.
        """
        with self._lock:
            if seed_of(text) is not None:
                self._detector.on_mission_start(stamp_ns)
                self._mission += 1
                self._missions[self._mission] = text
                self._missions.pop(self._mission - _MAX_SCENES, None)
            if announced:
                self._detector.on_mission(time_s, text)

    def on_obstacles(self, points: npt.NDArray[np.floating[Any]]) -> None:
        """Take the (n, 3) points of an obstacle cloud of the mission that goes on, ENU, m."""
        with self._lock:
            self._clouds = {self._mission: scene_of_points(points)}

    def on_status(self, time_s: float, name: str, status: Status) -> None:
        """Take the report of a node, by its name within its namespace."""
        with self._lock:
            self._status[name] = time_s, status
            self._status_text = b''
            if name == 'guard':
                self.adapter = status.values.get('adapter', self.adapter)
            self._detector.on_status(time_s, name, status)

    # Records

    @property
    def has_new_tick(self) -> bool:
        """Whether a tick has arrived of which no record was made."""
        trace = self._trace
        return trace is not None and (trace.flight, trace.sequence) != self._recorded

    def _ticks(self, time_s: float) -> bool:
        """Return whether the pilot has published a trace of late."""
        return self._trace is not None and time_s - self._trace_s <= _SENT_FOR_S

    def is_complete(self, time_s: float) -> bool:
        """Return whether a new tick has arrived with the guard's answer, or without one in time."""
        with self._lock:
            trace = self._trace
            if not self._ticks(time_s):
                return self.pictures.new is not None
            if trace is None or not self.has_new_tick:
                return False
            sent_s = self._sent[0] if self._sent else -math.inf
            # No guard, no answer.
            wait_s = _ANSWER_S if time_s - sent_s <= _SENT_FOR_S else 0.0
            return trace.stamp_ns in self._sent_by_stamp or time_s - self._trace_s > wait_s

    def pause_s(self, time_s: float) -> tuple[float, float]:
        """Return how long ago the newest tick ended, and how long it is to the next one, s.

        Without ticks they are not finite.
        """
        with self._lock:
            if self._trace is None or not self._ticks(time_s):
                return math.inf, math.inf
            since_s = time_s - self._trace_s
            return since_s, _PAUSE_SHARE * self._trace.dt_s - since_s

    def record(self, time_s: float, with_picture: bool = True) -> tuple[Record, list[Event]]:
        """Make a record of now, add it to the history, and return it with its events.

        Args:
            time_s: time of the history, s.
            with_picture: whether to keep what the pilot saw.
        """
        with self._lock:
            trace, picture, image = self._trace, b'', None
            fresh = self.has_new_tick
            stamp_ns = 0
            if fresh and trace is not None:
                self._recorded = trace.flight, trace.sequence
                stamp_ns, image = trace.stamp_ns, self.pictures.get(trace.stamp_ns)
            elif not self._ticks(time_s) and (new := self.pictures.new):
                # Where the pilot publishes no trace, what the camera sees is shown alone.
                stamp_ns, image = new
            if image is not None and with_picture:
                before = self.pictures.problem
                picture = self.pictures.encode(stamp_ns, image)
                if self.pictures.problem != before:
                    self._status_text = b''
            silent = [
                name
                for name, (seen_s, _) in self._status.items()
                if time_s - seen_s > self.silent_after_s
            ]
            for name in silent:
                del self._status[name]
                self._status_text = b''
            self._detector.on_silence(time_s, silent)
            row = self.view.row(self._numbers(time_s, stamp_ns), trace if fresh else None)
            record = Record(
                self.history.last_number + 1,
                time_s,
                stamp_ns,
                row,
                np.asarray(trace.filter_tau, np.float32).ravel()
                if fresh and trace is not None
                else np.empty(0, np.float32),
                picture,
                self._described_status(),
            )
            events = self._detector.take()
            self.history.add(record, events)
            return record, events

    def _numbers(self, time_s: float, stamp_ns: int) -> dict[str, npt.ArrayLike]:
        """Return the numbers of a record that are not from the trace."""
        values: dict[str, npt.ArrayLike] = {'mission': self._mission, 'flight_s': self._flight_s}
        if self._command is not None and time_s - self._command[0] <= _SENT_FOR_S:
            values['wanted'] = self._command[1].values
        sent = self._sent_by_stamp.get(stamp_ns)
        if sent is None and self._sent is not None and time_s - self._sent[0] <= _SENT_FOR_S:
            sent = self._sent[1]
        if sent is not None:
            values['sent'], values['setpoint'] = sent.values, sent.others
        if self._odometry is not None and time_s - self._odometry[0] <= _SENT_FOR_S:
            state = self._odometry[1]
            values['position'] = state.position_enu_m
            values['heading'] = heading_rad(state.orientation_wxyz)
            values['speed'] = math.hypot(*state.velocity_flu_m_s)
        guard = self._status.get('guard')
        if guard is not None and guard[1].values.get('state') in STATES:
            values['guard'] = STATES.index(guard[1].values['state'])
        adaptation = self._status.get('adaptation')
        if adaptation is not None:
            values['flicker'] = adaptation[1].values.get('state') == FLICKER
        if self._state_before is not None:
            values['state_before'] = self._state_before
        return values

    def _described_status(self) -> bytes:
        """Return the reports of the nodes as JSON."""
        if not self._status_text:
            reports = {name: status.as_data() for name, (_, status) in sorted(self._status.items())}
            if self.pictures.problem:
                reports['picture'] = Status(ERROR, self.pictures.problem, {}).as_data()
            self._status_text = json.dumps(reports).encode()
        return self._status_text

    # What the server asks for

    def about(self) -> dict[str, Any]:
        """Return the description of the pilot and of the flight, as plain data."""
        with self._lock:
            return {
                **self.view.describe(),
                'version': self.version,
                'condition': self._condition,
                'maximum': list(self.maximum),
                'source': 'live',
            }

    def encoded(self, record: Record, events: list[Event], maps: frozenset[Map]) -> bytes:
        """Return the message of a record, with what is computed for it."""
        with self._lock:
            view, version = self.view, self.version
        with self._computing:
            blocks = view.compute(record, maps)
        return pack_record(record, version, events, blocks)

    def record_message(self, number: int, maps: frozenset[Map]) -> bytes | None:
        """Return the message of a record of the history; None where it is not there any more."""
        record = self.history.get(number)
        with self._lock:
            # Of another pilot, whose history is being forgotten.
            if record is None or record.row.size != self.view.layout.size:
                return None
        return self.encoded(record, [], maps)

    def history_message(self, after: int) -> bytes:
        """Return the numbers of the records after one, and the events since then."""
        with self._lock:
            version = self.version
            found = self.history.extract(after, self.view.layout.size)
        return found.message(version, self.history.last_number)

    def scene(self, mission: int) -> dict[str, Any]:
        """Return the scene of a mission, by its number in this history; empty: it is not known."""
        with self._lock:
            text, cloud = self._missions.get(mission, ''), self._clouds.get(mission, {})
            known = self._scenes.get(mission)
            simulated = any(name in self._status for name in _SIMULATORS)
            pilot = self.view.pilot
        if known is not None:
            return known
        scene: dict[str, Any] = dict(cloud)
        seed = seed_of(text)
        if seed is not None and pilot is not None and simulated:
            points = cloud.get('cloud')
            scene = scene_of(pilot.specification.vehicle, seed, self._condition, points) or scene
        if scene:
            scene['mission'] = text
            with self._lock:
                _remember(self._scenes, mission, scene, _MAX_SCENES)
        return scene


def _remember(kept: OrderedDict[int, Any], key: int, value: Any, limit: int) -> None:
    """Add an entry, and drop the oldest ones beyond a limit."""
    kept.pop(key, None)
    kept[key] = value
    while len(kept) > limit:
        kept.popitem(last=False)
