"""The viewer node: a window with the camera image, the command, and the state.

The bars show what the guard sends to the vehicle on `cmd_vel`. Where it sends nothing there, they
show what the pilot wants (`pilot/command`), and the line below them says so.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import Image

from liquid_pilot.interfaces import CameraGeometry, Command, ObservationError
from liquid_pilot.nodes.common import messages, node_base, qos, topics
from liquid_pilot.nodes.common.flight_settings import FlightSettings
from liquid_pilot.nodes.common.parameters import Settings
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor
from liquid_pilot.onboard.vehicles.registry import get_vehicle_limits
from liquid_pilot.utils.extras import install_advice
from liquid_pilot.utils.settings import setting, setting_from

_BARS = (('forward', 'm/s'), ('left', 'm/s'), ('up', 'm/s'), ('yaw', 'rad/s'))
_BAR_HEIGHT, _PANEL = 22, 132
_SENT_FOR_S = 1.0
"""Time for which the newest output of the guard is shown, s."""
_DRIVERS = {'WAYLAND_DISPLAY': 'wayland', 'DISPLAY': 'x11'}
"""Variables that name a display, and SDL's drivers for them."""
_BACKGROUND, _TEXT_COLOUR, _TRACK_COLOUR, _BAR_COLOUR = (
    (20, 22, 26),
    (230, 230, 230),
    (70, 74, 82),
    (64, 160, 96),
)


@dataclass(frozen=True)
class ViewerParameters:
    """Parameters of the viewer node."""

    width: int = setting(768, 'width of the window', 'pixels', low=160, high=8192)
    vehicle: str = setting_from(FlightSettings, 'vehicle')
    rate_hz: float = setting(30.0, 'rate at which the window is drawn', 'Hz', low=1.0, high=120.0)


class NoWindowError(Exception):
    """There is no display for a window; the run goes on without it."""


class WindowClosedError(Exception):
    """The user closed the window."""


def open_display() -> ModuleType:
    """Return pygame with an initialised display.

    Raises:
        NoWindowError: there is no display, or pygame is not installed.
    """
    displays = {name: os.environ[name] for name in _DRIVERS if os.environ.get(name)}
    if not displays and not os.environ.get('SDL_VIDEODRIVER'):
        raise NoWindowError('there is no display')
    # Left to itself, SDL draws to nowhere when no display answers.
    os.environ.setdefault('SDL_VIDEODRIVER', ','.join(_DRIVERS[name] for name in displays))
    os.environ.setdefault('PYGAME_HIDE_SUPPORT_PROMPT', '1')
    try:
        import pygame
    except ImportError:
        raise NoWindowError(f'pygame is not installed; {install_advice("pygame")}') from None
    try:
        pygame.display.init()
        pygame.font.init()
    except pygame.error as error:
        named = ', '.join(f'{name}={value}' for name, value in displays.items())
        raise NoWindowError(
            f'no display answers at {named or os.environ["SDL_VIDEODRIVER"]} ({error})'
        ) from None
    return pygame


