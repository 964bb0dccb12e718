"""Flies missions: `ros2 launch liquid_pilot fly.launch.py missions:=3 seed:=7 headless:=true`.

Arguments and nodes come from liquid_pilot/nodes/launch/flight_graph.py; this file only names them.
"""

from launch import LaunchDescription
from liquid_pilot.nodes.launch import flight_graph, launch_description


def generate_launch_description() -> LaunchDescription:
    """What `ros2 launch` asks for."""
    return launch_description.make_launch_description(
        flight_graph.FlyOptions,
        flight_graph.nodes,
        flight_graph.environment,
        flight_graph.startup_notice,
    )
