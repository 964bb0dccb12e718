"""A vehicle that does what `cmd_vel` says, for a scene: odometry and IMU, nothing else.

A process of its own on the wall clock. It stands still until the first command comes, and stops
without one, as an autopilot does. A drone tilts as it accelerates; a rover does not. VEHICLE_FAULT
in the environment is what goes wrong once it has moved: `silent` (odometry ends) or `jump`.
"""

import math
import os
import sys
import time

import numpy as np
import rclpy
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import Imu

from liquid_pilot.interfaces import STANDARD_GRAVITY_M_S2, ImuSample, VehicleState
from liquid_pilot.nodes.common import messages, qos
from liquid_pilot.onboard.geometry import into_body
from liquid_pilot.simulation.base.anchor import quaternion_product

PERIOD_S = 0.01
LAG_S = 0.25
COMMAND_TIMEOUT_S = 0.5
MOVED_M = 1.5
START = ((31.0, -12.0, 4.5), 2.1)
"""Position and heading that no course begins with."""


class Motion:
    """Velocities that follow commands with a lag, and the pose that comes of them."""

    def __init__(self, drives, start=START):
        self.drives = drives
        (self.x, self.y, self.z), self.yaw = start
        self.velocity = np.zeros(3)
        self.yaw_rate = 0.0
        self.tilt = np.zeros(2)

    def step(self, command, seconds):
        """Move by one step towards a command: forward, left, up, yaw rate."""
        share = seconds / LAG_S
        acceleration = (np.array(command[:3]) - self.velocity) / LAG_S
        if self.drives:
            acceleration[1:] = 0.0
        self.velocity += seconds * acceleration
        self.yaw_rate += share * (command[3] - self.yaw_rate)
        self.yaw += seconds * self.yaw_rate
        forward, left, up = self.velocity
        self.x += seconds * (forward * math.cos(self.yaw) - left * math.sin(self.yaw))
        self.y += seconds * (forward * math.sin(self.yaw) + left * math.cos(self.yaw))
        self.z += seconds * up
        wanted = np.zeros(2)
        if not self.drives:
            wanted = np.clip(acceleration[:2] / STANDARD_GRAVITY_M_S2, -0.4, 0.4)
        self.tilt += share * (wanted - self.tilt)

    def state(self, stamp_ns):
        """The odometry."""
        pitch, roll = self.tilt[0], -self.tilt[1]
        orientation = quaternion_product(
            (math.cos(0.5 * self.yaw), 0.0, 0.0, math.sin(0.5 * self.yaw)),
            quaternion_product(
                (math.cos(0.5 * pitch), 0.0, math.sin(0.5 * pitch), 0.0),
                (math.cos(0.5 * roll), math.sin(0.5 * roll), 0.0, 0.0),
            ),
        )
        forward, left, up = self.velocity
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        velocity = (forward * cos - left * sin, forward * sin + left * cos, up)
        return VehicleState(
            stamp_ns,
            (self.x, self.y, self.z),
            orientation,
            into_body(orientation, velocity),
            (0.0, 0.0, self.yaw_rate),
        )

    def imu(self, stamp_ns, rng):
        """A sample with the noise of a sensor."""
        side = self.velocity[0] * self.yaw_rate if self.drives else 0.0
        gyro = rng.normal((0.0, 0.0, self.yaw_rate), 0.004)
        force = rng.normal((0.0, side, STANDARD_GRAVITY_M_S2), 0.06)
        return ImuSample(stamp_ns, tuple(gyro.tolist()), tuple(force.tolist()))


def main(drives, fault):
    rclpy.init()
    node = rclpy.create_node('ideal_vehicle')
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    motion, rng = Motion(drives), np.random.default_rng(0)
    newest = {'at_s': -math.inf, 'values': (0.0, 0.0, 0.0, 0.0)}

    def on_command(message):
        newest['at_s'] = time.monotonic()
        newest['values'] = messages.unpack_command(message).values

    node.create_subscription(TwistStamped, 'cmd_vel', on_command, qos.COMMAND_BEST_EFFORT)
    odometry = node.create_publisher(Odometry, 'odom', qos.SENSOR_RELIABLE)
    imu = node.create_publisher(Imu, 'imu/data', qos.SENSOR_RELIABLE)
    due_s, tick = time.monotonic(), 0
    while rclpy.ok():
        due_s, tick = due_s + PERIOD_S, tick + 1
        while (left_s := due_s - time.monotonic()) > 0.0:
            executor.spin_once(timeout_sec=left_s)
        alive = time.monotonic() - newest['at_s'] < COMMAND_TIMEOUT_S
        motion.step(newest['values'] if alive else (0.0, 0.0, 0.0, 0.0), PERIOD_S)
        now_ns = node.get_clock().now().nanoseconds
        imu.publish(messages.pack_imu(motion.imu(now_ns, rng)))
        moved = math.dist((motion.x, motion.y), START[0][:2]) > MOVED_M
        if tick % 3 or (fault == 'silent' and moved):
            continue
        state = motion.state(now_ns)
        if fault == 'jump' and moved:
            x, y, z = state.position_enu_m
            state = state._replace(position_enu_m=(x + 20.0, y, z))
        odometry.publish(messages.pack_odometry(state))


if __name__ == '__main__':
    main(sys.argv[1] == 'rover', os.environ.get('VEHICLE_FAULT', ''))
