"""What PX4 1.16 does with modes and setpoints of a companion, by its sources; it flies nothing.

Times are those of `step`. Without a transport: `publish(name, topic, **fields)` sends, and
`receive(topic, message)` is called with what arrives.
"""

LOITER, RTL, OFFBOARD, FIRST_EXTERNAL = 4, 5, 14, 23
PLACES = 8
CHECK_PERIOD_S, ANSWER_LIMIT_S = 0.3, 0.05
UNANSWERED_AT_FIRST, UNANSWERED = 10, 3
STATUS_PERIOD_S, LANDING_PERIOD_S = 0.5, 1.0
OFFBOARD_LOSS_S = 1.0  # COM_OF_LOSS_T
API_VERSION = 1

INPUTS = {
    'register_ext_component_request': 'RegisterExtComponentRequest',
    'unregister_ext_component': 'UnregisterExtComponent',
    'arming_check_reply': 'ArmingCheckReply',
    'config_control_setpoints': 'VehicleControlMode',
    'offboard_control_mode': 'OffboardControlMode',
    'trajectory_setpoint': 'TrajectorySetpoint',
    'vehicle_attitude_setpoint': 'VehicleAttitudeSetpoint',
}
"""Types of the topics that PX4 reads, after `fmu/in/`."""


class Mode:
    """A registered mode; its arming check has the number of its place."""

    def __init__(self, name):
        self.name, self.waits_for_first, self.unanswered = name, True, 0
        self.unresponsive, self.answer, self.configuration = False, None, None

    @property
    def can_run(self):
        return self.answer is not None and self.answer.can_arm_and_run and not self.unresponsive


class Px4Peer:
    """A PX4 that hovers (LOITER), or stands on the ground."""

    def __init__(self, publish):
        self.publish = publish
        self.landed = False
        self.register_while_armed = False  # COM_MODE_ARM_CHK
        self.requests, self.received, self.now_s = [], [], 0.0
        self.silent = False
        self.reboot(armed=True)

    def reboot(self, armed=False):
        """Forget everything, as after a loss of power."""
        self.armed, self.intended, self.nav_state, self.failsafe = armed, LOITER, LOITER, False
        self.places = [None] * PLACES
        self.request_id, self.asked_s, self.timed_out, self.answered = 0, None, False, set()
        self.heartbeat_s = self.status_s = self.landing_s = None

    def receive(self, topic, message):
        if self.silent:
            return
        handler = getattr(self, f'_on_{topic}', None)
        if handler is not None:
            handler(message)
        self.received.append((self.now_s, topic, message))

    def of(self, topic):
        """The messages that have arrived on a topic."""
        return [message for _, name, message in self.received if name == topic]

    def select(self, number):
        """A human selects a mode; return whether PX4 takes it. Only disarmed it takes any."""
        if self.armed and not self._can_run(number):
            return False
        self.intended = number
        self._decide()
        return True

    def place_of(self, name):
        """The number of the mode of this name; None where it is not registered."""
        numbers = [k for k, mode in enumerate(self.places) if mode and mode.name == name]
        return FIRST_EXTERNAL + numbers[0] if numbers else None

    def mode(self, number):
        return self.places[number - FIRST_EXTERNAL]

    def step(self, now_s):
        """Do what is due at this time."""
        self.now_s = now_s
        if self.silent:
            return
        if self.asked_s is not None and now_s > self.asked_s + ANSWER_LIMIT_S:
            self._count_unanswered()
        if any(self.places) and (self.asked_s is None or now_s > self.asked_s + CHECK_PERIOD_S):
            self.request_id = (self.request_id + 1) % 256
            self.asked_s, self.timed_out, self.answered = now_s, False, set()
            self.publish('ArmingCheckRequest', 'arming_check_request', request_id=self.request_id)
        for k, mode in enumerate(self.places):
            selected = self.intended == FIRST_EXTERNAL + k
            if mode and mode.unresponsive and self._takes_registrations and not selected:
                self.places[k] = None
        self._decide()
        if self.status_s is None or now_s - self.status_s >= STATUS_PERIOD_S:
            self._send_status()
        if self.landing_s is None or now_s - self.landing_s >= LANDING_PERIOD_S:
            self.landing_s = now_s
            on_ground = self.landed
            self.publish(
                'VehicleLandDetected',
                'vehicle_land_detected',
                landed=on_ground,
                maybe_landed=on_ground,
                ground_contact=on_ground,
            )

    @property
    def _takes_registrations(self):
        return not self.armed or self.register_while_armed

    def _count_unanswered(self):
        if self.timed_out:
            return
        self.timed_out = True
        for k, mode in enumerate(self.places):
            if mode is None or k in self.answered or mode.unresponsive:
                continue
            mode.unanswered += 1
            limit = UNANSWERED_AT_FIRST if mode.waits_for_first else UNANSWERED
            mode.unresponsive = mode.unanswered > limit

    def _can_run(self, number):
        if number == OFFBOARD:
            return self.heartbeat_s is not None and (
                self.now_s - self.heartbeat_s < OFFBOARD_LOSS_S
            )
        if number < FIRST_EXTERNAL:
            return True
        mode = self.places[number - FIRST_EXTERNAL]
        return mode is not None and mode.can_run

    def _decide(self):
        """The failsafe: Return while the mode that was selected cannot run, and back again."""
        self.failsafe = self.armed and not self._can_run(self.intended)
        number = RTL if self.failsafe else self.intended
        if number != self.nav_state:
            self.nav_state = number
            self._send_status()

    def _send_status(self):
        self.status_s = self.now_s
        mask = (1 << LOITER) | (1 << RTL) | (1 << OFFBOARD)
        for k, mode in enumerate(self.places):
            mask |= (1 << FIRST_EXTERNAL + k) if mode else 0
        self.publish(
            'VehicleStatus',
            'vehicle_status',
            nav_state=self.nav_state,
            nav_state_user_intention=self.intended,
            arming_state=2 if self.armed else 1,
            failsafe=self.failsafe,
            can_set_nav_states_mask=mask,
        )

    def _on_register_ext_component_request(self, message):
        self.requests.append((self.now_s, message))
        name = bytes(list(message.name)).split(b'\0')[0].decode()
        free = [k for k, mode in enumerate(self.places) if mode is None]
        taken = self._takes_registrations and free and message.register_arming_check
        if taken:
            self.places[free[0]] = Mode(name)
        self.publish(
            'RegisterExtComponentReply',
            'register_ext_component_reply',
            request_id=int(message.request_id),
            name=list(map(int, message.name)),
            px4_ros2_api_version=API_VERSION,
            success=bool(taken),
            arming_check_id=free[0] if taken else -1,
            mode_id=FIRST_EXTERNAL + free[0] if taken else -1,
            mode_executor_id=-1,
        )

    def _on_unregister_ext_component(self, message):
        if self._takes_registrations:
            self.places[message.arming_check_id] = None
            if self.intended == message.mode_id:
                self.intended = LOITER

    def _on_arming_check_reply(self, message):
        mode = self.places[message.registration_id]
        if mode is not None and message.request_id == self.request_id:
            self.answered.add(message.registration_id)
            mode.unanswered, mode.waits_for_first = 0, False
            mode.unresponsive, mode.answer = False, message

    def _on_config_control_setpoints(self, message):
        mode = self.places[message.source_id - FIRST_EXTERNAL]
        if mode is not None:
            mode.configuration = message

    def _on_offboard_control_mode(self, message):
        self.heartbeat_s = self.now_s
