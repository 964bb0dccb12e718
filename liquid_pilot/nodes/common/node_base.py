"""How every node starts, spins and ends: one executor, clean signals, an exit code, no traceback.

SIGINT and SIGTERM ask the node to stop; a second one asks again and changes nothing. What is wrong
by the user's doing (LiquidPilotError) is one line on stderr and exit code 1.
"""

from __future__ import annotations

import signal
import sys
import types
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import InvalidNamespaceException, InvalidNodeNameException
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common.parameters import Settings, declare, summary

INTERRUPTED = 130
"""Exit code after SIGINT, as shells have it."""
_SIGNAL_PERIOD_S = 0.1
_FOREVER_S = 1e9


class LiquidNode(Node):
    """A node whose parameters are one dataclass."""

    parameters: type
    """The dataclass, of fields made by `parameters.parameter`."""

    def __init__(self, name: str) -> None:
        super().__init__(name, automatically_declare_parameters_from_overrides=True)
        self.settings: Settings = declare(self, self.parameters)
        self.steady = Clock(clock_type=ClockType.STEADY_TIME)

    def steady_s(self) -> float:
        """Seconds of a clock that never jumps and never stops."""
        return self.steady.now().nanoseconds * 1e-9

    def every(self, period_s: float, callback: Callable[[], None]) -> Any:
        """A timer on the steady clock: it runs while simulated time stands still."""
        return self.create_timer(period_s, callback, clock=self.steady)


class Spinner:
    """Runs callbacks while somebody waits; knows whether the user asked to stop."""

    def __init__(self, node: Node) -> None:
        self._executor = _executor()
        self._executor.add_node(node)
        self._waiting: Future | None = None
        self.stopped_by: int | None = None
        """Number of the first signal that came."""
        # Python runs signal handlers between two byte codes only, so some must be run.
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(_SIGNAL_PERIOD_S, lambda: None, clock=clock)

    @property
    def stopping(self) -> bool:
        """True once a signal has come."""
        return self.stopped_by is not None

    def stop(self, number: int, frame: types.FrameType | None = None) -> None:
        """Take a signal."""
        if self.stopped_by is None:
            self.stopped_by = number
        self.wake()

    def wake(self) -> None:
        """End the wait that is under way."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def wait(self, seconds: float = _FOREVER_S) -> None:
        """Run callbacks until `wake`, a signal, or the time is up.

        The events executor would burn a whole core in `spin()`; in this call it does not.
        """
        if not self.stopping:
            self._spin(seconds)

    def drain(self, seconds: float) -> None:
        """Run callbacks for so long although a signal has come: what is on its way arrives."""
        self._spin(seconds)

    def _spin(self, seconds: float) -> None:
        self._waiting = Future(executor=self._executor)
        try:
            self._executor.spin_until_future_complete(self._waiting, timeout_sec=seconds)
        finally:
            self._waiting = None

    def close(self) -> None:
        """Free the executor."""
        self._executor.shutdown()


def usage(name: str, node: type[LiquidNode]) -> str:
    """What `ros2 run liquid_pilot NAME --help` prints: what the node does, and its parameters."""
    about = (sys.modules[node.__module__].__doc__ or '').strip()
    return (
        f'usage: ros2 run liquid_pilot {name} [--ros-args -p NAME:=VALUE ... -r FROM:=TO ... '
        f'--params-file FILE]\n\n{about}\n\nparameters:\n{summary(node.parameters)}'
    )


def _executor() -> Executor:
    """The events executor (14 times cheaper a callback) where rclpy has one."""
    try:
        from rclpy.experimental import EventsExecutor
    except ImportError:  # Humble
        return SingleThreadedExecutor()
    return EventsExecutor()


def run(
    name: str,
    make: type[LiquidNode],
    work: Callable[[Any, Spinner], int] | None = None,
    args: list[str] | None = None,
) -> int:
    """Make a node and spin it until a signal comes, or do `work(node, spinner)`; the exit code.

    `name` stands before an error that prevents the node from being made. A node may have a method
    `close`, called at the end whatever happened.
    """
    if {'-h', '--help'} & set(sys.argv[1:] if args is None else args):
        print(usage(name, make))
        return 0
    node = spinner = None
    early: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: early.append(number))
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
        node = make()
        name = node.get_name()
        spinner = Spinner(node)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, spinner.stop)
        if early:
            spinner.stop(early[0])
        if work is not None:
            return work(node, spinner)
        while not spinner.stopping:
            spinner.wait()
        return 0
    except LiquidPilotError as error:
        print(f'[{name}] error: {error}', file=sys.stderr, flush=True)
        return 1
    except (InvalidNamespaceException, InvalidNodeNameException) as error:
        print(f'[{name}] error: {error}'.replace('\n', ' '), file=sys.stderr, flush=True)
        return 1
    except ExternalShutdownException:
        return 0
    finally:
        if node is not None and hasattr(node, 'close'):
            node.close()
        if spinner is not None:
            spinner.close()
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
