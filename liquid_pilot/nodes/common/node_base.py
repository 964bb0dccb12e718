"""The base class of the nodes, and how they start, spin and end.

SIGINT and SIGTERM request the node to stop; a second signal changes nothing. User errors
(LiquidPilotError) are printed as one line on stderr and give the exit code 1.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import time
import types
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.task import Future

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.nodes.common.parameters import Settings, declare, summary
from liquid_pilot.nodes.common.plain_logger import PlainLogger
from liquid_pilot.nodes.common.process import ros_start
from liquid_pilot.nodes.common.security import with_enclave
from liquid_pilot.utils.foreign_text import plain_text

INTERRUPTED = 130
"""Exit code after SIGINT, by the convention of shells."""
_SIGNAL_PERIOD_S = 0.1
_FOREVER_S = 1e9


class LiquidNode(Node):
    """A node whose parameters are one dataclass."""

    parameters: type
    """The dataclass; its fields are made by `utils.settings.setting`."""
    _plain_logger: PlainLogger | None = None

    def __init__(self, name: str) -> None:
        """Declare the parameters.

        Args:
            name: default name of the node.

        Raises:
            LiquidPilotError: a parameter is unknown or has a wrong value.
        """
        super().__init__(name, automatically_declare_parameters_from_overrides=True)
        ros_start.check_parameter_files(self.get_fully_qualified_name())
        self.settings: Settings[Any] = declare(self, self.parameters)
        self.steady = Clock(clock_type=ClockType.STEADY_TIME)

    def get_logger(self) -> PlainLogger:
        """Return the logger of the node."""
        if self._plain_logger is None:
            self._plain_logger = PlainLogger(super().get_logger().name)
        return self._plain_logger

    def steady_s(self) -> float:
        """Return the time of the steady clock, which never jumps and never stops, in seconds."""
        return self.steady.now().nanoseconds * 1e-9

    def create_steady_timer(self, period_s: float, callback: Callable[[], None]) -> Any:
        """Create a timer on the steady clock, which runs even while simulated time does not."""
        return self.create_timer(period_s, callback, clock=self.steady)

    def close(self) -> None:
        """Release resources before the node is destroyed; `run` calls it in every case."""


NodeT = TypeVar('NodeT', bound=LiquidNode)


class Spinner:
    """Runs the callbacks of a node during waits, and knows whether a signal asked to stop."""

    def __init__(self, node: Node) -> None:
        """Add the node to an executor of its own."""
        self._executor = _executor()
        self._executor.add_node(node)
        self._waiting: Future | None = None
        self._woken = False
        self.stopped_by: int | None = None
        """Number of the first signal that was received."""
        # Python runs signal handlers between two byte codes only, so some must be executed.
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(_SIGNAL_PERIOD_S, lambda: None, clock=clock)

    @property
    def stopping(self) -> bool:
        """Whether a signal has been received."""
        return self.stopped_by is not None

    def stop(self, number: int, frame: types.FrameType | None = None) -> None:
        """Handle a signal: end the wait in progress and let no other begin."""
        if self.stopped_by is None:
            self.stopped_by = number
        self.wake()

    def wake(self) -> None:
        """End the wait in progress."""
        self._woken = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def wait(self, seconds: float = _FOREVER_S) -> None:
        """Run callbacks until `wake` is called, a signal arrives, or the time has passed.

        `spin()` of the events executor would use a whole core; this call does not.

        Args:
            seconds: maximum duration.
        """
        if not self.stopping:
            self._spin(seconds)

    def wait_often(self, seconds: float) -> None:
        """Do the same as `wait`, for one who waits at every tick.

        It leaves nothing behind: each `spin_until_future_complete` of the events executor keeps a
        float for ever. For that it costs some microseconds more for each callback.

        Args:
            seconds: maximum duration; with 0.0 one callback may run.
        """
        until_s, left_s = time.monotonic() + seconds, seconds
        self._woken = False
        while not self.stopping:
            self._executor.spin_once(left_s)
            left_s = until_s - time.monotonic()
            if self._woken or left_s <= 0.0:
                return

    def drain(self, seconds: float) -> None:
        """Run callbacks for `seconds` even after a signal, so that messages under way arrive."""
        self._spin(seconds)

    def _spin(self, seconds: float) -> None:
        self._waiting = Future(executor=self._executor)
        try:
            self._executor.spin_until_future_complete(self._waiting, timeout_sec=seconds)
        finally:
            self._waiting = None

    def close(self) -> None:
        """Shut down the executor."""
        self._executor.shutdown()


def exit_process(code: int) -> NoReturn:
    """End this process at once, after `run` has returned.

    The node has left the graph by then, and all is written. Python would take up to a second to
    free what the end of the process frees as well.

    Args:
        code: the exit code.
    """
    for stream in (sys.stdout, sys.stderr):
        # A reader that has gone gets nothing any more.
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def usage(name: str, node: type[LiquidNode]) -> str:
    """Return the text of `ros2 run liquid_pilot NAME --help`: the purpose and the parameters."""
    about = (sys.modules[node.__module__].__doc__ or '').strip()
    return (
        f'usage: ros2 run liquid_pilot {name} [--ros-args -p NAME:=VALUE ... -r FROM:=TO ... '
        f'--params-file FILE]\n\n{about}\n\nparameters:\n{summary(node.parameters)}'
    )


def _executor() -> Executor:
    """Return an events executor (14 times cheaper per callback) where rclpy has one."""
    try:
        from rclpy.experimental import EventsExecutor
    except ImportError:  # Humble
        return SingleThreadedExecutor()
    return EventsExecutor()


def _import_type_support() -> None:
    """Import the loader of message types without the code generator in the same package.

    The package does without it where it cannot be imported, and it takes as long as rclpy.
    """
    generator = 'rosidl_generator_py.generate_py_impl'
    if generator in sys.modules:
        return
    # The documented way to make an import fail.
    sys.modules[generator] = None  # type: ignore[assignment]
    try:
        with contextlib.suppress(ImportError):
            importlib.import_module(generator.partition('.')[0])
    finally:
        del sys.modules[generator]


def run(
    name: str,
    make: Callable[[], NodeT],
    work: Callable[[NodeT, Spinner], int] | None = None,
    args: list[str] | None = None,
) -> int:
    """Make a node and run it until a signal arrives or its work is done.

    Args:
        name: prefix of an error that prevents the node from being made.
        make: the class of the node.
        work: function that runs the node and returns the exit code; None: the node is spun.
        args: command line; None: that of this process.

    Returns:
        The exit code of the process.
    """
    if {'-h', '--help'} & set(sys.argv[1:] if args is None else args):
        assert isinstance(make, type)
        print(usage(name, make))
        return 0
    node: NodeT | None = None
    spinner: Spinner | None = None
    early: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: early.append(number))
    # The launcher has them wait, so that none ends this process during its imports.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))
    _import_type_support()
    try:
        ros_start.start(with_enclave(name, sys.argv if args is None else args))
        with ros_start.refusals_in_one_line():
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
        text = plain_text(str(error).replace('\n', ' '))
        print(f'[{name}] error: {text}', file=sys.stderr, flush=True)
        return 1
    except ExternalShutdownException:
        return 0
    finally:
        if node is not None:
            node.close()
        if spinner is not None:
            spinner.close()
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
