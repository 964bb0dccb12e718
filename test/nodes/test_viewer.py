"""The window, drawn by SDL's own dummy driver, and flying on without one."""

import os
import subprocess
import sys

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from rclpy.executors import SingleThreadedExecutor

from liquid_pilot.interfaces import Command, ImageBuffer
from liquid_pilot.nodes.common import messages, qos
from liquid_pilot.nodes.viewer import ViewerNode, ViewerParameters, WindowClosedError
from liquid_pilot.onboard.vehicles.registry import get_vehicle_limits


@pytest.fixture
def viewer(ros, monkeypatch):
    monkeypatch.setenv('SDL_VIDEODRIVER', 'dummy')
    node = ViewerNode()
    yield node
    node.close()
    node.destroy_node()


def pixels(viewer):
    return viewer._pygame.surfarray.array3d(viewer._pygame.display.get_surface())


def test_the_image_is_enlarged_and_the_bars_follow_the_command(viewer):
    viewer.draw()
    picture = np.zeros((72, 128, 3), np.uint8)
    picture[:36] = (255, 0, 0)
    picture[36:] = (0, 0, 255)
    image = ImageBuffer(picture.tobytes(), 128, 72, 384, 'rgb8')
    viewer._on_image(messages.pack_image(image, 1))
    viewer.draw()
    shown = pixels(viewer)
    assert shown.shape[0] == 768
    assert tuple(shown[400, 100]) == (255, 0, 0)
    assert tuple(shown[400, 400]) == (0, 0, 255)
    still = shown[:, 432:].copy()
    viewer._on_command(messages.pack_command(Command(1, 2.5, -1.5, 0.0, 0.0)))
    viewer.draw()
    assert (pixels(viewer)[:, 432:] != still).any()


def test_the_bars_show_what_the_guard_sends_and_the_pilots_wish_where_it_sends_nothing(
    viewer, monkeypatch
):
    viewer._on_command(messages.pack_command(Command(1, 2.5, 0.0, 0.0, 0.0)))
    command, source = viewer.command()
    assert command.forward_m_s == 2.5 and source == 'wanted by the pilot (pilot/command), not sent'
    viewer._on_sent(messages.pack_command(Command(1, 0.0, 0.0, 0.0, 0.0)))
    command, source = viewer.command()
    assert command.forward_m_s == 0.0 and source == 'sent by the guard (cmd_vel)'
    viewer.draw()
    now_s = viewer.steady_s()
    monkeypatch.setattr(viewer, 'steady_s', lambda: now_s + 2.0)
    assert viewer.command()[0].forward_m_s == 2.5


def test_it_shows_the_output_of_the_guard_that_is_published(viewer, eventually):
    node, executor = rclpy.create_node('guard'), SingleThreadedExecutor()
    executor.add_node(viewer)
    publisher = node.create_publisher(TwistStamped, 'cmd_vel', qos.COMMAND)

    def send():
        publisher.publish(messages.pack_command(Command(1, 0.25, 0.0, 0.0, 0.0)))
        executor.spin_once(timeout_sec=0.02)

    eventually(lambda: viewer.command()[0].forward_m_s == 0.25, step=send)
    executor.shutdown()
    node.destroy_node()


def test_the_bars_are_scaled_for_the_vehicle_and_those_that_it_lacks_are_left_out(viewer):
    written = []
    viewer._write = lambda text, left, top: written.append(text)
    for vehicle, lengths, names in (
        ('quadrotor', {1.25: 48, 0.75: 48}, ['forward', 'left', 'up', 'yaw']),
        ('rover', {4.5: 48, 1.5: 48}, ['forward', 'yaw']),
    ):
        viewer._maximum = get_vehicle_limits(vehicle).maximum
        forward, yaw = lengths
        viewer._on_sent(messages.pack_command(Command(1, forward, 0.0, 0.0, yaw)))
        viewer.draw()
        drawn = []
        rectangle = viewer._pygame.draw.rect
        viewer._pygame.draw.rect = lambda window, colour, box, drawn=drawn: drawn.append(box)
        written.clear()
        viewer._draw_bars(0)
        viewer._pygame.draw.rect = rectangle
        bars = drawn[1::2]
        assert [name for name in written if name in ('forward', 'left', 'up', 'yaw')] == names
        assert (bars[0][2], bars[-1][2]) == tuple(lengths.values())
    assert ViewerParameters().vehicle == 'quadrotor'


def test_the_state_and_the_distance_are_written(viewer):
    message = DiagnosticArray()
    for status in (
        messages.NodeStatus(
            'simulator',
            0,
            '',
            {'state': 'mission 1: seed 7', 'target_distance_m': '8.5', 'flight_s': '3.0'},
            '/simulator',
        ),
        messages.NodeStatus('pilot', 2, 'imu: silent', {'rate_hz': '0.0'}, '/pilot'),
        messages.NodeStatus('pilot', 0, 'of another vehicle', {}, 'elsewhere'),
    ):
        message.status += messages.pack_diagnostics(status, 0).status
    viewer._on_diagnostics(message)
    assert viewer.lines() == [
        'mission 1: seed 7',
        '8.5 m to go, 3.0 s',
        'pilot: imu: silent, 0.0 Hz',
    ]
    viewer._on_image(messages.pack_image(ImageBuffer(b'', 4, 4, 12, 'odd'), 1))
    assert "encoding 'odd'" in viewer.lines()[-1]
    viewer.draw()


def test_closing_the_window_ends_the_viewer(viewer):
    viewer.draw()
    viewer._pygame.event.post(viewer._pygame.event.Event(viewer._pygame.QUIT))
    with pytest.raises(WindowClosedError):
        viewer.draw()


@pytest.mark.parametrize(
    ('display', 'reason'),
    [
        ({}, 'there is no display'),
        ({'DISPLAY': ':77'}, 'no display answers at DISPLAY=:77 (x11 not available)'),
    ],
)
def test_without_a_display_it_says_so_and_ends_well(display, reason):
    without = {
        name: value
        for name, value in os.environ.items()
        if name not in ('DISPLAY', 'WAYLAND_DISPLAY', 'SDL_VIDEODRIVER')
    }
    without.update(display)
    done = subprocess.run(
        [sys.executable, '-m', 'liquid_pilot.nodes.viewer'],
        env=without,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0
    assert done.stderr.startswith(f'[viewer] no window: {reason}.')
    assert done.stderr.count('\n') == 1
