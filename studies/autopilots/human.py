"""The human of the study: arms, takes off, changes modes and sets parameters, over its own link.

The package itself does none of this. Whatever the human does, and whatever the autopilot reports of
its arming, mode and height, is written down with the time, so that it can be seen afterwards that
nothing was armed or took off by itself.
"""

from __future__ import annotations

import json
import math
import os
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault('MAVLINK20', '1')

# It reads the variable when it is imported.
from pymavlink import mavutil

from liquid_pilot.interfaces import LiquidPilotError

_RATES_HZ = {'LOCAL_POSITION_NED': 25.0, 'EXTENDED_SYS_STATE': 4.0, 'ATTITUDE': 5.0}
_NUMBERS = {'LOCAL_POSITION_NED': 32, 'EXTENDED_SYS_STATE': 245, 'ATTITUDE': 30}
_TRUTH, _TRUTH_HZ, _TRUTH_NUMBER = 'HIL_STATE_QUATERNION', 100.0, 115
_AUTOPILOT_VERSION = 148
_SET_INTERVAL, _REQUEST, _ARM, _TAKEOFF, _REBOOT = 511, 512, 400, 22, 246
_FORCE_REBOOT = 20190226.0
"""The number by which ArduPilot restarts while it is armed, in simulation only."""
_FLYING = {'copter': 'GUIDED', 'px4': 'LOITER', 'rover': 'GUIDED'}
_LANDED = {0: 'unknown', 1: 'ground', 2: 'air', 3: 'take-off', 4: 'landing'}
_RETRY_S = 1.0


