"""The simulator node: the embedded simulator as a ROS 2 vehicle, and the missions flown in it.

It publishes camera, camera_info, IMU, odometry and /clock, and subscribes to `cmd_vel` or
`attitude_thrust`. In lock-step it waits for the command with the stamp of its frame, so that a seed
flies the same through ROS as in one process. With `realtime` it runs on the wall clock, as a
vehicle does.
"""

from __future__ import annotations

from pathlib import Path

from liquid_pilot.nodes.common import node_base
from liquid_pilot.nodes.missions.simulator_node import SimulatorNode


def _run_missions(node: SimulatorNode, spinner: node_base.Spinner) -> int:
    # Imported here, so that a missing OpenGL library is reported as a user error.
    from liquid_pilot.nodes.missions.simulator_missions import SimulatorMissions

    node.spinner = spinner
    out = node.settings.current.out
    return SimulatorMissions(node, Path(out) if out else None).run()


def main() -> int:
    """Entry point of the executable."""
    return node_base.run('simulator', SimulatorNode, _run_missions)


if __name__ == '__main__':
    node_base.exit_process(main())
