"""The scene node: a forest or a road, drawn from the odometry of a vehicle that moves elsewhere.

It subscribes to `odom`, whatever publishes it (an autopilot in simulation or in the air, Gazebo,
motion capture), and publishes the camera that looks from there. Missions are scored by the rules of
the embedded simulator. It never arms a vehicle, and engages the guard only with `engage: true`.
"""

from __future__ import annotations

from pathlib import Path

from liquid_pilot.nodes.common import node_base
from liquid_pilot.nodes.missions.scene_node import SceneNode


def _run_missions(node: SceneNode, spinner: node_base.Spinner) -> int:
    # Imported here, so that a missing OpenGL library is reported as a user error.
    from liquid_pilot.nodes.missions.scene_missions import SceneMissions

    node.spinner = spinner
    out = node.settings.current.out
    return SceneMissions(node, Path(out) if out else None).run()


def main() -> int:
    """Entry point of the executable."""
    return node_base.run('scene', SceneNode, _run_missions)


if __name__ == '__main__':
    node_base.exit_process(main())
