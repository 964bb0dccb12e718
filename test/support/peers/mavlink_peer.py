"""An autopilot's end of MAVLink on the loopback, which a test drives; it flies nothing."""

import os
import socket

os.environ.setdefault('MAVLINK20', '1')

from pymavlink.dialects.v20 import ardupilotmega as mavlink

PX4_OFFBOARD, PX4_POSCTL = 6 << 16, 3 << 16
GUIDED, LOITER = 4, 5  # of ArduCopter


class Peer:
    """Sends the messages of a test to `port`, and receives those that come back."""

    def __init__(self, port, system=1, own_port=0):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(('127.0.0.1', own_port))
        self.socket.setblocking(False)
        self.address = ('127.0.0.1', port)
        self.mav = mavlink.MAVLink(None, srcSystem=system, srcComponent=1)
        self.parser = mavlink.MAVLink(None)
        self.parser.robust_parsing = True
        self.clock_ms = 0

    def send(self, *messages):
        for message in messages:
            self.socket.sendto(self.pack(message), self.address)

    def pack(self, message):
        return message.pack(self.mav)

    def heartbeat(self, custom_mode=PX4_POSCTL, armed=False, autopilot=mavlink.MAV_AUTOPILOT_PX4):
        return mavlink.MAVLink_heartbeat_message(
            mavlink.MAV_TYPE_QUADROTOR,
            autopilot,
            mavlink.MAV_MODE_FLAG_CUSTOM_MODE_ENABLED | (128 if armed else 0),
            custom_mode,
            4,
            3,
        )

    def imu(self, gyro=(0.1, 0.2, 0.3), force=(0.0, 0.0, -9.81)):
        return mavlink.MAVLink_highres_imu_message(
            1000 * self.clock_ms, *force, *gyro, 0, 0, 0, 0, 0, 0, 0, 63
        )

    def raw_imu(self, gyro=(100, 200, 300), force=(0, 0, -1000)):
        return mavlink.MAVLink_raw_imu_message(1000 * self.clock_ms, *force, *gyro, 0, 0, 0)

    def attitude(self, q=(1.0, 0.0, 0.0, 0.0)):
        self.clock_ms += 10
        return mavlink.MAVLink_attitude_quaternion_message(self.clock_ms, *q, 0.01, 0.02, 0.03)

    def place(self, place=(1.0, 2.0, -3.0), velocity=(0.5, 0.0, -0.1)):
        return mavlink.MAVLink_local_position_ned_message(self.clock_ms, *place, *velocity)

    def estimate(self, flags=7):
        return mavlink.MAVLink_estimator_status_message(0, flags, *[0.0] * 8)

    def landed_state(self, state=mavlink.MAV_LANDED_STATE_IN_AIR):
        return mavlink.MAVLink_extended_sys_state_message(0, state)

    def sticks(self, *pulses_us):
        raw = [*pulses_us, *[65535] * (18 - len(pulses_us))]
        return mavlink.MAVLink_rc_channels_message(self.clock_ms, len(pulses_us), *raw, 200)

    def received(self):
        """Return the messages that have arrived since the previous call."""
        found = []
        while True:
            try:
                data = self.socket.recv(2048)
            except BlockingIOError:
                return found
            found += self.parser.parse_buffer(data) or []

    def close(self):
        self.socket.close()
