"""A link to one MAVLink autopilot, without MAVROS and without ROS.

pymavlink implements the protocol. By itself, the link sends only requests for the messages that it
needs, when they come too slowly. Setpoints and heartbeats are sent by the caller, on a new decision
of the guard. The link never arms the vehicle and never changes its mode: a human does.

The link has one peer: system, component and address of the first autopilot whose heartbeat arrives
whole (and truly signed, where there is a key). Whatever else arrives is ignored, and gets nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from liquid_pilot.interfaces import LiquidPilotError, VehicleState
from liquid_pilot.onboard.geometry import attitude_enu_ned, enu_ned, flu_frd, into_body
from liquid_pilot.onboard.safety.preflight import VehicleStatus
from liquid_pilot.onboard.setpoints.attitude_target import AttitudeTarget
from liquid_pilot.onboard.setpoints.body_velocity import ForwardTurn
from liquid_pilot.onboard.setpoints.mavlink_messages import (
    AIRBORNE,
    RC_CHANNELS,
    ImuReading,
    MessageRequests,
    estimator_fault,
    highres_imu_reading,
    raw_imu_reading,
)
from liquid_pilot.onboard.setpoints.mavlink_setpoints import (
    SetpointMessage,
    attitude_message,
    forward_turn_message,
    velocity_message,
)
from liquid_pilot.onboard.setpoints.mavlink_signing import (
    make_parser_class,
    make_signing,
    read_key,
)
from liquid_pilot.onboard.setpoints.mavlink_transport import Address, Transport, open_transport
from liquid_pilot.onboard.setpoints.world_velocity import VelocityNed
from liquid_pilot.utils.extras import install_advice

HEARTBEAT_TIMEOUT_S = 3.0
"""Time without a heartbeat after which the autopilot is not connected, s; it sends one a second."""
OFFBOARD_MODES = ('OFFBOARD', 'GUIDED')
"""Modes in which PX4 and ArduPilot (Copter and Rover) follow setpoints of a companion."""
MAX_HALF_AGE_S = 1.0
"""Age of attitude or position beyond which the other alone makes no odometry, s."""
STREAM_TIMEOUT_S = 1.0
"""Silence of all streams, which had come before, after which the autopilot is not connected, s."""
MAX_STICKS_AGE_S = 0.5
"""Age beyond which a position of the sticks says nothing, s."""
MAX_LANDED_STATE_AGE_S = 3.0
"""Age beyond which it is not known whether the vehicle flies, s."""
_MAX_IMU_GAP_S = 0.25
"""Time without a message of the better IMU after which the other one is used, s."""
_BOOT_TIME_TOLERANCE_MS = 1000
"""Time by which the autopilot's time may go back, as messages change places, ms."""
_MAX_CHANNELS = 18
_MAX_PARSERS = 8
"""Senders of datagrams that are listened to at a time before one is the peer."""
_BAD_SIGNATURE = 'Invalid signature'
"""Reason of pymavlink's message BAD_DATA."""
_MAV_MODE_FLAG_SAFETY_ARMED = 128
_MAV_COMP_ID_ONBOARD_COMPUTER = 191
_MAV_TYPE_ONBOARD_CONTROLLER = 18
_MAV_AUTOPILOT_INVALID = 8
_MAV_STATE_ACTIVE = 4
_MAV_CMD_SET_MESSAGE_INTERVAL = 511
_MAV_AUTOPILOT_ARDUPILOTMEGA = 3
_STREAMS = ('HIGHRES_IMU', 'RAW_IMU', 'ATTITUDE_QUATERNION', 'LOCAL_POSITION_NED')
_TIMED_MESSAGES = ('ATTITUDE_QUATERNION', 'LOCAL_POSITION_NED', 'ATTITUDE', 'SYSTEM_TIME')
"""Messages whose `time_boot_ms` tells that the autopilot has started again."""


class MavlinkUpdate(NamedTuple):
    """The data that have arrived since the previous call."""

    imu: list[ImuReading]
    """IMU readings, in order."""
    state: VehicleState | None
    """Pose and velocity, when a part of them is new; the stamp is 0, for the receiver to set."""


