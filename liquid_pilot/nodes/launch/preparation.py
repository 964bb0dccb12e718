"""What happens before the first node of a graph is started, however it is started.

A node that compiles makes the others wait, and two runs in one ROS domain disturb each other. So
the loopback interface is checked, a folder for logs is found, the domain is claimed and the kernels
are compiled first, outside of every time limit.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from liquid_pilot.liquid.kernel_cache import cache_folder
from liquid_pilot.nodes.common.process import log_folder, loopback
from liquid_pilot.nodes.launch.flight_graph import NodeSpec
from liquid_pilot.nodes.launch.run_claim import claimed
from liquid_pilot.onboard.inference import kernels
from liquid_pilot.utils.resources import PACKAGE


@contextmanager
def prepared(
    specs: Sequence[NodeSpec], added: Mapping[str, str], print_line: Callable[[str], None]
) -> Iterator[dict[str, str]]:
    """Prepare a graph, and keep its ROS domain until the context ends.

    Args:
        specs: the processes.
        added: variables for the environment of the nodes.
        print_line: function that takes lines for the user.

    Yields:
        The variables to add: `added`, and a folder for logs where that of ROS 2 cannot be written.

    Raises:
        LiquidPilotError: the loopback interface is down, or another run has the ROS domain.
    """
    environment = {**os.environ, **added}
    if environment.get('ROS_AUTOMATIC_DISCOVERY_RANGE') == 'LOCALHOST':
        loopback.check()
    with claimed(specs, environment):
        folder = log_folder.writable_folder(environment)
        if folder is not None:
            print_line(log_folder.notice(folder))
        if any(spec.package == PACKAGE and spec.executable == 'pilot' for spec in specs):
            compile_kernels(print_line)
        yield {**added, **({} if folder is None else {log_folder.VARIABLE: str(folder)})}


def compile_kernels(print_line: Callable[[str], None]) -> None:
    """Compile the kernels, unless they are in the cache, with a bar on a terminal.

    Args:
        print_line: function that takes lines for the user.
    """
    if kernels.are_compiled():
        return
    if cache_folder() is None:
        print_line(
            'the pilot compiles its network at every start, because the folder for compiled code '
            'cannot be written; set NUMBA_CACHE_DIR to a folder that can'
        )
        return
    # Imported here, because most starts draw no bar.
    from liquid_pilot.utils.progress import make_progress

    print_line('compiling the network for this machine, once (on a busy machine: minutes)')
    started_s = time.monotonic()
    with make_progress(transient=True) as progress:
        task = progress.add_task('compiling', total=None)
        complete = kernels.compile_all(
            lambda done, of: progress.update(task, completed=done, total=of)
        )
    if complete:
        print_line(f'compiled in {time.monotonic() - started_s:.0f} s')
    else:
        print_line('the network could not be compiled in advance; the pilot does it when it starts')
