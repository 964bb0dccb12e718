"""The gazebo node: runs missions in Gazebo and guards the vehicle with a watchdog.

For each mission it writes a world of the mission's seed, starts Gazebo with it, holds the vehicle
at its start until the guard is engaged, and scores the flight by the rules of the embedded
simulator. ros_gz_bridge carries camera, IMU, odometry and /clock (config/gazebo_bridge.yaml). The
`cmd_vel` of the guard is forwarded as `gazebo/twist`.
"""

from __future__ import annotations

from pathlib import Path

from liquid_pilot.nodes.common import node_base
from liquid_pilot.nodes.missions.gazebo_node import GazeboNode


def _run_missions(node: GazeboNode, spinner: node_base.Spinner) -> int:
    # Imported here, so that a missing OpenGL library is reported as a user error.
    from liquid_pilot.nodes.missions.gazebo_missions import GazeboMissions

    node.spinner = spinner
    out = node.settings.current.out
    return GazeboMissions(node, Path(out) if out else None).run()


def main() -> int:
    """Entry point of the executable."""
    return node_base.run('gazebo', GazeboNode, _run_missions)


if __name__ == '__main__':
    node_base.exit_process(main())
