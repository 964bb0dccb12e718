"""A real robot: `ros2 launch liquid_pilot hardware.launch.py autopilot:=mavlink camera:=usb_cam`.

Prints what to check first. Arguments and nodes come from liquid_pilot/nodes/hardware.py; this file
only names them. Nothing engages by itself: docs/guard.md.
"""

from launch import LaunchDescription
from liquid_pilot.nodes import hardware, launching


def generate_launch_description() -> LaunchDescription:
    """What `ros2 launch` asks for."""
    return launching.describe(hardware.HardwareOptions, hardware.nodes, hardware.environment,
                              hardware.checklist)
