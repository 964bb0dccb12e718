"""The output of each vehicle adapter, those of other packages included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common import node_base
from liquid_pilot.nodes.outputs.autopilots import (
    AckermannOutput,
    ArduPilotOutput,
    HoverOutput,
)
from liquid_pilot.nodes.outputs.base import (
    AttitudeThrustOutput,
    Output,
    OutputParameters,
    TwistOutput,
)
from liquid_pilot.nodes.outputs.mavros import MavrosOutput
from liquid_pilot.nodes.outputs.px4 import Px4Output
from liquid_pilot.onboard.safety.preflight import VehicleStatus
from liquid_pilot.onboard.setpoints.registry import ADAPTERS


def _mavlink(node: node_base.LiquidNode, settings: OutputParameters) -> Output[Any]:
    # Imported here, because pymavlink is optional.
    from liquid_pilot.nodes.outputs.mavlink import MavlinkOutput, RcHand

    hand = RcHand(settings.rc_settings(), settings.limits()) if settings.rc_hand else None
    return MavlinkOutput(
        node, settings.mavlink_url, settings.mavlink_baud, settings.mavlink_key_file, hand
    )


OUTPUT_FACTORIES: dict[str, Callable[[node_base.LiquidNode, OutputParameters], Output[Any]]] = {
    'cmd_vel': lambda node, settings: TwistOutput(node, settings.stamped),
    'gazebo': lambda node, settings: TwistOutput(node, settings.stamped),
    'attitude_thrust': lambda node, settings: AttitudeThrustOutput(node),
    'mavros': lambda node, settings: MavrosOutput(node, attitude=False),
    'mavros_attitude': lambda node, settings: MavrosOutput(node, attitude=True),
    'ardupilot': lambda node, settings: ArduPilotOutput(node, settings.ardupilot_prefix),
    'px4': lambda node, settings: Px4Output(node, False, settings.registered_px4_mode()),
    'px4_attitude': lambda node, settings: Px4Output(node, True, settings.registered_px4_mode()),
    'mavlink': _mavlink,
    'mavlink_attitude': _mavlink,
    'mavlink_rover': _mavlink,
    'ackermann': lambda node, settings: AckermannOutput(node),
    'crazyflie': lambda node, settings: HoverOutput(node, settings.yaw_clockwise),
}
"""Functions that make the output of an adapter, by the name of the adapter.

Each takes the setpoints that the adapter of the same name makes. It raises LiquidPilotError when a
message package or library that it needs is not installed.
"""
_MEMBERS = ('status', 'send', 'on_decision', 'flush')
_LOG_PERIOD_S = 5.0
"""Time between two log lines about the same failure, s."""


def make_output(name: str, node: node_base.LiquidNode, parameters: OutputParameters) -> Output[Any]:
    """Return the output of an adapter.

    Args:
        name: name of the adapter.
        node: the guard node.
        parameters: its parameters.

    Raises:
        LiquidPilotError: a message package or library that it needs is not installed, or the
            output of another package is broken; the message names the package.
    """
    if name in OUTPUT_FACTORIES:
        return OUTPUT_FACTORIES[name](node, parameters)
    make = ADAPTERS[name].make_output
    if make is None:
        ADAPTERS.fail(name, f'its AdapterSpec has no make_output; {ADAPTERS.page} shows one')
    return ExternalOutput(name, node, ADAPTERS.make(name, _MEMBERS, make, node, parameters))


class ExternalOutput:
    """The output of another package, whose failures the guard survives.

    Args:
        name: name of the adapter.
        node: the guard node, which logs failures.
        output: the output.
    """

    def __init__(self, name: str, node: node_base.LiquidNode, output: Output[Any]) -> None:
        self._name, self._node, self._output = name, node, output

    @property
    def status(self) -> VehicleStatus | None:
        """The status; not connected when it cannot be read, so that nothing is sent."""
        try:
            return self._output.status
        except Exception as error:
            self._log('status', error)
            return VehicleStatus(connected=False)

    def send(self, setpoint: Any) -> None:
        """Send a setpoint.

        Raises:
            LiquidPilotError: it could not be sent.
        """
        try:
            self._output.send(setpoint)
        except Exception as error:
            raise LiquidPilotError(self._text('send', error)) from error

    def on_decision(self) -> None:
        """Send a heartbeat; a failure is logged."""
        try:
            self._output.on_decision()
        except Exception as error:
            self._log('on_decision', error)

    def flush(self, timeout_ns: int) -> None:
        """Wait until what was sent has arrived; a failure is logged."""
        try:
            self._output.flush(timeout_ns)
        except Exception as error:
            self._log('flush', error)

    def _text(self, member: str, error: Exception) -> str:
        return (
            f'{member} of the adapter {self._name!r} of the package '
            f'{ADAPTERS.extension(self._name)} failed: {ADAPTERS.describe_error(self._name, error)}'
        )

    def _log(self, member: str, error: Exception) -> None:
        self._node.get_logger().error(
            self._text(member, error), throttle_duration_sec=_LOG_PERIOD_S
        )
