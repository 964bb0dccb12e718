"""Flies missions: `ros2 launch liquid_pilot fly.launch.py missions:=3 seed:=7 headless:=true`.

Arguments and nodes come from liquid_pilot/nodes/graph.py; this file only names them.
"""

from launch import LaunchDescription
from liquid_pilot.nodes import graph, launching


def generate_launch_description() -> LaunchDescription:
    """What `ros2 launch` asks for."""
    return launching.describe(graph.FlyOptions, graph.nodes, graph.environment, graph.notes)
