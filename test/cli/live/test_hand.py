"""`liquid-pilot hand` reads the keys of a terminal, and leaves it as it was."""

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time

import pytest
import ros_domain

from liquid_pilot.cli.live.hand import keys_of


@pytest.mark.parametrize(
    ('data', 'keys'),
    [
        (b'', []),
        (b'wasd', ['w', 'a', 's', 'd']),
        (b'\x1b[A\x1b[B\x1b[C\x1b[D', ['up', 'down', 'right', 'left']),
        (b'\x1bOD', ['left']),
        (b'\x1b[Zq', ['q']),
        (b'\x1b', []),
        (b'\x1b[', []),
        (b'Y\r \xff', ['y', '\r', ' ', '\xff']),
    ],
)
def test_what_a_terminal_sends_is_named(data, keys):
    assert keys_of(data) == keys


def test_without_a_terminal_it_says_what_to_do():
    words = [sys.executable, '-m', 'liquid_pilot.cli', 'hand']
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert 'the keyboard of a terminal is needed' in done.stderr
    assert 'ros2 run liquid_pilot hand' in done.stderr


class Terminal:
    """A terminal in which the command runs."""

    def __init__(self, domain, *arguments):
        self.main, other = pty.openpty()
        self.other, self.text = other, b''
        self.before = termios.tcgetattr(other)
        environment = {**os.environ, 'ROS_DOMAIN_ID': str(domain)}
        words = [sys.executable, '-m', 'liquid_pilot.cli', 'hand', *arguments]
        self.process = subprocess.Popen(
            words, stdin=other, stdout=other, stderr=other, env=environment, start_new_session=True
        )

    def read(self, until, limit_s=30.0):
        """Read until a text has come; returns whether it has."""
        end_s = time.monotonic() + limit_s
        while until not in self.text and time.monotonic() < end_s:
            if select.select([self.main], [], [], 0.1)[0]:
                self.text += os.read(self.main, 4096)
        return until in self.text

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.main)
        os.close(self.other)


@pytest.fixture
def terminal():
    domain = ros_domain.reserve()
    made = Terminal(domain)
    yield made
    made.close()
    ros_domain.release(domain)


@pytest.mark.parametrize('ending', ['q', 'Ctrl-C'])
def test_a_key_takes_over_and_another_one_quits(terminal, ending):
    assert terminal.read(b'guard: not heard yet'), terminal.text
    os.write(terminal.main, b'\x1b[D')
    assert terminal.read(b'turn +0.8'), terminal.text
    os.write(terminal.main, b'\r')
    assert terminal.read(b'nobody answers on /guard/engage'), terminal.text
    os.write(terminal.main, b'w')
    assert terminal.read(b'up +0.5'), terminal.text
    if ending == 'q':
        os.write(terminal.main, b'q')
    else:
        terminal.process.send_signal(signal.SIGINT)
    assert terminal.read(b'the guard is disengaged'), terminal.text
    assert terminal.process.wait(20.0) == 0
    assert termios.tcgetattr(terminal.other) == terminal.before


def test_the_expert_flies_where_it_may_be_followed():
    """A hand with `--base expert` passes on what the expert says, once `e` is pressed."""
    rclpy = pytest.importorskip('rclpy')
    from geometry_msgs.msg import TwistStamped

    from liquid_pilot.interfaces import Command
    from liquid_pilot.nodes.common import messages, qos, topics

    domain, context = ros_domain.reserve(), rclpy.Context()
    rclpy.init(context=context, domain_id=domain)
    node = rclpy.create_node('expert', context=context)
    executor = rclpy.executors.SingleThreadedExecutor(context=context)
    executor.add_node(node)
    expert = node.create_publisher(TwistStamped, topics.EXPERT_COMMAND, qos.SENSOR_RELIABLE)
    heard = []
    node.create_subscription(
        TwistStamped,
        topics.HAND_COMMAND,
        lambda message: heard.append(messages.unpack_command(message).values),
        qos.COMMAND,
    )
    wanted = (1.25, -0.5, 0.25, 0.75)
    made = Terminal(domain, '--base', 'expert')
    try:
        assert made.read(b'guard: not heard yet'), made.text
        os.write(made.main, b' ')
        assert made.read(b'you: forward +0.0'), made.text
        os.write(made.main, b'e')
        end_s = time.monotonic() + 20.0
        while wanted not in heard and time.monotonic() < end_s:
            expert.publish(messages.pack_command(Command(1, *wanted)))
            executor.spin_once(timeout_sec=0.05)
        assert wanted in heard, (heard[-3:], made.text)
        # Without the expert the hand wants nothing, and the vehicle stops.
        end_s = time.monotonic() + 5.0
        while heard[-1] != (0.0,) * 4 and time.monotonic() < end_s:
            executor.spin_once(timeout_sec=0.05)
        assert heard[-1] == (0.0,) * 4
    finally:
        made.close()
        executor.shutdown()
        node.destroy_node()
        rclpy.shutdown(context=context)
        ros_domain.release(domain)