class ViewerNode(node_base.LiquidNode):
    """Draws the window."""

    parameters = ViewerParameters
    settings: Settings[ViewerParameters]

    def __init__(self) -> None:
        """Open the display and subscribe.

        Raises:
            NoWindowError: there is no display.
            LiquidPilotError: there is no such vehicle.
        """
        super().__init__('viewer')
        self._maximum = get_vehicle_limits(self.settings.current.vehicle).maximum
        self._pygame = open_display()
        # Surface and font of pygame, which has no usable types.
        self._window: Any = None
        self._font: Any = None
        self._preprocess: Preprocessor | None = None
        self._pixels: np.ndarray | None = None
        self._image_error = ''
        self._wanted = Command(0, 0.0, 0.0, 0.0, 0.0)
        self._sent: tuple[float, Command] | None = None
        self._status: dict[str, messages.NodeStatus] = {}
        self.create_subscription(Image, topics.IMAGE, self._on_image, qos.IMAGE)
        self.create_subscription(
            TwistStamped, topics.PILOT_COMMAND, self._on_command, qos.COMMAND_BEST_EFFORT
        )
        self.create_subscription(
            TwistStamped, topics.CMD_VEL, self._on_sent, qos.COMMAND_BEST_EFFORT
        )
        self.create_subscription(
            DiagnosticArray, topics.DIAGNOSTICS, self._on_diagnostics, qos.DIAGNOSTICS
        )
        self.create_steady_timer(1.0 / self.settings.current.rate_hz, self.draw)

    def _on_image(self, message: Image) -> None:
        _, image = messages.unpack_image(message)
        preprocess = self._preprocess
        size = (image.width, image.height)
        if preprocess is None or (preprocess.target.width, preprocess.target.height) != size:
            if image.width < 1 or image.height < 1:
                return
            self._preprocess = preprocess = Preprocessor(
                CameraGeometry.from_vertical_fov(image.width, image.height, 1.0)
            )
        try:
            planes = preprocess(image)[0]
            self._pixels = (255.0 * planes).astype(np.uint8).transpose(2, 1, 0)
            self._image_error = ''
        except ObservationError as error:
            self._image_error = str(error)

    def _on_command(self, message: TwistStamped) -> None:
        self._wanted = messages.unpack_command(message)

    def _on_sent(self, message: TwistStamped) -> None:
        self._sent = self.steady_s(), messages.unpack_command(message)

    def command(self) -> tuple[Command, str]:
        """Return the command to show, and what it is, in words."""
        if self._sent is not None and self.steady_s() - self._sent[0] <= _SENT_FOR_S:
            return self._sent[1], f'sent by the guard ({topics.CMD_VEL})'
        return self._wanted, f'wanted by the pilot ({topics.PILOT_COMMAND}), not sent'

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        space = self.get_namespace().rstrip('/') + '/'
        for status in messages.unpack_diagnostics(message):
            if status.hardware_id.startswith(space):
                self._status[status.hardware_id[len(space) :]] = status

    def lines(self) -> list[str]:
        """Return the text beside the bars, line by line."""
        simulator, texts = self._status.get('simulator'), []
        if simulator is not None:
            values = simulator.values
            texts.append(values.get('state', ''))
            if 'target_distance_m' in values:
                texts.append(f'{values["target_distance_m"]} m to go, {values["flight_s"]} s')
        for name in ('pilot', 'guard'):
            if status := self._status.get(name):
                text = status.message if status.level else status.values.get('state', '')
                texts.append(f'{name}: {text}, {status.values.get("rate_hz", "-")} Hz')
        return texts + ([self._image_error] if self._image_error else [])

    def draw(self) -> None:
        """Draw the window.

        Raises:
            WindowClosedError: the user has closed the window.
        """
        pygame = self._pygame
        width = self.settings.current.width
        if self._window is None:
            self._font = pygame.font.Font(None, 20)
            self._resize(width * 9 // 16)
            pygame.display.set_caption('liquid_pilot')
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                raise WindowClosedError
        image_height = self._window.get_height() - _PANEL
        self._window.fill(_BACKGROUND)
        if self._pixels is not None:
            width_px, height_px = self._pixels.shape[:2]
            if abs(width * height_px / width_px - image_height) > 1.0:
                image_height = round(width * height_px / width_px)
                self._resize(image_height)
            surface = pygame.surfarray.make_surface(self._pixels)
            self._window.blit(pygame.transform.scale(surface, (width, image_height)), (0, 0))
        self._draw_bars(image_height + 12)
        for row, text in enumerate(self.lines()):
            self._write(text, width // 2 + 20, image_height + 12 + row * _BAR_HEIGHT)
        pygame.display.flip()

    def _resize(self, image_height: int) -> None:
        self._window = self._pygame.display.set_mode(
            (self.settings.current.width, image_height + _PANEL)
        )

    def _draw_bars(self, top: int) -> None:
        half = self.settings.current.width // 8
        middle = 80 + half
        command, source = self.command()
        for (name, unit), maximum, value in zip(_BARS, self._maximum, command.values, strict=True):
            if maximum == 0.0:
                continue  # The vehicle does not move that way.
            length = round(half * min(max(value / maximum, -1.0), 1.0))
            self._pygame.draw.rect(self._window, _TRACK_COLOUR, (middle - half, top, 2 * half, 14))
            self._pygame.draw.rect(
                self._window, _BAR_COLOUR, (middle + min(length, 0), top, abs(length), 14)
            )
            self._write(name, 12, top)
            self._write(f'{value:+.2f} {unit}', middle + half + 10, top)
            top += _BAR_HEIGHT
        self._write(source, 12, top)

    def _write(self, text: str, left: int, top: int) -> None:
        self._window.blit(self._font.render(text, True, _TEXT_COLOUR), (left, top))

    def close(self) -> None:
        """Close the window."""
        self._pygame.quit()


def main() -> int:
    """Entry point of the executable; without a display it ends with the exit code 0."""
    try:
        return node_base.run('viewer', ViewerNode)
    except NoWindowError as error:
        print(
            f'[viewer] no window: {error}. The run goes on without it; --headless (headless:=true)'
            ' leaves it out.',
            file=sys.stderr,
            flush=True,
        )
    except WindowClosedError:
        pass
    return 0


if __name__ == '__main__':
    node_base.exit_process(main())
