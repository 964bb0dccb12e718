"""Camera, IMU, odometry and neighbours of real nodes, all of which can be made to fail.

`Rig` sends a recorded flight again in real time. Beside the graph that flies on it runs a second
guard in the namespace `b`, whose pilot is the rig itself. `Flight` has the embedded simulator
instead, as `liquid-pilot fly --realtime --adapt` starts it.
"""

import math
import time

from fault_graph import PERIOD_S, Graph
from fault_kinds import Clock, Stream
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import CameraInfo, Image, Imu
from std_msgs.msg import Bool, Float32MultiArray, Float64MultiArray

from liquid_pilot.interfaces import Command
from liquid_pilot.nodes.common import messages, qos, trace_messages
from liquid_pilot.nodes.launch import flight_graph
from liquid_pilot.nodes.launch.flight_graph import NodeSpec
from liquid_pilot.nodes.launch.flight_options import FlyOptions
from liquid_pilot.onboard.adaptation.learner_messages import trained_time_scales
from liquid_pilot.onboard.inference import kernels

PILOT = 'forest-ltc'
SIMULATED = 's'
"""Namespace of the simulated flight."""
SPECS = {
    'guard': NodeSpec('guard', 'guard', parameters={'geofence_radius_m': 300.0}),
    'pilot': NodeSpec(
        *('pilot', 'pilot', ''),
        {'pilot': PILOT, 'vehicle': 'quadrotor', 'adaptation': True, 'time_jump_s': 0.6},
    ),
    'adaptation': NodeSpec('adaptation', 'adaptation', '', {'pilot': PILOT}),
    'b/guard': NodeSpec('guard', 'guard', 'b', {'preflight': False}),
}
TOPICS = {
    'camera': (Image, 'camera/image_raw', qos.IMAGE),
    'camera_info': (CameraInfo, 'camera/camera_info', qos.SENSOR_RELIABLE),
    'imu': (Imu, 'imu/data', qos.SENSOR_RELIABLE),
    'odometry': (Odometry, 'odom', qos.SENSOR_RELIABLE),
    'command': (TwistStamped, 'b/pilot/command', qos.COMMAND),
    'foreign command': (TwistStamped, 'pilot/command', qos.COMMAND),
    'time scales': (Float32MultiArray, 'adaptation/time_scales', qos.TRACE),
    'override': (Bool, 'guard/override', qos.COMMAND),
}
STRANGE_NS = 10**15
"""Time of a stranger's clock beside that of a simulation, which counts from zero, ns."""
USUAL = ('camera', 'camera_info', 'imu', 'odometry', 'command')
"""Streams that the rig sends while nothing is wrong."""


