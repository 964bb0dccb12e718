"""The viewer node: a window with what the camera sees, what the pilot commands, and the state."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from types import ModuleType

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import Image

from liquid_pilot.interfaces import CameraGeometry, Command, ObservationError
from liquid_pilot.nodes.common import messages, node_base, qos
from liquid_pilot.nodes.common.parameters import parameter
from liquid_pilot.onboard.perception.image_preprocessing import Preprocessor

_BARS = (('forward', 2.5, 'm/s'), ('left', 1.5, 'm/s'), ('up', 1.0, 'm/s'), ('yaw', 1.5, 'rad/s'))
_BAR_HEIGHT, _PANEL = 22, 120
_BACKGROUND, _TEXT_COLOUR, _TRACK_COLOUR, _BAR_COLOUR = (
    (20, 22, 26),
    (230, 230, 230),
    (70, 74, 82),
    (64, 160, 96),
)


@dataclass(frozen=True)
class ViewerParameters:
    """Parameters of the viewer node."""

    width: int = parameter(768, 'width of the window', 'pixels', low=160, high=8192)
    rate_hz: float = parameter(30.0, 'how often the window is drawn', 'Hz', low=1.0, high=120.0)


class NoWindowError(Exception):
    """There is nothing to show a window on; the run goes on without."""


class WindowClosedError(Exception):
    """The user closed the window."""


def open_display() -> ModuleType:
    """Pygame with a display; NoWindowError that says what is missing."""
    if not any(os.environ.get(name) for name in ('DISPLAY', 'WAYLAND_DISPLAY', 'SDL_VIDEODRIVER')):
        raise NoWindowError('there is no display')
    os.environ.setdefault('PYGAME_HIDE_SUPPORT_PROMPT', '1')
    try:
        import pygame
    except ImportError:
        raise NoWindowError('pygame is not installed (pip install "liquid_pilot[view]")') from None
    try:
        pygame.display.init()
        pygame.font.init()
    except pygame.error as error:
        raise NoWindowError(f'the display cannot be used ({error})') from None
    return pygame


class ViewerNode(node_base.LiquidNode):
    """See the module."""

    parameters = ViewerParameters

    def __init__(self) -> None:
        super().__init__('viewer')
        self._pygame = open_display()
        self._window = None
        self._preprocess: Preprocessor | None = None
        self._picture: np.ndarray | None = None
        self._image_error = ''
        self._command = Command(0, 0.0, 0.0, 0.0, 0.0)
        self._status: dict[str, messages.NodeStatus] = {}
        self.create_subscription(Image, 'camera/image_raw', self._on_image, qos.IMAGE)
        self.create_subscription(
            TwistStamped, 'pilot/command', self._on_command, qos.COMMAND_BEST_EFFORT
        )
        self.create_subscription(
            DiagnosticArray, '/diagnostics', self._on_diagnostics, qos.DIAGNOSTICS
        )
        self.every(1.0 / self.settings.now.rate_hz, self.draw)

    def _on_image(self, message: Image) -> None:
        _, image = messages.unpack_image(message)
        target = self._preprocess.target if self._preprocess else None
        if target is None or (target.width, target.height) != (image.width, image.height):
            if image.width < 1 or image.height < 1:
                return
            self._preprocess = Preprocessor(
                CameraGeometry.from_vertical_fov(image.width, image.height, 1.0)
            )
        try:
            planes = self._preprocess(image)[0]
            self._picture = (255.0 * planes).astype(np.uint8).transpose(2, 1, 0)
            self._image_error = ''
        except ObservationError as error:
            self._image_error = str(error)

    def _on_command(self, message: TwistStamped) -> None:
        self._command = messages.unpack_command(message)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        space = self.get_namespace().rstrip('/') + '/'
        for status in messages.unpack_diagnostics(message):
            if status.hardware_id.startswith(space):
                self._status[status.hardware_id[len(space) :]] = status

    def lines(self) -> list[str]:
        """What is written beside the bars."""
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
        """One picture of the window; WindowClosedError when the user has closed it."""
        pygame = self._pygame
        width = self.settings.now.width
        if self._window is None:
            self._font = pygame.font.Font(None, 20)
            self._resize(width * 9 // 16)
            pygame.display.set_caption('liquid_pilot')
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                raise WindowClosedError
        image_height = self._window.get_height() - _PANEL
        self._window.fill(_BACKGROUND)
        if self._picture is not None:
            wide, high = self._picture.shape[:2]
            if abs(width * high / wide - image_height) > 1.0:
                image_height = round(width * high / wide)
                self._resize(image_height)
            surface = pygame.surfarray.make_surface(self._picture)
            self._window.blit(pygame.transform.scale(surface, (width, image_height)), (0, 0))
        self._draw_bars(image_height + 12)
        for row, text in enumerate(self.lines()):
            self._write(text, width // 2 + 20, image_height + 12 + row * _BAR_HEIGHT)
        pygame.display.flip()

    def _resize(self, image_height: int) -> None:
        self._window = self._pygame.display.set_mode(
            (self.settings.now.width, image_height + _PANEL)
        )

    def _draw_bars(self, top: int) -> None:
        half = self.settings.now.width // 8
        middle = 80 + half
        for (name, largest, unit), value in zip(_BARS, self._command.values, strict=True):
            length = round(half * min(max(value / largest, -1.0), 1.0))
            self._pygame.draw.rect(self._window, _TRACK_COLOUR, (middle - half, top, 2 * half, 14))
            self._pygame.draw.rect(
                self._window, _BAR_COLOUR, (middle + min(length, 0), top, abs(length), 14)
            )
            self._write(name, 12, top)
            self._write(f'{value:+.2f} {unit}', middle + half + 10, top)
            top += _BAR_HEIGHT

    def _write(self, text: str, left: int, top: int) -> None:
        self._window.blit(self._font.render(text, True, _TEXT_COLOUR), (left, top))

    def close(self) -> None:
        """Close the window."""
        self._pygame.quit()


def main() -> int:
    """Entry point of the executable; 0 also when there is no window to be had."""
    try:
        return node_base.run('viewer', ViewerNode)
    except NoWindowError as error:
        print(
            f'[viewer] no window: {error}. Flying goes on without it; --headless (headless:=true)'
            ' leaves it out.',
            file=sys.stderr,
            flush=True,
        )
    except WindowClosedError:
        pass
    return 0


if __name__ == '__main__':
    sys.exit(main())
