"""The guard's output to PX4 and a peer of it in one process, at a time that the test makes pass."""

import importlib
from types import SimpleNamespace

from liquid_pilot.nodes.common import topics
from liquid_pilot.nodes.outputs.px4_topics import versioned
from px4_peer.modes import INPUTS, Px4Peer

STEP_S = 0.01
RATE_HZ, TIMEOUT_S = 20.0, 0.5


class Logger:
    """Keeps the lines."""

    def __init__(self):
        self.lines = []

    def info(self, text, **options):
        self.lines.append(text)

    warning = error = info

    @property
    def text(self):
        return '\n'.join(self.lines)


class Node:
    """What an output needs of the guard node; topics are calls."""

    def __init__(self):
        self.now_s, self.logger, self.handlers, self.timers = 100.0, Logger(), {}, []
        self.settings = SimpleNamespace(
            current=SimpleNamespace(command_timeout_s=TIMEOUT_S, rate_hz=RATE_HZ)
        )

    def steady_s(self):
        return self.now_s

    def get_clock(self):
        stamp = SimpleNamespace(nanoseconds=int(1e9 * (self.now_s + 1.7e9)))
        return SimpleNamespace(now=lambda: stamp)

    def get_logger(self):
        return self.logger

    def create_steady_timer(self, period_s, callback):
        self.timers.append([self.now_s + period_s, period_s, callback])

    def create_subscription(self, kind, topic, callback, profile):
        self.handlers.setdefault(topic, []).append(callback)

    def create_publisher(self, kind, topic, profile):
        def publish(message):
            assert isinstance(message, kind)
            for handler in self.handlers.get(topic, []):
                handler(message)

        count = lambda: len(self.handlers.get(topic, []))  # noqa: E731
        return SimpleNamespace(publish=publish, get_subscription_count=count)

    def run_timers(self):
        for timer in self.timers:
            if self.now_s >= timer[0]:
                timer[0] += timer[1]
                timer[2]()


class Flight:
    """A PX4, the output, and a guard that may decide at 20 Hz."""

    def __init__(self, make_output):
        """Args: make_output: function of the node that returns the output."""
        self.types = importlib.import_module('px4_msgs.msg')
        self.node = Node()
        self.peer = Px4Peer(self._publish)
        for topic, name in INPUTS.items():
            full = versioned(f'fmu/in/{topic}', getattr(self.types, name))
            self.node.handlers[full] = [lambda m, topic=topic: self._take(topic, m)]
        self.sent = []  # The topics of all messages, those that the peer did not hear too.
        self.imu, self.odometry = [], []
        self.node.handlers[topics.IMU] = [self.imu.append]
        self.node.handlers[topics.ODOMETRY] = [self.odometry.append]
        self.output = make_output(self.node)
        self.setpoint = None  # What the guard decides; None: nothing.
        self.frozen = False
        self._decide_s = 0.0

    def _take(self, topic, message):
        self.sent.append(topic)
        self.peer.receive(topic, message)

    def _publish(self, kind, topic, /, **fields):
        message = getattr(self.types, kind)(**fields)
        if not self.frozen:
            name = versioned(f'fmu/out/{topic}', type(message))
            for handler in self.node.handlers.get(name, []):
                handler(message)

    def run(self, seconds, until=lambda: False):
        """Let time pass, at most until a condition holds; return how much has passed."""
        start_s = self.node.now_s
        while self.node.now_s - start_s < seconds - 1e-9 and not until():
            self.node.now_s += STEP_S
            self.peer.step(self.node.now_s)
            if self.frozen:
                continue
            self.node.run_timers()
            if self.setpoint is not None and self.node.now_s >= self._decide_s:
                self._decide_s = self.node.now_s + 1.0 / RATE_HZ - 1e-9
                self.output.send(self.setpoint)
                self.output.on_decision()
        return self.node.now_s - start_s