class Human:
    """A ground station with a person in front of it.

    Args:
        url: address of the link, as pymavlink takes it.
        vehicle: copter, px4 or rover.
        log: file to which events are appended, one JSON object a line.
        on_truth: called with each message about the true state of the simulation, where the
            autopilot simulates the vehicle and says it; None: it is not asked for.
    """

    def __init__(
        self, url: str, vehicle: str, log: Path, on_truth: Callable[[Any], None] | None = None
    ) -> None:
        self.vehicle = vehicle
        self._on_truth = on_truth
        self._truth_s = -math.inf
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log.open('a')
        self._lock = threading.Lock()
        self._link = mavutil.mavlink_connection(url, source_system=255, source_component=190)
        self.track: list[tuple[float, float, float, float, float, float, float]] = []
        """Time (steady clock, s), position north, east, down (m) and velocity (m/s)."""
        self.clock: list[tuple[float, float]] = []
        """Time (steady clock, s) and the autopilot's own time since its start, s."""
        self.mode, self.armed, self.landed, self.version = '', False, '', ''
        self.heartbeat_s = -math.inf
        """When the newest heartbeat arrived, by the steady clock, s."""
        self._values: dict[str, Any] = {}
        self._acknowledged: dict[int, int] = {}
        self._asked_s = self._beat_s = -math.inf
        self._running = True
        self._thread = threading.Thread(target=self._run, name='human', daemon=True)
        self._thread.start()

    def __enter__(self) -> Human:
        return self

    def __exit__(self, *_: object) -> None:
        self._running = False
        self._thread.join()
        self._link.close()
        self._log.close()

    # What the autopilot says

    def _run(self) -> None:
        while self._running:
            message = self._link.recv_match(blocking=True, timeout=0.05)
            now_s = time.monotonic()
            if now_s - self._beat_s > 1.0:
                self._beat_s = now_s
                self._send('heartbeat_send', 6, 8, 0, 0, 0)
            if message is not None and message.get_srcComponent() == 1:
                self._take(message, now_s)
            if now_s - self._asked_s > 2.0 and now_s - self.heartbeat_s < 2.0:
                self._asked_s = now_s
                self._ask(now_s)

    def _ask(self, now_s: float) -> None:
        """Ask for the messages that do not come, as after a restart."""
        if not self.version:
            self.command(_REQUEST, _AUTOPILOT_VERSION, wait=False)
        if len(self.track) < 10 or now_s - self.track[-5][0] > 0.5:
            for name, rate_hz in _RATES_HZ.items():
                self.command(_SET_INTERVAL, _NUMBERS[name], 1e6 / rate_hz, wait=False)
        if self._on_truth and now_s - self._truth_s > 0.5:
            self.command(_SET_INTERVAL, _TRUTH_NUMBER, 1e6 / _TRUTH_HZ, wait=False)

    def _take(self, message: Any, now_s: float) -> None:
        kind = message.get_type()
        if kind == 'LOCAL_POSITION_NED':
            at = message.x, message.y, message.z
            self.track.append((now_s, *at, message.vx, message.vy, message.vz))
            self.clock.append((now_s, message.time_boot_ms / 1e3))
        elif kind == _TRUTH and self._on_truth:
            self._truth_s = now_s
            self._on_truth(message)
        elif kind == 'HEARTBEAT' and message.autopilot != 8:
            self.heartbeat_s = now_s
            armed = bool(message.base_mode & 128)
            if not self.mode:
                self.note('found', armed=armed, landed=self.landed)
            elif armed != self.armed:
                self.note('armed' if armed else 'disarmed')
            if (mode := str(self._link.flightmode)) != self.mode:
                self.note('mode', mode=mode)
            self.armed, self.mode = armed, mode
        elif kind == 'EXTENDED_SYS_STATE':
            landed = _LANDED.get(message.landed_state, 'unknown')
            if landed != self.landed and self.mode:
                self.note('landed_state', landed=landed)
            self.landed = landed
        elif kind == 'COMMAND_ACK':
            self._acknowledged[message.command] = message.result
        elif kind == 'PARAM_VALUE':
            self._values[message.param_id] = message
        elif kind == 'AUTOPILOT_VERSION':
            number, commit = message.flight_sw_version, bytes(message.flight_custom_version)
            release = '.'.join(str(number >> shift & 0xFF) for shift in (24, 16, 8))
            readable = commit.rstrip(b'\0').decode('ascii', 'replace')
            self.version = f'{release} ({readable if readable.isprintable() else commit.hex()})'
        elif kind == 'STATUSTEXT':
            self.note('says', text=message.text)

    def note(self, event: str, **more: Any) -> None:
        """Write an event down."""
        line = {'time': round(time.time(), 3), 'event': event, **more}
        self._log.write(json.dumps(line) + '\n')
        self._log.flush()

    @property
    def height_m(self) -> float:
        """Height above the place where the estimator began, m."""
        return -self.track[-1][3] if self.track else math.nan

    @property
    def alive(self) -> bool:
        """Whether the autopilot's heartbeat arrives."""
        return time.monotonic() - self.heartbeat_s < 2.5

    def speed_m_s(self) -> float:
        """Return the horizontal speed, m/s."""
        return math.hypot(*self.track[-1][4:6]) if self.track else math.nan

    # What the human does

    def _send(self, name: str, *arguments: Any) -> None:
        with self._lock:
            getattr(self._link.mav, name)(*arguments)

    def command(
        self, number: int, *values: float, wait: bool = True, p6: float = 0.0
    ) -> int | None:
        """Send a command; returns the autopilot's result, or None where it does not answer."""
        filled = [*values, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0][:5]
        seventh = values[6] if len(values) > 6 else 0.0
        self._acknowledged.pop(number, None)
        self._send(
            'command_long_send', self._link.target_system, 1, number, 0, *filled, p6, seventh
        )
        until_s = time.monotonic() + 1.5
        while wait and time.monotonic() < until_s and number not in self._acknowledged:
            time.sleep(0.01)
        return self._acknowledged.get(number)

    def wait(self, condition: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
        """Wait for something.

        Raises:
            LiquidPilotError: it takes too long.
        """
        until_s = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > until_s:
                raise LiquidPilotError(
                    f'the human has waited {timeout_s:g} s for {what}: mode {self.mode}, '
                    f'armed {self.armed}, {self.landed}; see whether the autopilot runs'
                )
            time.sleep(0.02)

    def insist(
        self,
        action: Callable[[], object],
        condition: Callable[[], bool],
        what: str,
        timeout_s: float = 60.0,
    ) -> None:
        """Do something once a second until it has come about."""
        acted_s = -math.inf

        def done() -> bool:
            nonlocal acted_s
            if condition():
                return True
            if time.monotonic() - acted_s > _RETRY_S:
                acted_s = time.monotonic()
                action()
            return condition()

        self.wait(done, what, timeout_s)

    def set_parameters(self, parameters: dict[str, float]) -> None:
        """Set parameters of the autopilot, and read them back."""
        for name, value in parameters.items():
            self._values.pop(name, None)
            identity = self._link.target_system, 1, name.encode()
            self.insist(
                lambda who=identity: self._send('param_request_read_send', *who, -1),
                lambda name=name: name in self._values,
                f'the parameter {name}',
            )
            self.insist(
                lambda who=identity, name=name, value=value: self._send(
                    'param_set_send',
                    *who,
                    self._encoded(value, self._values[name].param_type),
                    self._values[name].param_type,
                ),
                lambda name=name, value=value: abs(self._value(name) - value) < 1e-4,
                f'the parameter {name} to become {value:g}',
            )
            self.note('parameter', name=name, value=value)

    def _encoded(self, value: float, kind: int) -> float:
        """Return the number that PARAM_SET carries: PX4 sends the bits of an integer."""
        if self.vehicle == 'px4' and kind != 9:
            return float(struct.unpack('<f', struct.pack('<i', int(value)))[0])
        return float(value)

    def _value(self, name: str) -> float:
        message = self._values[name]
        if self.vehicle == 'px4' and message.param_type != 9:
            return float(struct.unpack('<i', struct.pack('<f', message.param_value))[0])
        return float(message.param_value)

    def set_mode(self, mode: str, again: bool = False) -> None:
        """Change the mode, and see that it has changed.

        Args:
            mode: name of the mode.
            again: whether to choose it also where the vehicle has it, as after a failsafe of PX4.
        """
        if again:
            self._change_mode(mode)
        if self.mode != mode:
            self.note('human: mode', mode=mode)
            self.insist(
                lambda: self._change_mode(mode), lambda: self.mode == mode, f'the mode {mode}'
            )

    def _change_mode(self, mode: str) -> None:
        number = self._link.mode_mapping()[mode]
        with self._lock:
            if self.vehicle == 'px4':
                self._link.set_mode_px4(*number)
            else:
                self._link.set_mode(number)

    def arm(self) -> None:
        """Arm; the autopilot may refuse for a while, until its estimator is ready."""
        self.note('human: arm')
        self.insist(lambda: self.command(_ARM, 1.0), lambda: self.armed, 'arming', 120.0)

    def make_ready(self, height_m: float) -> None:
        """Have the vehicle hover in the air, or a rover stand armed, and take setpoints."""
        self.wait(lambda: self.alive and bool(self.track), 'the autopilot and its position', 120.0)
        if self.vehicle == 'px4' and self.armed and self.landed == 'air':
            # Too low for another run: it lands, and takes off again.
            self.set_mode('LOITER' if self.height_m > 0.5 * height_m else 'LAND', again=True)
        # What lands by itself is left to it, and takes off again.
        if self.vehicle != 'rover':
            landing = self.mode == 'LAND'
            self.wait(
                lambda: not self.armed or (self.landed == 'air' and not landing),
                'a landing to end',
                120.0,
            )
        airborne = self.armed and self.landed == 'air'
        if not airborne and self.vehicle == 'px4' and not self.armed:
            self.set_parameters({'MIS_TAKEOFF_ALT': height_m})
            # PX4 takes the old height for a moment.
            time.sleep(2.0)
            self.insist(self._take_off_px4, self._has_taken_off, 'take-off', 180.0)
        self.set_mode(_FLYING[self.vehicle])
        if not airborne and self.vehicle != 'px4':
            if not self.armed:
                self.arm()
            if self.vehicle == 'copter':
                self.note('human: take-off', height_m=height_m)
                self.insist(
                    lambda: (
                        self.landed == 'ground'
                        and self.command(_TAKEOFF, 0, 0, 0, 0, 0, 0, height_m)
                    ),
                    lambda: self.landed == 'air' and self.height_m > 0.95 * height_m,
                    'take-off',
                    90.0,
                )
        if self.vehicle == 'copter' and not self._hovers(height_m):
            # BRAKE stops what coasts; a new GUIDED forgets the attitude that it had been sent.
            self.set_mode('BRAKE')
            self.wait(lambda: self.speed_m_s() < 0.3, 'the vehicle to be at rest', 30.0)
            self.set_mode('GUIDED')
            self.note('human: height', height_m=height_m)
            self.insist(lambda: self._go_to(height_m), lambda: self._hovers(height_m), 'its height')
        self.wait(lambda: self.speed_m_s() < 0.3, 'the vehicle to be at rest', 60.0)

    def _hovers(self, height_m: float) -> bool:
        return self.speed_m_s() < 0.5 and abs(self.height_m - height_m) < 0.5 * height_m

    def _go_to(self, height_m: float) -> None:
        """Send ArduCopter to a height above where it is."""
        _, north_m, east_m, *_ = self.track[-1]
        identity = 0, self._link.target_system, 1, 1, 0b110111111000
        rest = (0.0,) * 8
        self._send(
            'set_position_target_local_ned_send', *identity, north_m, east_m, -height_m, *rest
        )

    def _has_taken_off(self) -> bool:
        return self.landed == 'air' and self.mode == 'LOITER'

    def _take_off_px4(self) -> None:
        if not self.armed:
            self.note('human: arm')
            self._change_mode('TAKEOFF')
            self.note('human: take-off')
            self.command(_ARM, 1.0)

    def reboot(self) -> int | None:
        """Restart the autopilot, in the air too; returns its answer."""
        self.note('human: reboot')
        return self.command(_REBOOT, 1.0, p6=_FORCE_REBOOT)
