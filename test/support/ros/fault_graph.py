"""Real nodes as processes, and ears for what leaves them and for what they say."""

import contextlib
import os
import signal
import subprocess
import time

import rclpy
import service_calls
from diagnostic_msgs.msg import DiagnosticArray
from fault_kinds import Call, Parameter, Process, Slow, Wait
from geometry_msgs.msg import TwistStamped
from rcl_interfaces.srv import SetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter as RosParameter
from std_srvs.srv import SetBool, Trigger

from liquid_pilot.nodes.common import messages, qos
from liquid_pilot.nodes.launch.process_runner import command_line
from liquid_pilot.onboard.vehicles.registry import get_vehicle_limits

LIMITS = get_vehicle_limits('quadrotor')
PERIOD_S = 0.05
SLOW_S = 0.2
"""Period at which a slow process is stopped and let go on, s."""
SAFE_VALUES = LIMITS.safe_command
SERVICES = {
    'guard/engage': SetBool,
    'guard/stop': Trigger,
    'b/guard/engage': SetBool,
    'pilot/reset': Trigger,
    'adaptation/reset': Trigger,
    'adaptation/enable': SetBool,
    **{f'lesson/{verb}': Trigger for verb in ('accept', 'undo', 'reset', 'save')},
}


class CommandLog:
    """The commands that have left a guard: steady time of arrival, age of the stamp, values."""

    def __init__(self):
        self.commands = []

    def add(self, message, clock_ns):
        command = messages.unpack_command(message)
        age_s = (clock_ns - command.stamp_ns) * 1e-9
        self.commands.append((time.monotonic(), age_s, command.values))

    def since(self, start_s, live=None):
        """Return what came after a time; live: only the commands that are not the safe one."""
        return [
            entry
            for entry in self.commands
            if entry[0] >= start_s and (live is None or (entry[2] != SAFE_VALUES) == live)
        ]