class Rig(Graph):
    """The sensors of a vehicle, in real time."""

    def __init__(self, folder, domain, recording):
        kernels.compile_all()
        super().__init__(folder, domain, SPECS, ('', 'b'))
        self._recording = recording
        self._publishers = {name: self._publisher(self.node, name) for name in USUAL}
        self._faulty, self._strangers, self._clock = {}, {}, None
        self._flying, self._tick, self._due_s = False, 0, time.monotonic()
        self.node.create_subscription(Float64MultiArray, 'pilot/trace', self._on_trace, qos.TRACE)

    def _publisher(self, node, name):
        kind, topic, profile = TOPICS[name]
        return node.create_publisher(kind, topic, profile)

    def spin(self, seconds):
        """Be the sensors for that long."""
        end_s = time.monotonic() + seconds
        while (now_s := time.monotonic()) < end_s:
            if now_s >= self._due_s:
                # Stamps are those of a clock that ticks, not of when this process was woken.
                self._due_s = max(self._due_s, now_s - PERIOD_S)
                self._send(self._tick, self.now_ns() - int((now_s - self._due_s) * 1e9))
                self._due_s += PERIOD_S / 2
                self._tick += 1
            self.executor.spin_once(timeout_sec=max(0.0, min(self._due_s, end_s) - now_s))
            self._on_spin()

    def _send(self, tick, now_ns):
        """Publish half a period: IMU samples in both halves, all else in the second."""
        packets = self._recording.flight if self._flying else self._recording.rest
        packet = packets[tick // 2 % len(packets)]
        half = len(packet.imu) // 2
        part = packet.imu[half:] if tick % 2 else packet.imu[:half]
        step_ns = int(PERIOD_S / 2 * 1e9 / max(len(part), 1))
        for k, sample in enumerate(part):
            stamp_ns = now_ns - (len(part) - 1 - k) * step_ns
            self._publish('imu', stamp_ns, messages.pack_imu(sample._replace(stamp_ns=stamp_ns)))
        if not tick % 2:
            return
        state = packet.state._replace(stamp_ns=now_ns)
        made = {
            'odometry': messages.pack_odometry(state),
            'camera_info': messages.pack_camera_info(self._recording.camera, now_ns),
            'camera': messages.pack_image(packet.observation.image, now_ns),
            'command': messages.pack_command(good_command(now_ns)),
            'foreign command': messages.pack_command(good_command(now_ns)),
            'override': Bool(data=True),
        }
        for name, message in made.items():
            if name in USUAL or name in self._strangers:
                self._publish(name, now_ns, message)
        if self._clock is not None:
            offset_ns, publisher = self._clock
            publisher.publish(ClockMessage(clock=messages.to_time(now_ns + offset_ns)))

    def _publish(self, name, stamp_ns, message):
        stream, stranger = self._faulty.get(name), self._strangers.get(name)
        publisher = self._publishers.get(name) or stranger[1]
        if stream is None:
            publisher.publish(message)
            return
        stream.count += 1
        if not stream.on or stream.count % stream.every:
            return
        if stranger and name in USUAL:
            publisher.publish(message)
            publisher = stranger[1]
        if stream.stamp is not None:
            changed_ns = max(0, stream.stamp(stamp_ns, stream.count))
            message.header.stamp = messages.to_time(changed_ns)
        if stream.message is not None:
            message = stream.message(message, stream)
        for _ in range(stream.times):
            publisher.publish(message)

    def _on_trace(self, message):
        """Answer as the adaptation node does, when a fault wants that."""
        if 'time scales' in self._strangers:
            trace = trace_messages.unpack_trace(message)
            neurons = trace.tau.size
            update = trained_time_scales(trace.sequence, (trace.filter_tau.size,), neurons)
            packed = trace_messages.pack_time_scales(update, trace.digest, trace.flight)
            self._publish('time scales', self.now_ns(), packed)

    def begin(self, action):
        """Begin a fault; returns the answer of a service."""
        match action:
            case Stream():
                action.count, action.kept = 0, None
                if action.twin or action.name not in USUAL:
                    node = self._make_node(action.node or 'stranger')
                    self._strangers[action.name] = node, self._publisher(node, action.name)
                self._faulty[action.name] = action
            case Clock():
                publisher = self.node.create_publisher(ClockMessage, '/clock', qos.CLOCK)
                self._clock = action.offset_ns, publisher
        return super().begin(action)

    def end(self, action):
        """End a fault."""
        match action:
            case Stream():
                self._faulty.pop(action.name, None)
                stranger = self._strangers.pop(action.name, None)
                if stranger is not None:
                    node, publisher = stranger
                    if action.name == 'override':
                        # The human gives the vehicle back.
                        publisher.publish(Bool(data=False))
                        self.spin(0.1)
                    self.executor.remove_node(node)
                    node.destroy_node()
            case Clock():
                self.node.destroy_publisher(self._clock[1])
                self._clock = None
        super().end(action)

    def settle(self, space='', limit_s=20.0):
        """Wait until good commands leave a guard; returns whether they do."""
        settled = super().settle(space, limit_s)
        if space == '':
            self._flying = settled
        return settled

    def engage(self, space):
        """Engage a guard; the vehicle is at rest until then."""
        if space == '':
            self._flying = False
        answer = self.call(f'{space}/guard/engage'.lstrip('/'), True)
        self.refusal = '' if answer is None or answer.success else answer.message


class Flight(Graph):
    """A flight in the embedded simulator, which engages the guard itself."""

    def __init__(self, folder, domain):
        kernels.compile_all()
        options = FlyOptions(
            missions=100,
            seed=7_100_000,
            adapt=True,
            realtime=True,
            headless=True,
            namespace=SIMULATED,
            out=str(folder / 'run'),
        )
        specs = {f'{SIMULATED}/{spec.name}': spec for spec in flight_graph.nodes(options)}
        self._sim_ns, self._stranger = 0, None
        super().__init__(folder, domain, specs, (SIMULATED,))
        self.node.create_subscription(ClockMessage, '/clock', self._on_clock, qos.CLOCK)

    def _on_clock(self, message):
        now_ns = messages.to_nanoseconds(message.clock)
        if self._stranger is None or now_ns < STRANGE_NS:
            self._sim_ns = now_ns

    def now_ns(self):
        """Time of the simulator's clock."""
        return self._sim_ns

    def _on_spin(self):
        """Do what a fault needs again and again."""
        super()._on_spin()
        if self._stranger is not None:
            self._stranger.publish(ClockMessage(clock=messages.to_time(STRANGE_NS)))

    def begin(self, action):
        """Begin a fault; returns the answer of a service."""
        if isinstance(action, Clock):
            self._stranger = self.node.create_publisher(ClockMessage, '/clock', qos.CLOCK)
        return super().begin(action)

    def end(self, action):
        """End a fault."""
        if isinstance(action, Clock):
            self.node.destroy_publisher(self._stranger)
            self._stranger = None
        super().end(action)

    def settle(self, space=SIMULATED, limit_s=40.0):
        """Wait until good commands leave the guard; a world takes seconds to be built."""
        return super().settle(space, limit_s)


def good_command(stamp_ns):
    """Return a command that is not the safe one."""
    return Command(stamp_ns, 0.8, 0.1 * math.sin(stamp_ns * 1e-9), 0.0, 0.2)
