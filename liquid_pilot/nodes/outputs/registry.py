"""The output of each vehicle adapter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from liquid_pilot.nodes.common import node_base
from liquid_pilot.nodes.outputs.autopilots import (
    AckermannOutput,
    ArduPilotOutput,
    HoverOutput,
    MavrosOutput,
)
from liquid_pilot.nodes.outputs.base import (
    AttitudeThrustOutput,
    Output,
    OutputParameters,
    TwistOutput,
)
from liquid_pilot.nodes.outputs.px4 import Px4Output


def _mavlink(node: node_base.LiquidNode, settings: OutputParameters) -> Output[Any]:
    # Imported here, because pymavlink is optional.
    from liquid_pilot.nodes.outputs.mavlink import MavlinkOutput

    return MavlinkOutput(node, settings.mavlink_url, settings.mavlink_baud)


OUTPUT_FACTORIES: dict[str, Callable[[node_base.LiquidNode, OutputParameters], Output[Any]]] = {
    'cmd_vel': lambda node, settings: TwistOutput(node, settings.stamped),
    'gazebo': lambda node, settings: TwistOutput(node, settings.stamped),
    'attitude_thrust': lambda node, settings: AttitudeThrustOutput(node),
    'mavros': lambda node, settings: MavrosOutput(node, attitude=False),
    'mavros_attitude': lambda node, settings: MavrosOutput(node, attitude=True),
    'ardupilot': lambda node, settings: ArduPilotOutput(node, settings.ardupilot_prefix),
    'px4': lambda node, settings: Px4Output(node),
    'px4_attitude': lambda node, settings: Px4Output(node),
    'mavlink': _mavlink,
    'mavlink_attitude': _mavlink,
    'ackermann': lambda node, settings: AckermannOutput(node),
    'crazyflie': lambda node, settings: HoverOutput(node, settings.yaw_clockwise),
}
"""Functions that make the output of an adapter, by the name of the adapter.

Each takes the setpoints that the adapter of the same name makes. It raises LiquidPilotError when a
message package or library that it needs is not installed.
"""
