"""The topics of the package and their message types."""

from __future__ import annotations

RECORDED_TOPICS = (
    'camera/camera_info',
    'imu/data',
    'odom',
    'pilot/command',
    'pilot/trace',
    'adaptation/time_constants',
    'cmd_vel',
    'attitude_thrust',
    'expert/command',
    'mission',
    '/diagnostics',
    '/clock',
)
"""Recorded besides the images, where they are published; remapping gives them other names."""