class Graph:
    """Processes of one ROS domain, and a node that hears them.

    Args:
        folder: folder for logs.
        domain: the ROS domain.
        specs: nodes to start, by name.
        spaces: namespaces of the guards.
    """

    def __init__(self, folder, domain, specs, spaces):
        self._folder, self._specs = folder, specs
        self.processes, self._logs, self._clients, self._slow = {}, {}, {}, {}
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain)
        self.executor = SingleThreadedExecutor(context=self._context)
        self._environment = {**os.environ, 'ROS_DOMAIN_ID': str(domain)}
        for name in specs:
            self.start(name)
        self.node = self._make_node('sensors')
        self._said, self.outputs, self.refusal = [], {}, ''
        hear = self.node.create_subscription
        hear(DiagnosticArray, '/diagnostics', self._on_diagnostics, qos.DIAGNOSTICS)
        for space in spaces:
            heard = self.outputs[space] = CommandLog()
            topic = f'{space}/cmd_vel'.lstrip('/')

            def add(message, heard=heard):
                heard.add(message, self.now_ns())

            hear(TwistStamped, topic, add, qos.COMMAND)

    def _make_node(self, name):
        node = rclpy.create_node(name, context=self._context)
        self.executor.add_node(node)
        return node

    def now_ns(self):
        """Time of the ROS clock."""
        return self.node.get_clock().now().nanoseconds

    def _on_diagnostics(self, message):
        for status in messages.unpack_diagnostics(message):
            self._said.append((time.monotonic(), status))

    def said_since(self, start_s):
        """Return the problems that were reported, each once."""
        lines = [
            f'{status.hardware_id}: {status.message}'
            for at_s, status in self._said
            if at_s >= start_s and status.level
        ]
        return list(dict.fromkeys(lines))

    def start(self, name):
        """Start a node, or start it again."""
        log = self._logs[name] = self._folder / f'{name.replace("/", "_")}.log'
        with open(log, 'ab') as file:
            self.processes[name] = subprocess.Popen(
                command_line(self._specs[name]),
                stdout=file,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env=self._environment,
            )

    def log(self):
        """Return what each node has printed."""
        return {name: log.read_text(errors='replace') for name, log in self._logs.items()}

    def lost(self):
        """Return the nodes that have ended."""
        return [name for name, process in self.processes.items() if process.poll() is not None]

    def spin(self, seconds):
        """Let time pass, and hear."""
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0.0:
            self.executor.spin_once(timeout_sec=min(left_s, PERIOD_S))
            self._on_spin()

    def _on_spin(self):
        """Do what a fault needs again and again."""
        number = signal.SIGSTOP if time.monotonic() % SLOW_S < SLOW_S / 2 else signal.SIGCONT
        for name, last in self._slow.items():
            if number != last:
                self.processes[name].send_signal(number)
                self._slow[name] = number

    # Faults

    def begin(self, action):
        """Begin a fault; returns the answer of a service."""
        match action:
            case Process():
                process = self.processes[action.name]
                process.send_signal(action.signal)
                if action.signal != signal.SIGSTOP:
                    process.wait(10.0)
            case Slow():
                self._slow[action.name] = signal.SIGCONT
            case Wait():
                self.spin(action.seconds)
            case Call():
                return self.call(action.service, action.data)
            case Parameter():
                return self._set(action.node, action.name, action.value)
        return None

    def end(self, action):
        """End a fault."""
        match action:
            case Process():
                process = self.processes[action.name]
                if action.signal == signal.SIGSTOP:
                    process.send_signal(signal.SIGCONT)
                elif process.poll() is not None:
                    self.start(action.name)
            case Slow():
                del self._slow[action.name]
                self.processes[action.name].send_signal(signal.SIGCONT)
            case Parameter():
                self._set(action.node, action.name, action.back)
            case Call(engage=True):
                end_s = time.monotonic() + 10.0
                self.engage('')
                while self.refusal and time.monotonic() < end_s:
                    self.spin(0.3)
                    self.engage('')

    def call(self, service, data=None):
        """Call a service, and return its answer; None: there was none."""
        kind = SERVICES[service]
        request = kind.Request()
        if data is not None:
            request.data = data
        return self._answer(kind, service, request)

    def _set(self, node, name, value):
        parameter = RosParameter(name, value=value).to_parameter_msg()
        request = SetParameters.Request(parameters=[parameter])
        return self._answer(SetParameters, f'{node}/set_parameters', request)

    def _answer(self, kind, name, request, limit_s=8.0):
        if name not in self._clients:
            self._clients[name] = self.node.create_client(kind, name)
        client, futures = self._clients[name], []
        end_s = time.monotonic() + limit_s
        while time.monotonic() < end_s:
            if client.service_is_ready():
                futures.append(client.call_async(request))
            again_s = min(time.monotonic() + service_calls.ASK_AGAIN_S, end_s)
            while time.monotonic() < again_s:
                self.spin(0.02)
                for future in futures:
                    if future.done():
                        return future.result()
                if not futures and client.service_is_ready():
                    break
        return None

    def settle(self, space='', limit_s=20.0):
        """Wait until good commands leave a guard; returns whether they do."""
        began_s = time.monotonic()
        while (start_s := time.monotonic()) < began_s + limit_s:
            self.spin(0.15)
            recent = self.outputs[space].since(start_s)
            if len(recent) >= 2 and recent[-1][2] != SAFE_VALUES:
                return True
            if start_s > began_s + 0.5 and not self.outputs[space].since(start_s - 0.5):
                self.engage(space)
        return False

    def flies(self, space, limit_s=20.0):
        """Wait for a command from now on that is not the safe one; returns whether it came."""
        began_s = time.monotonic()
        while time.monotonic() < began_s + limit_s:
            self.spin(PERIOD_S)
            if self.outputs[space].since(began_s, live=True):
                return True
        return False

    def engage(self, space):
        """Engage a guard that sends nothing, where nobody else does."""

    def close(self):
        """End everything."""
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.send_signal(signal.SIGINT)
        for process in self.processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20.0)
            if process.poll() is None:
                process.kill()
                process.wait()
        self.executor.shutdown()
        self._context.shutdown()
