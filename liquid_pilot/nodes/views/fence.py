"""The geofence of the guard as markers: its parameters are asked for, its middle is observed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from geometry_msgs.msg import Point
from rcl_interfaces.srv import GetParameters
from std_msgs.msg import Header
from visualization_msgs.msg import Marker

from liquid_pilot.nodes.common.messages import NodeStatus
from liquid_pilot.nodes.common.node_base import LiquidNode
from liquid_pilot.nodes.views import markers
from liquid_pilot.onboard.safety.guard import SILENT_STATES
from liquid_pilot.utils.palette import VERMILLION

GUARD_PARAMETERS = 'guard/get_parameters'
"""The service of every node by which its parameters are read."""
FENCE = 'fence'
"""Group of markers."""
_NAMES = ('geofence_radius_m', 'geofence_ceiling_m')
_OPEN_HEIGHT_M = 3.0
"""Height at which the upper circle is drawn where there is no ceiling."""


class FenceView:
    """Watches the guard of the same namespace.

    The guard measures its fence from its first odometry after it was engaged. This is the newest
    odometry when its status says so, up to the time in between.
    """

    def __init__(self, node: LiquidNode, changed: Callable[[], None]) -> None:
        """Create the client.

        Args:
            node: the node.
            changed: function that is called when the fence is another one.
        """
        self._node, self._changed = node, changed
        service = GUARD_PARAMETERS
        self._client = node.create_client(GetParameters, service)
        own = node.get_fully_qualified_name()
        self._guard = f'{own[: own.rfind("/")]}/guard'
        self._engaged = False
        self._pending: Any = None
        self._limits_m: tuple[float, float] | None = None
        self._middle: Point | None = None

    def on_status(self, status: NodeStatus, here: Point | None) -> None:
        """Take a status of a node.

        Args:
            status: the status.
            here: newest position of the vehicle; None: it is not known.
        """
        if status.hardware_id != self._guard:
            return
        if self._limits_m is None:
            self._ask()
        engaged = status.values.get('state', '') not in SILENT_STATES
        if engaged and not self._engaged and here is not None:
            self._middle = here
            if self.visible:
                self._changed()
        self._engaged = engaged and (here is not None or self._engaged)

    def _ask(self) -> None:
        """Ask for the parameters; a guard that starts later is asked at its next status."""
        if self._pending is not None and not self._pending.done():
            self._client.remove_pending_request(self._pending)
        if not self._client.service_is_ready():
            return
        self._pending = self._client.call_async(GetParameters.Request(names=list(_NAMES)))
        self._pending.add_done_callback(self._on_parameters)

    def _on_parameters(self, future: Any) -> None:
        answer = future.result()
        if answer is None or len(answer.values) != len(_NAMES):
            return
        radius, ceiling = (value.double_value for value in answer.values)
        self._limits_m = radius, ceiling
        if self.visible:
            self._changed()

    @property
    def visible(self) -> bool:
        """Whether there is a fence, and its middle is known."""
        return self._middle is not None and self._limits_m is not None and any(self._limits_m)

    def markers(self, header: Header) -> list[Marker]:
        """Return the circles of the fence, on the height of its middle and of its ceiling."""
        if self._middle is None or self._limits_m is None or not any(self._limits_m):
            return []
        radius, ceiling = self._limits_m
        x, y, z = self._middle.x, self._middle.y, self._middle.z
        heights = (z, z + (ceiling or _OPEN_HEIGHT_M)) if radius else (z + ceiling,)
        # Without a radius the ceiling has no end; a part of it is drawn.
        shown = radius or 10.0
        return [
            markers.ring(header, FENCE, number, (x, y, height), shown, (VERMILLION, 0.9))
            for number, height in enumerate(heights)
        ]
