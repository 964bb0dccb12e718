"""The guard as a flight mode of PX4: it registers the mode, and answers PX4's checks of it.

PX4 lists the mode in the ground station, and lets a human select it only while the guard says that
it can run. It says so while it sends setpoints. For PX4 keeps the last setpoint of an external mode
for as long as the mode can run, however old it is. A mode that cannot run any more, or whose guard
does not answer, is left by PX4's failsafe, which is Return unless that is impossible.

Nothing here selects the mode, arms, or takes off, and PX4 is asked not to arm in the mode.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable
from typing import Any

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common import node_base
from liquid_pilot.nodes.outputs.px4_registration import (
    API_VERSION,
    MAX_NAME_BYTES,
    ModeRegistration,
    Registration,
    Reply,
)
from liquid_pilot.nodes.outputs.px4_topics import Px4Publisher, subscribe

_STEP_S = 0.25
"""Period at which the registration is looked at, s."""
_CONFIGURATION_PERIOD_S = 1.0
"""Period at which PX4 is told the kind of setpoints again, s; a message may get lost."""
_LAST_MESSAGE_S = 0.1
"""Time that the message which ends the registration has to leave, s."""


class Px4Mode:
    """Registers a mode with PX4, keeps it registered, and answers the checks of it."""

    def __init__(
        self,
        node: node_base.LiquidNode,
        name: str,
        attitude: bool,
        sends: Callable[[], bool],
        connected: Callable[[], bool],
    ) -> None:
        """Create the publishers and subscriptions, and begin to register.

        Args:
            node: the guard node.
            name: name of the mode in the ground station.
            attitude: whether its setpoints are attitudes (else velocities).
            sends: function that returns whether the guard sends setpoints.
            connected: function that returns whether PX4 reports its status.

        Raises:
            LiquidPilotError: the name cannot be sent, or px4_msgs is not installed or too old.
        """
        if not name.isascii() or not name.isprintable() or not 0 < len(name) <= MAX_NAME_BYTES:
            raise LiquidPilotError(
                f'px4_mode_name: {name!r} is no name of a mode; choose 1 to {MAX_NAME_BYTES} '
                'printable ASCII characters'
            )
        self._node, self._name = node, name
        self._attitude, self._sends, self._connected = attitude, sends, connected
        self._registration = ModeRegistration(name, lambda: secrets.randbits(63))
        self._known: Registration | None = None
        self._armed: bool | None = None
        self._configured_s = -math.inf
        self._requests = Px4Publisher(
            node, 'RegisterExtComponentRequest', 'register_ext_component_request'
        )
        self._ends = Px4Publisher(node, 'UnregisterExtComponent', 'unregister_ext_component')
        self._answers = Px4Publisher(node, 'ArmingCheckReply', 'arming_check_reply')
        self._configuration = Px4Publisher(node, 'VehicleControlMode', 'config_control_setpoints')
        for kind, topic, callback in (
            ('RegisterExtComponentReply', 'register_ext_component_reply', self._on_reply),
            ('ArmingCheckRequest', 'arming_check_request', self._on_check_request),
        ):
            subscribe(node, kind, topic, callback)
        node.create_steady_timer(_STEP_S, self._step)

    @property
    def name(self) -> str:
        """Name of the mode."""
        return self._name

    @property
    def mode_id(self) -> int | None:
        """Number of the mode in `nav_state` of PX4's status; None while it is not registered."""
        registered = self._registration.registered
        return None if registered is None else registered.mode_id

    @property
    def values(self) -> dict[str, str]:
        """Values of the status on /diagnostics."""
        number = self.mode_id
        return {
            'px4_mode': 'not registered' if number is None else 'registered',
            'px4_mode_name': self._name,
            **({} if number is None else {'px4_mode_number': f'{number}'}),
        }

    @property
    def problem(self) -> str:
        """Why the mode is not registered, and what to do; empty while there is nothing to say."""
        return self._registration.problem

    def on_status(self, armed: bool, selectable_modes: int | None) -> None:
        """Take a status of PX4.

        Args:
            armed: whether the vehicle is armed.
            selectable_modes: bits of the modes that can be selected; None: it is not reported.
        """
        self._armed = armed
        self._registration.on_status(self._node.steady_s(), armed, selectable_modes)
        self._log_changes()

    def on_setpoint(self, attitude: bool) -> None:
        """Tell PX4 the kind of the setpoint that is about to be sent, where it is another.

        Args:
            attitude: whether it is an attitude (else a velocity).
        """
        if attitude != self._attitude:
            self._attitude = attitude
            self._configure()

    def close(self) -> None:
        """End the registration.

        PX4 takes no such message while it is armed, and would find it when it is disarmed, when
        another guard may have registered. Then the mode is dropped because it does not answer.
        """
        registered = self._registration.registered
        if registered is not None and self._armed is False:
            self._unregister(registered)
            time.sleep(_LAST_MESSAGE_S)

    def _step(self) -> None:
        now_s = self._node.steady_s()
        if self._connected() and self._requests.has_reader:
            request_id = self._registration.request_due(now_s)
            if request_id is not None:
                self._requests.publish(pack_request(self._requests.kind, self._name, request_id))
        if now_s - self._configured_s >= _CONFIGURATION_PERIOD_S:
            self._configure()
        self._log_changes()

    def _on_reply(self, message: Any) -> None:
        reply = Reply(
            int(message.request_id),
            bool(message.success),
            int(message.px4_ros2_api_version),
            Registration(int(message.mode_id), int(message.arming_check_id)),
        )
        unused = self._registration.on_reply(reply, self._node.steady_s())
        if unused is not None:
            self._unregister(unused)
        self._configure()
        self._log_changes()

    def _on_check_request(self, message: Any) -> None:
        # From PX4 1.17 on it says which checks it knows.
        valid_checks = getattr(message, 'valid_registrations_mask', None)
        registered = self._registration.on_check_request(self._node.steady_s(), valid_checks)
        if registered is not None:
            self._answers.publish(
                pack_answer(
                    self._answers.kind,
                    int(message.request_id),
                    registered,
                    can_run=self._sends(),
                    attitude=self._attitude,
                )
            )
        self._log_changes()

    def _configure(self) -> None:
        """Tell PX4 which of its controllers have to run in the mode."""
        number = self.mode_id
        if number is not None:
            self._configured_s = self._node.steady_s()
            kind = self._configuration.kind
            self._configuration.publish(pack_configuration(kind, number, self._attitude))

    def _unregister(self, registered: Registration) -> None:
        self._ends.publish(pack_end(self._ends.kind, self._name, registered))

    def _log_changes(self) -> None:
        """Log that the mode has been registered or lost; the guard reports the problems."""
        logger, registered = self._node.get_logger(), self._registration.registered
        if registered != self._known:
            if registered is None:
                logger.warning(
                    f'PX4 has dropped the mode {self._name!r}, since it has restarted or got no '
                    'answers; it is asked to register it again'
                )
            else:
                logger.info(
                    f'PX4 has registered the mode {self._name!r} as number {registered.mode_id}'
                )
            self._known = registered


