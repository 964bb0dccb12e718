"""The node that has missions flown in Gazebo: worlds, scores, and the watchdog of the vehicle.

For each mission it writes a forest of the mission's seed, starts Gazebo with it, holds the vehicle
where it starts until the guard lets the pilot fly, and scores the flight by the rules of the
embedded simulator. Camera, IMU, odometry and /clock come by ros_gz_bridge
(config/gazebo_bridge.yaml); `cmd_vel` of the guard goes out as `gazebo/twist`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from liquid_pilot.nodes.common import node_base
from liquid_pilot.nodes.missions.gazebo_node import GazeboNode


def _run_missions(node: GazeboNode, spinner: node_base.Spinner) -> int:
    # Here, because without an OpenGL library the import says what to install, in one line.
    from liquid_pilot.nodes.missions.gazebo_missions import GazeboMissions

    node.spinner = spinner
    out = node.settings.now.out
    return GazeboMissions(node, Path(out) if out else None).run()


def main() -> int:
    """Entry point of the executable."""
    return node_base.run('gazebo', GazeboNode, _run_missions)


if __name__ == '__main__':
    sys.exit(main())
