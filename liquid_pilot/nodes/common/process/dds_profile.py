"""The variable by which Fast DDS takes its profiles from a file.

Fast DDS 3 (Kilted and later) has a new name for it, and every node warns where the old one is set.
Fast DDS 2 (Humble, Jazzy) knows the old name only.
"""

from __future__ import annotations

import os

from liquid_pilot.utils.resources import package_prefixes

_OLD, _NEW = 'FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE'
PROFILE_VARIABLES = (_OLD, _NEW)
"""Both names; where a user has set one, we set none."""
VEHICLE_PROFILE = 'config/fastdds_vehicle.xml'
"""The profile for large frames on a vehicle, as a resource of the package."""
_WITH_FAST_DDS_2 = ('humble', 'iron', 'jazzy')


def profile_variable() -> str:
    """Return the name that the installed Fast DDS knows.

    Its package is called fastrtps up to version 2, and fastdds from version 3 on. Where neither is
    found, the name of the distribution decides.
    """
    for package, variable in (('fastdds', _NEW), ('fastrtps', _OLD)):
        if any((prefix / 'share' / package).is_dir() for prefix in package_prefixes(package)):
            return variable
    return _OLD if os.environ.get('ROS_DISTRO', 'jazzy') in _WITH_FAST_DDS_2 else _NEW
