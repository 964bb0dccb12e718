"""Flies missions: `ros2 launch liquid_pilot fly.launch.py missions:=3 seed:=7 headless:=true`.

Arguments and nodes come from liquid_pilot/nodes/launch; this file only names them.
"""

from launch import LaunchDescription
from liquid_pilot.nodes.launch import (
    flight_environment,
    flight_graph,
    flight_options,
    launch_description,
)


def generate_launch_description() -> LaunchDescription:
    """Return the launch description, for `ros2 launch`."""
    return launch_description.make_launch_description(
        flight_options.FlyOptions,
        flight_graph.nodes,
        flight_environment.environment,
        flight_graph.launch_notice,
    )
