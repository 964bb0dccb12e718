"""The environment of the nodes of a flight: threads, memory, and who finds them over DDS."""

from __future__ import annotations

from collections.abc import Mapping

from liquid_pilot.nodes.common.process.dds_profile import (
    PROFILE_VARIABLES,
    VEHICLE_PROFILE,
    profile_variable,
)
from liquid_pilot.nodes.launch.flight_options import GAZEBO, SCENE, FlyOptions
from liquid_pilot.utils.resources import share_path


def environment(options: FlyOptions, present: Mapping[str, str]) -> dict[str, str]:
    """Return the variables to add to the environment of the nodes.

    Args:
        options: the options of the flight.
        present: the environment; nothing that it sets is changed.
    """
    added = {name: '1' for name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS')}
    # Below this size glibc keeps the memory of an image and uses it again for the next one.
    added['MALLOC_MMAP_THRESHOLD_'] = '33554432'
    if options.simulator == GAZEBO:
        added['GZ_IP'] = '127.0.0.1'
    fast_dds = present.get('RMW_IMPLEMENTATION', 'rmw_fastrtps_cpp') == 'rmw_fastrtps_cpp'
    own_profile = not fast_dds or any(name in present for name in PROFILE_VARIABLES)
    if options.simulated:
        # Simulated drones stay on this machine unless the user chooses otherwise.
        added['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
        local = present.get('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST') == 'LOCALHOST'
        if local and not own_profile:
            added[profile_variable()] = str(share_path('config/fastdds.xml'))
    elif options.simulator == SCENE and not own_profile:
        # The vehicle may be on another machine: who finds whom is left to the user.
        added[profile_variable()] = str(share_path(VEHICLE_PROFILE))
    return {name: value for name, value in added.items() if name not in present}