class MavlinkLink:
    """A link to the first autopilot whose heartbeat arrives; all others are ignored.

    Once it is chosen, only what comes from its address, system and component counts. Where it has
    been silent for HEARTBEAT_TIMEOUT_S, its heartbeat may come from another port of the same
    computer, as after a restart. Times are seconds of a steady clock.

    Args:
        transport: the port.
        dialect: pymavlink's module of messages.
        key: key of signed messages: others are ignored then; None: signatures are not looked at.
        rc_channels: whether the channels of the remote control are needed.
    """

    def __init__(
        self,
        transport: Transport,
        dialect: Any,
        key: bytes | None = None,
        rc_channels: bool = False,
    ) -> None:
        self._transport, self._dialect = transport, dialect
        self._signing = make_signing(dialect, key)
        self._parser_class = make_parser_class(dialect)
        self._parsers: dict[Address, Any] = {}
        self._mav = self._new_parser()
        self._target: int | None = None
        self._component = 1
        self._heartbeat_s = -math.inf
        self._mode, self._armed, self._ardupilot = '', False, False
        self._polled_s = -math.inf
        self._requests = MessageRequests(rc_channels)
        self._forget()
        self.ignored_sender: Address | None = None
        """The newest sender of datagrams that is not the peer; None before there was one."""
        self.refused_signatures = 0
        """Number of messages that were ignored because they are not signed with the key."""

    @classmethod
    def open(
        cls, url: str, baud: int = 921600, key_file: str = '', rc_channels: bool = False
    ) -> MavlinkLink:
        """Open a link over a serial port or UDP.

        Args:
            url: such as `/dev/serial0` or `udpin:127.0.0.1:14540`.
            baud: baud rate of a serial port.
            key_file: file with the key of signed messages; empty: messages are not signed.
            rc_channels: whether the channels of the remote control are needed.

        Raises:
            LiquidPilotError: when pymavlink is missing, the port cannot be opened, or the file
                holds no key.
        """
        key = read_key(key_file)
        try:
            from pymavlink.dialects.v20 import ardupilotmega

            transport = open_transport(url, baud)
        except ImportError as error:
            raise LiquidPilotError(
                f'the adapter mavlink needs pymavlink and pyserial ({error}); '
                f'{install_advice("pymavlink", "serial", by_run=False)}'
            ) from None
        return cls(transport, ardupilotmega, key, rc_channels)

    def _forget(self) -> None:
        """Forget what an autopilot has reported that has just started."""
        self._flags: int | None = None
        self._airborne: bool | None = None
        self._sticks: tuple[tuple[int, ...], float] = (), -math.inf
        self._attitude: tuple[Any, ...] | None = None
        self._position: tuple[Any, ...] | None = None
        self._attitude_s = self._position_s = self._imu_s = self._landed_state_s = -math.inf
        self._stream_s = math.inf
        self._boot_ms = 0
        self._started = True

    @property
    def peer(self) -> str:
        """The chosen autopilot in words; empty before there is one."""
        if self._target is None:
            return ''
        host, port = self._transport.peer or ('', 0)
        at = f' at {host}:{port}' if host else ''
        return f'system {self._target}, component {self._component}{at}'

    def poll(self, now_s: float) -> MavlinkUpdate:
        """Process all messages that have arrived, and ask for one that comes too slowly.

        Args:
            now_s: the time, s.
        """
        imu: list[ImuReading] = []
        has_new_state = False
        self._polled_s = now_s
        for message, sender in self._received(now_s):
            kind = message.get_type()
            if kind == 'HEARTBEAT':
                self._on_heartbeat(message, sender, now_s)
            elif self._is_peer(message, sender):
                self._requests.count(kind)
                has_new_state |= self._on_message(kind, message, imu)
        self._request_message(now_s)
        return MavlinkUpdate(imu, self._state() if has_new_state else None)

    def _received(self, now_s: float) -> Iterator[tuple[Any, Address]]:
        """Yield the messages of those that may be or become the peer, with their senders."""
        for data, sender in self._transport.received():
            if not self._may_speak(sender, now_s):
                self.ignored_sender = sender
                continue
            parser = self._parser_of(sender)
            for message in parser.parse_buffer(data) or ():
                if message.get_type() != 'BAD_DATA':
                    yield message, sender
                elif message.reason == _BAD_SIGNATURE:
                    self.refused_signatures += 1
                    if self._target is None and parser.signed_late:
                        # Its clock is behind, and our signed heartbeat sets it right.
                        self._transport.consider(sender)

    def _may_speak(self, sender: Address, now_s: float) -> bool:
        peer = self._transport.peer
        if self._target is None or peer is None or sender == peer:
            return True
        return sender[0] == peer[0] and now_s - self._heartbeat_s > HEARTBEAT_TIMEOUT_S

    def _parser_of(self, sender: Address) -> Any:
        """Return the parser of a sender: the bytes of one never complete those of another."""
        if sender not in self._parsers:
            if len(self._parsers) >= _MAX_PARSERS:
                self._parsers.pop(next(iter(self._parsers)))
            self._parsers[sender] = self._new_parser()
        return self._parsers[sender]

    def _new_parser(self) -> Any:
        parser = self._parser_class(
            self._transport, srcSystem=1, srcComponent=_MAV_COMP_ID_ONBOARD_COMPUTER
        )
        parser.robust_parsing = True
        parser.signing = self._signing
        return parser

    def _is_peer(self, message: Any, sender: Address) -> bool:
        return (
            self._target is not None
            and sender == self._transport.peer
            and message.get_srcSystem() == self._target
            and message.get_srcComponent() == self._component
        )

    def _on_heartbeat(self, message: Any, sender: Address, now_s: float) -> None:
        if message.autopilot == _MAV_AUTOPILOT_INVALID:
            return
        source = (message.get_srcSystem(), message.get_srcComponent())
        if self._target is None:
            self._target, self._component = source
        elif source != (self._target, self._component):
            return
        if sender != self._transport.peer:
            self._transport.choose(sender)
            self._parsers = {sender: self._parsers[sender]}
        from pymavlink import mavutil

        if now_s - self._heartbeat_s > HEARTBEAT_TIMEOUT_S:
            self._forget()
        self._heartbeat_s = now_s
        self._ardupilot = message.autopilot == _MAV_AUTOPILOT_ARDUPILOTMEGA
        self._armed = bool(message.base_mode & _MAV_MODE_FLAG_SAFETY_ARMED)
        self._mode = mavutil.mode_string_v10(message)

    def _on_message(self, kind: str, message: Any, imu: list[ImuReading]) -> bool:
        """Process a message; return whether it held pose or velocity."""
        if kind in _STREAMS:
            self._stream_s = self._polled_s
        if kind in _TIMED_MESSAGES:
            self._on_boot_time(message.time_boot_ms)
        if kind == 'HIGHRES_IMU':
            self._imu_s = self._polled_s
            imu.append(highres_imu_reading(message))
        elif kind == 'RAW_IMU' and self._polled_s - self._imu_s > _MAX_IMU_GAP_S:
            imu.append(raw_imu_reading(message))
        elif kind == 'ATTITUDE_QUATERNION':
            self._attitude_s = self._polled_s
            self._attitude = (
                (message.q1, message.q2, message.q3, message.q4),
                (message.rollspeed, message.pitchspeed, message.yawspeed),
            )
            return True
        elif kind == 'LOCAL_POSITION_NED':
            self._position_s = self._polled_s
            self._position = (
                (message.x, message.y, message.z),
                (message.vx, message.vy, message.vz),
            )
            return True
        elif kind in ('ESTIMATOR_STATUS', 'EKF_STATUS_REPORT'):
            self._flags = message.flags
        elif kind == RC_CHANNELS:
            count = min(message.chancount, _MAX_CHANNELS)
            pulses_us = (getattr(message, f'chan{k}_raw') for k in range(1, count + 1))
            self._sticks = tuple(pulses_us), self._polled_s
        elif kind == 'EXTENDED_SYS_STATE':
            self._landed_state_s = self._polled_s
            self._airborne = AIRBORNE.get(message.landed_state)
        elif (
            kind == 'COMMAND_ACK'
            and message.command == _MAV_CMD_SET_MESSAGE_INTERVAL
            # The answer to another one, such as a ground station, names that one.
            and message.target_component in (0, _MAV_COMP_ID_ONBOARD_COMPUTER)
        ):
            self._requests.on_answer(message.result, self._polled_s)
        return False

    def _on_boot_time(self, boot_ms: int) -> None:
        """Notice a restart of the autopilot by its time, which begins at 0 then."""
        if boot_ms < self._boot_ms - _BOOT_TIME_TOLERANCE_MS:
            self._forget()
        self._boot_ms = max(self._boot_ms, boot_ms)

    def _state(self) -> VehicleState | None:
        if self._attitude is None or self._position is None:
            return None
        # One of the two streams may end while the other goes on.
        if self._polled_s - min(self._attitude_s, self._position_s) > MAX_HALF_AGE_S:
            return None
        attitude = attitude_enu_ned(self._attitude[0])
        return VehicleState(
            0,
            enu_ned(self._position[0]),
            attitude,
            into_body(attitude, enu_ned(self._position[1])),
            flu_frd(self._attitude[1]),
        )

    def _request_message(self, now_s: float) -> None:
        if self._target is None:
            return
        if self._started:
            # What came with the heartbeat, or before it, tells nothing of a rate.
            self._started = False
            self._requests.begin(now_s)
        message = self._requests.due(now_s, self._ardupilot)
        if message is not None:
            self._send(
                'command_long',
                self._target,
                self._component,
                _MAV_CMD_SET_MESSAGE_INTERVAL,
                0,
                message.number,
                1e6 / message.rate_hz,
                *[0] * 5,
            )

    def status(self, now_s: float) -> VehicleStatus:
        """Return the status that the autopilot reports."""
        connected = (
            now_s - self._heartbeat_s <= HEARTBEAT_TIMEOUT_S
            and now_s - self._stream_s <= STREAM_TIMEOUT_S
        )
        is_recent = now_s - self._landed_state_s <= MAX_LANDED_STATE_AGE_S
        return VehicleStatus(
            connected,
            connected and self._armed,
            self._mode,
            connected and self._mode in OFFBOARD_MODES,
            None if self._flags is None else estimator_fault(self._flags),
            self._airborne if is_recent else None,
        )

    def sticks_us(self, now_s: float) -> tuple[int, ...]:
        """Return the pulses of the remote control's channels, microseconds; empty: not known."""
        pulses_us, arrived_s = self._sticks
        return pulses_us if now_s - arrived_s <= MAX_STICKS_AGE_S else ()

    def heartbeat(self) -> None:
        """Send the heartbeat of a companion, only on a new decision of the guard."""
        self._send(
            'heartbeat',
            _MAV_TYPE_ONBOARD_CONTROLLER,
            _MAV_AUTOPILOT_INVALID,
            0,
            0,
            _MAV_STATE_ACTIVE,
        )

    def send_velocity(self, setpoint: VelocityNed) -> None:
        """Send a velocity in the world and a yaw rate."""
        self._send_setpoint(velocity_message(setpoint))

    def send_forward_turn(self, setpoint: ForwardTurn) -> None:
        """Send a velocity forward and a yaw rate."""
        self._send_setpoint(forward_turn_message(setpoint))

    def send_attitude(self, setpoint: AttitudeTarget) -> None:
        """Send an attitude, a yaw rate and thrust."""
        self._send_setpoint(attitude_message(setpoint, self._ardupilot))

    def _send_setpoint(self, message: SetpointMessage) -> None:
        if self._target is not None:
            name, boot_ms, fields = message
            self._send(name, boot_ms, self._target, self._component, *fields)

    def _send(self, name: str, *values: Any) -> None:
        try:
            getattr(self._mav, f'{name}_send')(*values)
        except OSError:
            # A cable that was pulled out: the autopilot's failsafe acts on the silence.
            return

    def close(self) -> None:
        """Close the port."""
        self._transport.close()
