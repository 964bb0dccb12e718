"""Starts the nodes of a real vehicle.

    ros2 launch liquid_pilot hardware.launch.py autopilot:=mavlink camera:=usb_cam

Prints what to check first. Arguments and nodes come from liquid_pilot/nodes/launch; this file only
names them. Nothing engages by itself: docs/explanation/guard.md.
"""

from launch import LaunchDescription
from liquid_pilot.nodes.launch import hardware_graph, hardware_options, launch_description


def generate_launch_description() -> LaunchDescription:
    """Return the launch description, for `ros2 launch`."""
    return launch_description.make_launch_description(
        hardware_options.HardwareOptions,
        hardware_graph.nodes,
        hardware_graph.environment,
        hardware_graph.checklist,
    )
