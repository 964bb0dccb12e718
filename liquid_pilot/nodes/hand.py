"""The hand node: takes the vehicle over from the pilot, from a joystick or a keyboard.

It publishes `guard/override` and `hand/command`. A guard with `forward_hand` sends these commands
to the vehicle, and the adaptation node learns from them (parameter `lesson`). A joystick takes over
while its button is held; `liquid-pilot hand` reads the keyboard.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from rclpy.parameter import Parameter
from sensor_msgs.msg import Joy
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from liquid_pilot.interfaces import Command, CommandValues
from liquid_pilot.nodes.common import messages, node_base, qos, topics
from liquid_pilot.nodes.common.flight_settings import FlightSettings
from liquid_pilot.nodes.common.parameters import Settings
from liquid_pilot.onboard.teaching.hand_keys import EXPERT, ZERO, HandKeys, HandSettings
from liquid_pilot.onboard.vehicles.registry import get_vehicle_limits
from liquid_pilot.utils.settings import setting, setting_from

PERIOD_S = 0.05
"""Period at which the hand commands, s."""
_WISH_TIMEOUT_S = 0.5
"""Age from which on a command of the pilot or the expert is nothing that keys can add to, s."""
EXPERT_KEY = 'e'
"""Key that lets the expert of the simulation fly."""
_JOYSTICK_TIMEOUT_S = 0.5
"""Age from which on a message of a joystick commands nothing: its driver repeats them, s."""
_NOTHING = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class HandParameters:
    """Parameters of the hand node."""

    vehicle: str = setting_from(FlightSettings, 'vehicle')
    base: str = setting_from(HandSettings, 'base')
    share: float = setting_from(HandSettings, 'share')
    forward_axis: int = setting(4, 'axis of the joystick for forward', low=0, high=63)
    left_axis: int = setting(3, 'axis of the joystick for left', low=0, high=63)
    up_axis: int = setting(1, 'axis of the joystick for up', low=0, high=63)
    turn_axis: int = setting(0, 'axis of the joystick for a turn to the left', low=0, high=63)
    take_over_button: int = setting(
        5, 'button of the joystick that takes over while it is held', low=0, high=63
    )
    accept_button: int = setting(
        0, 'button of the joystick that accepts what was taught', low=0, high=63
    )
    undo_button: int = setting(
        1, 'button of the joystick that takes back what was accepted last', low=0, high=63
    )


class HandNode(node_base.LiquidNode):
    """Publishes what a human commands, and whether a human has the vehicle."""

    parameters = HandParameters
    settings: Settings[HandParameters]

    def __init__(self, name: str = 'hand') -> None:
        """Wait for somebody who takes over."""
        super().__init__(name)
        settings = self.settings.current
        self._limits = get_vehicle_limits(settings.vehicle)
        self.keys = HandKeys(self._limits, settings.share)
        """The keys that are pressed."""
        self.has_vehicle = False
        """Whether the human has the vehicle."""
        self.command: CommandValues = _NOTHING
        """What the hand commanded last."""
        self.reports: dict[str, dict[str, str]] = {}
        """What guard and adaptation node of this namespace say on /diagnostics, by their names."""
        self._wanted: tuple[CommandValues, float] | None = None
        self._stick: tuple[CommandValues, float] | None = None
        self._buttons: tuple[int, ...] = ()
        self._override = self.create_publisher(Bool, topics.GUARD_OVERRIDE, qos.COMMAND)
        self._commands = self.create_publisher(TwistStamped, topics.HAND_COMMAND, qos.COMMAND)
        if settings.base == EXPERT:
            self.create_subscription(
                TwistStamped, topics.EXPERT_COMMAND, self._on_wanted, qos.SENSOR_RELIABLE
            )
        else:
            self.create_subscription(
                TwistStamped, topics.PILOT_COMMAND, self._on_wanted, qos.COMMAND
            )
        self.create_subscription(
            DiagnosticArray, topics.DIAGNOSTICS, self._on_diagnostics, qos.DIAGNOSTICS
        )
        self.create_subscription(Joy, topics.JOY, self._on_joy, qos.SENSOR)
        self._engage = self.create_client(SetBool, topics.GUARD_ENGAGE)
        self._lesson: dict[str, Any] = {
            name: self.create_client(Trigger, name)
            for name in (topics.LESSON_ACCEPT, topics.LESSON_UNDO)
        }
        self.create_steady_timer(PERIOD_S, self._send)

    def follow_clock(self) -> None:
        """Take the time from /clock where somebody publishes it, as a simulator does."""
        if self.get_parameter('use_sim_time').value:
            return
        if self.count_publishers(topics.CLOCK):
            self.set_parameters([Parameter('use_sim_time', value=True)])

    def _on_wanted(self, message: TwistStamped) -> None:
        """Take what keys can add to: the wish of the pilot, or that of an expert."""
        self._wanted = messages.unpack_command(message).values, self.steady_s()

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        space = self.get_namespace().rstrip('/')
        for status in messages.unpack_diagnostics(message):
            for name in ('guard', 'adaptation'):
                if status.hardware_id == f'{space}/{name}':
                    self.reports[name] = dict(status.values)

    def _on_joy(self, message: Joy) -> None:
        settings = self.settings.current
        pressed = tuple(number for number, value in enumerate(message.buttons) if value)
        new = set(pressed) - set(self._buttons)
        released = set(self._buttons) - set(pressed)
        self._buttons = pressed
        if settings.take_over_button in pressed:
            axes = (
                settings.forward_axis,
                settings.left_axis,
                settings.up_axis,
                settings.turn_axis,
            )
            shares = [message.axes[axis] if axis < len(message.axes) else 0.0 for axis in axes]
            values = (s * m for s, m in zip(shares, self._limits.maximum, strict=True))
            self._stick = self._limits.clamp(values), self.steady_s()
            self.take_over()
        elif settings.take_over_button in released:
            self._stick = None
            self.give_back(self._log_answer)
        if settings.accept_button in new:
            self.ask(topics.LESSON_ACCEPT, self._log_answer)
        if settings.undo_button in new:
            self.ask(topics.LESSON_UNDO, self._log_answer)

    def _log_answer(self, text: str) -> None:
        self.get_logger().info(text)

    def press(self, key: str) -> bool:
        """Take a key, and return whether it commands the vehicle; such a key takes over."""
        if key == EXPERT_KEY and self.settings.current.base == EXPERT:
            self.keys.release()
            used = True
        else:
            used = self.keys.press(key, self.steady_s())
        if used:
            self.take_over()
        return used

    def take_over(self) -> None:
        """Take the vehicle; it is the pilot's again after `give_back`."""
        if not self.has_vehicle:
            self.has_vehicle = True
            self._override.publish(Bool(data=True))

    def release(self) -> None:
        """Let the vehicle go. The guard is disengaged then: nothing is sent to the vehicle."""
        self.keys.release()
        if self.has_vehicle:
            self.has_vehicle = False
            self._override.publish(Bool(data=False))

    def give_back(self, tell: Callable[[str], None]) -> None:
        """Let the vehicle go, and let the pilot fly it.

        Args:
            tell: callback, called with the answer of the guard.
        """
        had_vehicle = self.has_vehicle
        self.release()
        if had_vehicle:
            self._call(self._engage, SetBool.Request(data=True), topics.GUARD_ENGAGE, tell)

    def ask(self, service: str, tell: Callable[[str], None]) -> None:
        """Call a service of the lesson.

        Args:
            service: its name.
            tell: callback, called with its answer.
        """
        self._call(self._lesson[service], Trigger.Request(), service, tell)

    def _call(self, client: Any, request: Any, name: str, tell: Callable[[str], None]) -> None:
        if not client.service_is_ready():
            tell(f'nobody answers on {self.resolve_service_name(name)}')
            return
        client.call_async(request).add_done_callback(lambda future: tell(future.result().message))

    def _send(self) -> None:
        """Publish the command of the hand, while it has the vehicle."""
        if not self.has_vehicle:
            return
        if self._stick is not None:
            self.command, arrived_s = self._stick
            if self.steady_s() - arrived_s > _JOYSTICK_TIMEOUT_S:
                # Without commands the guard sends the safe one, until the button is let go.
                return
        else:
            self.command = self.keys.command(self._base(), self.steady_s())
        stamp_ns = self.get_clock().now().nanoseconds
        # Again and again: the first one may come before the guard has heard of this publisher.
        self._override.publish(Bool(data=True))
        self._commands.publish(messages.pack_command(Command(stamp_ns, *self.command)))

    def _base(self) -> CommandValues:
        """Return what the keys add to."""
        if self.settings.current.base == ZERO or self._wanted is None:
            return _NOTHING
        values, arrived_s = self._wanted
        return values if self.steady_s() - arrived_s <= _WISH_TIMEOUT_S else _NOTHING

    def close(self) -> None:
        """Let the vehicle go."""
        self.release()


def main() -> int:
    """Entry point of the executable."""
    return node_base.run('hand', HandNode)


if __name__ == '__main__':
    node_base.exit_process(main())