def _pack_name(name: str) -> list[int]:
    """Return a name as the characters of PX4's messages, filled up with zeros."""
    return list(name.encode('ascii').ljust(MAX_NAME_BYTES + 1, b'\0'))


def pack_request(kind: Any, name: str, request_id: int) -> Any:
    """Return the request to register a mode and its arming check.

    Args:
        kind: class of the message, px4_msgs/RegisterExtComponentRequest.
        name: name of the mode.
        request_id: number by which the answer is recognised.
    """
    return kind(
        request_id=request_id,
        name=_pack_name(name),
        px4_ros2_api_version=API_VERSION,
        register_arming_check=True,
        register_mode=True,
    )


def pack_end(kind: Any, name: str, registered: Registration) -> Any:
    """Return the message that ends a registration.

    Args:
        kind: class of the message, px4_msgs/UnregisterExtComponent.
        name: name of the mode.
        registered: the registration.
    """
    return kind(
        name=_pack_name(name),
        arming_check_id=registered.arming_check_id,
        mode_id=registered.mode_id,
        mode_executor_id=-1,
    )


def pack_answer(
    kind: Any, request_id: int, registered: Registration, can_run: bool, attitude: bool
) -> Any:
    """Return the answer to a check of the mode.

    Its requirements are those of its controllers. PX4 is asked to refuse to arm in the mode, so
    that a human takes off in another one.

    Args:
        kind: class of the message, px4_msgs/ArmingCheckReply.
        request_id: number of the question.
        registered: the registration.
        can_run: whether the mode can run.
        attitude: whether its setpoints are attitudes (else velocities).
    """
    return kind(
        request_id=request_id,
        registration_id=registered.arming_check_id,
        can_arm_and_run=can_run,
        mode_req_angular_velocity=True,
        mode_req_attitude=True,
        mode_req_local_alt=not attitude,
        mode_req_local_position=not attitude,
        mode_req_prevent_arming=True,
    )


def pack_configuration(kind: Any, mode_id: int, attitude: bool) -> Any:
    """Return which of PX4's controllers have to run in the mode, those that Offboard has.

    With `flag_control_offboard_enabled` moved sticks end the mode where COM_RC_OVERRIDE says that
    they end Offboard; else nothing but the mode switch would.

    Args:
        kind: class of the message, px4_msgs/VehicleControlMode.
        mode_id: number of the mode.
        attitude: whether its setpoints are attitudes (else velocities).
    """
    return kind(
        source_id=mode_id,
        flag_control_offboard_enabled=True,
        flag_control_velocity_enabled=not attitude,
        flag_control_altitude_enabled=not attitude,
        flag_control_climb_rate_enabled=not attitude,
        flag_control_acceleration_enabled=not attitude,
        flag_control_attitude_enabled=True,
        flag_control_rates_enabled=True,
        flag_control_allocation_enabled=True,
    )
