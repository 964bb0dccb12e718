"""A small model of ArduCopter, ArduRover and PX4 at their end of MAVLink, for tests.

It does what the real ones were seen to do with setpoints, take-offs, requests for messages and
restarts, with a point mass instead of a vehicle. Times are seconds of the clock of the test.
"""

import math

from mavlink_peer import GUIDED, PX4_OFFBOARD, PX4_POSCTL, Peer, mavlink

PX4_TAKEOFF, PX4_LOITER = 4 << 16 | 2 << 24, 4 << 16 | 3 << 24
STABILIZE, LAND = 0, 9  # of ArduCopter
ON_GROUND, IN_AIR, TAKEOFF, LANDING = 1, 2, 3, 4
G_M_S2, DRAG_1_S, LAG_S, CLIMB_M_S = 9.80665, 0.2, 0.2, 1.5
IMU, RAW_IMU, ATTITUDE, POSITION, LANDED, ESTIMATE, EKF = 105, 27, 31, 32, 245, 230, 193
STANDSTILL = (0.0, 0.0, 0.0)


class Autopilot(Peer):
    """An autopilot with a vehicle, which a human (the test) arms and takes off.

    `rates` is what it streams by itself, and what it is asked for replaces; numbers in `refused`
    and rates above `max_rate_hz` are denied; with `answers` off it follows and does not answer.
    `uplink` and `downlink` cut the link in one direction.
    """

    def __init__(self, port, kind='copter', rates=None, refused=(), max_rate_hz=400.0):
        super().__init__(port)
        self.kind, self.px4 = kind, kind == 'px4'
        self.own_rates, self.refused, self.max_rate_hz = rates or {}, set(refused), max_rate_hz
        self.answers = self.uplink = self.downlink = True
        # A guard that is told 0.39 climbs, where nothing corrects that.
        self.hover_thrust, self.setpoint_timeout_s = 0.36, 1.0 if self.px4 else 3.0
        self.position_ned, self.velocity_ned, self.yaw = [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], 0.0
        self.requests, self.setpoints = [], []
        self.now_s = None
        self.start(0.0)

    @property
    def height(self):
        return -self.position_ned[2]

    @property
    def follows(self):
        return self.mode == (PX4_OFFBOARD if self.px4 else GUIDED)

    def start(self, now_s):
        """Start with what a restart forgets: streams, mode, arming, and the boot time."""
        self.boot_s, self.rates, self.due = now_s, dict(self.own_rates), {}
        self.mode, self.armed = PX4_POSCTL if self.px4 else STABILIZE, False
        self.target, self.target_s, self.takeoff_m = None, -math.inf, None
        self.silent_until_s, self.landed = now_s, self.height < 0.05

    def reboot(self, takes_s=1.0):
        self.start(self.now_s)
        self.silent_until_s = self.now_s + takes_s

    # What the human does.

    def set_mode(self, mode):
        """PX4 refuses its offboard mode unless setpoints arrive."""
        stale = self.now_s - self.target_s > 0.5
        if self.px4 and mode == PX4_OFFBOARD and stale:
            return False
        self.mode, self.takeoff_m = mode, None
        if not self.px4:
            self.target = None
        return True

    def take_off(self, height_m):
        """Take off in GUIDED (ArduPilot), or in the mode of its own (PX4)."""
        assert self.armed and (self.px4 or self.follows)
        self.mode = PX4_TAKEOFF if self.px4 else self.mode
        self.takeoff_m, self.target = height_m, None

    @property
    def landed_state(self):
        if self.kind == 'rover':
            return 0
        if self.landed:
            return ON_GROUND
        if self.mode == LAND and not self.px4:
            return LANDING
        return TAKEOFF if self.takeoff_m is not None else IN_AIR

    # What it does.

    def step(self, now_s):
        """Read what has come, move, and send what is due."""
        elapsed_s = 0.0 if self.now_s is None else now_s - self.now_s
        self.now_s = now_s
        messages = self.received()
        if now_s < self.silent_until_s:
            return
        for message in messages if self.uplink else ():
            self._take(message)
        self._fail_over()
        self._move(elapsed_s)
        self._stream()

    def _take(self, message):
        kind = message.get_type()
        if kind == 'COMMAND_LONG' and message.command == mavlink.MAV_CMD_SET_MESSAGE_INTERVAL:
            number, rate_hz = int(message.param1), 1e6 / message.param2
            self.requests.append((self.now_s, number, rate_hz))
            denied = number in self.refused or rate_hz > 1.01 * self.max_rate_hz
            if not denied:
                self.rates[number] = rate_hz
            if self.answers:
                result = 2 if denied else 0
                self._reply(mavlink.MAVLink_command_ack_message(message.command, result))
        elif kind in ('SET_POSITION_TARGET_LOCAL_NED', 'SET_ATTITUDE_TARGET'):
            self.setpoints.append((self.now_s, message))
            if self.follows or self.px4:
                self.target, self.target_s = message, self.now_s
            if self.follows:
                self.takeoff_m = None

    def _fail_over(self):
        """What happens once setpoints end: PX4 leaves the mode, ArduPilot stops or levels."""
        if self.now_s - self.target_s > self.setpoint_timeout_s and self.target is not None:
            if self.px4:
                self.mode = PX4_LOITER if self.follows else self.mode
            self.target = self.target if self._is_attitude and not self.px4 else None

    @property
    def _is_attitude(self):
        return self.target is not None and self.target.get_type() == 'SET_ATTITUDE_TARGET'

    def _move(self, elapsed_s):
        if not self.armed:
            self.velocity_ned = [0.0, 0.0, 0.0]
            return
        velocity, yaw_rate = self._wanted()
        if velocity is None:
            acceleration = self._acceleration()
        else:
            acceleration = [
                (wanted - now) / LAG_S
                for wanted, now in zip(velocity, self.velocity_ned, strict=True)
            ]
        if self.landed and acceleration[2] >= 0.0 and self.kind != 'rover':
            return
        self.yaw += yaw_rate * elapsed_s
        for axis in range(3):
            self.velocity_ned[axis] += acceleration[axis] * elapsed_s
            self.position_ned[axis] += self.velocity_ned[axis] * elapsed_s
        if self.kind == 'rover':
            return
        self.landed = self.height <= 0.0
        if self.landed:
            self.position_ned[2], self.velocity_ned = 0.0, [0.0, 0.0, 0.0]
            self.armed = self.armed and self.mode != LAND

    def _wanted(self):
        """The velocity and yaw rate that it flies; None: it follows an attitude."""
        if self.takeoff_m is not None:
            if self.height >= self.takeoff_m:
                self.takeoff_m = None
                self.mode = PX4_LOITER if self.px4 else self.mode
                return STANDSTILL, 0.0
            return (0.0, 0.0, -CLIMB_M_S), 0.0
        if self.mode == LAND and not self.px4:
            return (0.0, 0.0, CLIMB_M_S), 0.0
        if not self.follows or self.target is None:
            return STANDSTILL, 0.0
        target = self.target
        if self._is_attitude:
            return None, target.body_yaw_rate
        if self.landed and self.kind != 'rover':
            return STANDSTILL, 0.0  # A velocity is no take-off.
        if target.coordinate_frame == mavlink.MAV_FRAME_BODY_NED:
            speed = math.copysign(math.hypot(target.vx, target.vy), target.vx)
            ahead = (speed * math.cos(self.yaw), speed * math.sin(self.yaw), 0.0)
            return ahead, target.yaw_rate
        return (target.vx, target.vy, target.vz), target.yaw_rate

    def _acceleration(self):
        """Of an attitude and a thrust; level and without a climb once they have ended."""
        w, x, y, z = self.target.q
        vx, vy, vz = self.velocity_ned
        if self.now_s - self.target_s > self.setpoint_timeout_s:
            return [-DRAG_1_S * vx, -DRAG_1_S * vy, -vz / LAG_S]
        force = -G_M_S2 * self.target.thrust / self.hover_thrust
        if self.landed and not self.px4 and self.target.thrust > 0.0:
            force = min(force, -1.01 * G_M_S2)  # It takes off with any positive thrust.
        down = (2 * (x * z + w * y), 2 * (y * z - w * x), w * w - x * x - y * y + z * z)
        return [
            force * down[0] - DRAG_1_S * vx,
            force * down[1] - DRAG_1_S * vy,
            force * down[2] + G_M_S2 - DRAG_1_S * vz,
        ]

    def _stream(self):
        for number, rate_hz in {None: 1.0, **self.rates}.items():
            due_s = max(self.due.get(number, self.now_s), self.now_s - 0.2)
            while self.now_s >= due_s - 1e-9:
                self._reply(self._message(number))
                due_s += 1.0 / rate_hz
            self.due[number] = due_s

    def _reply(self, message):
        if self.downlink:
            self.send(message)

    def _message(self, number):
        boot_ms = round(1e3 * (self.now_s - self.boot_s))
        if number is None:
            kind = mavlink.MAV_AUTOPILOT_PX4 if self.px4 else mavlink.MAV_AUTOPILOT_ARDUPILOTMEGA
            rover = self.kind == 'rover'
            type_ = mavlink.MAV_TYPE_GROUND_ROVER if rover else mavlink.MAV_TYPE_QUADROTOR
            mode = mavlink.MAV_MODE_FLAG_CUSTOM_MODE_ENABLED | (128 if self.armed else 0)
            # In GUIDED, Rover has another number than Copter.
            custom = 15 if rover and self.mode == GUIDED else self.mode
            return mavlink.MAVLink_heartbeat_message(type_, kind, mode, custom, 4, 3)
        half = 0.5 * self.yaw
        return {
            IMU: self.imu,
            RAW_IMU: self.raw_imu,
            ATTITUDE: lambda: mavlink.MAVLink_attitude_quaternion_message(
                boot_ms, math.cos(half), 0.0, 0.0, math.sin(half), 0.0, 0.0, 0.0
            ),
            POSITION: lambda: mavlink.MAVLink_local_position_ned_message(
                boot_ms, *self.position_ned, *self.velocity_ned
            ),
            LANDED: lambda: mavlink.MAVLink_extended_sys_state_message(0, self.landed_state),
            ESTIMATE: self.estimate,
            EKF: lambda: mavlink.MAVLink_ekf_status_report_message(7, 0, 0, 0, 0, 0),
        }[number]()
