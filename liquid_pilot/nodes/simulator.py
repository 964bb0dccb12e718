"""The simulator node: the embedded forest as a ROS 2 vehicle, and the missions flown in it.

Out: camera, camera_info, IMU, odometry, /clock. In: `cmd_vel` or `attitude_thrust`. In lock-step
it waits for the command that carries its frame's stamp before it goes on, so that a seed flies the
same through ROS as in one process; with `realtime` it runs on the wall clock, as a vehicle does.
Its ROS side is vehicle_link.py, and what it does mission by mission flights.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

from liquid_pilot.nodes.common import node_base
from liquid_pilot.nodes.missions.simulator_node import SimulatorNode


def _run_missions(node: SimulatorNode, spinner: node_base.Spinner) -> int:
    # Here, because without an OpenGL library the import says what to install, in one line.
    from liquid_pilot.nodes.missions.simulator_missions import SimulatorMissions

    node.spinner = spinner
    out = node.settings.now.out
    return SimulatorMissions(node, Path(out) if out else None).run()


def main() -> int:
    """Entry point of the executable."""
    return node_base.run('simulator', SimulatorNode, _run_missions)


if __name__ == '__main__':
    sys.exit(main())
