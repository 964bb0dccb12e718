"""Settings of a flight that are launch arguments, options of commands and node parameters alike.

They are declared here once. `nodes.launch`, `cli` and the nodes take them over with
`utils.settings.setting_from`.
"""

from __future__ import annotations

from dataclasses import dataclass

from liquid_pilot.nodes.common import topics
from liquid_pilot.onboard.vehicles.registry import VEHICLES
from liquid_pilot.utils.settings import setting

LOG_LEVELS = ('debug', 'info', 'warn', 'error')


@dataclass(frozen=True)
class FlightSettings:
    """Settings of a flight."""

    pilot: str = setting('forest-ltc', 'pilot that flies: name of a shipped one, or its folder')
    vehicle: str = setting(
        'quadrotor', 'vehicle class: sets limits, safe command and world', choices=VEHICLES
    )
    missions: int = setting(3, 'number of missions', low=1, high=1_000_000)
    seed: int = setting(
        0,
        'seed of the first mission, which sets its forest or road; later missions count up from it',
        low=0,
        high=2**53,
    )
    condition: str = setting(
        'clear',
        "weather and faults, such as 'snow:4@3s+wind:2': snow of severity 4 from 3 s on, and wind "
        'of severity 2 (docs/reference/conditions.md)',
    )
    realtime: bool = setting(
        False,
        'fly on the wall clock, as on a vehicle; false: in lock-step, as fast as possible and '
        'with the same outcome every time',
    )
    demonstrate: bool = setting(
        False,
        'the expert, which knows the map, flies in place of the pilot, with noise added to its '
        'commands',
    )
    disturbance: float = setting(
        1.3, 'level of the action noise of demonstrations; 0: none', low=0.0, high=10.0
    )
    anchor: str = setting(
        'vehicle',
        'vehicle: each mission begins where the vehicle is, at its height and heading; world: the '
        'odometry has the coordinates of the course, as in a motion-capture hall',
        choices=('vehicle', 'world'),
    )
    engage: bool = setting(
        False,
        'engage the guard for each mission as soon as the vehicle is at rest, as for many missions '
        "in an autopilot's SITL; false: each mission begins when a human engages the guard",
    )
    gui: bool = setting(False, "show Gazebo's own window")
    image_topic: str = setting(topics.IMAGE, 'image topic that the pilot flies on')
    image_transport: str = setting(
        'raw',
        'raw: sensor_msgs/Image; compressed: sensor_msgs/CompressedImage on IMAGE_TOPIC/compressed',
        choices=('raw', 'compressed'),
    )
    rectified: bool = setting(
        False,
        'the images are rectified already, as by image_proc; false: the pilot undistorts them by '
        'camera_info',
    )
    mavlink_url: str = setting(
        'udpin:127.0.0.1:14540',
        'serial port or address of the autopilot, in the form of pymavlink '
        '(mavlink, mavlink_attitude, mavlink_rover)',
    )
    out: str = setting('', 'run folder for report and pictures; empty: nothing is written')
    log_level: str = setting('warn', 'lowest level that the nodes print', choices=LOG_LEVELS)
