"""Message types of autopilots, genuine where they are installed, and a node that outputs use.

px4_msgs, mavros_msgs, ardupilot_msgs, ackermann_msgs and crazyflie_interfaces are on no package
index. A test that takes `message_type` runs over stand-ins with the same fields and, where one of
the packages is installed, over the genuine types too.
"""

import sys
from array import array
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace

import pytest
from geometry_msgs.msg import Quaternion, Vector3
from px4_peer import types as px4_types
from px4_peer.fixtures import fly, px4_msgs  # noqa: F401
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import Header

from liquid_pilot.nodes.common.message_types import import_message_type

ACKERMANN_DRIVE = dict.fromkeys(
    ('steering_angle', 'steering_angle_velocity', 'speed', 'acceleration', 'jerk'), float
)
STAND_INS = {
    'ackermann_msgs/msg/AckermannDriveStamped': {
        'header': Header,
        'drive': lambda: SimpleNamespace(**{name: 0.0 for name in ACKERMANN_DRIVE}),
    },
    'ardupilot_msgs/msg/Status': {
        'header': Header,
        'vehicle_type': int,
        'armed': bool,
        'mode': int,
        'flying': bool,
        'external_control': bool,
        'failsafe': lambda: array('B'),
    },
    'crazyflie_interfaces/msg/Hover': {
        'header': Header,
        **dict.fromkeys(('vx', 'vy', 'yaw_rate', 'z_distance'), float),
    },
    'mavros_msgs/msg/AttitudeTarget': {
        'header': Header,
        'type_mask': int,
        'orientation': Quaternion,
        'body_rate': Vector3,
        'thrust': float,
    },
    'mavros_msgs/msg/ExtendedState': {'header': Header, 'vtol_state': int, 'landed_state': int},
    'mavros_msgs/msg/State': {
        'header': Header,
        **dict.fromkeys(('connected', 'armed', 'guided', 'manual_input'), bool),
        'mode': str,
        'system_status': int,
    },
}
"""Fields of the message types, with functions that make their defaults."""
PX4 = vars(px4_types.stand_ins())
PX4 = {f'px4_msgs/msg/{name}': kind for name, kind in PX4.items() if isinstance(kind, type)}


def stand_in(name):
    """Return a class that takes and has the fields of a message type, and no others."""
    fields = STAND_INS[name]

    class StandIn:
        __slots__ = tuple(fields)

        def __init__(self, **values):
            assert set(values) <= set(fields), (name, values)
            for field, make in fields.items():
                setattr(self, field, values.get(field, make()))

    return StandIn


@pytest.fixture
def stand_ins():
    """Fields of all stand-ins, by message type."""
    px4 = {name: set(kind.fields) for name, kind in PX4.items()}
    return px4 | {name: set(fields) for name, fields in STAND_INS.items()}


PACKAGES = {name.partition('/')[0] for name in (*STAND_INS, *PX4)}
INSTALLED = {name for name in PACKAGES if find_spec(name)}


@pytest.fixture(params=['stand-in', *(['genuine'] if INSTALLED else [])])
def message_type(request, monkeypatch):
    """Function 'package/msg/Name' -> class; the outputs use the same ones."""
    if request.param == 'genuine':

        def genuine(name):
            package = name.partition('/')[0]
            if package not in INSTALLED:
                pytest.skip(f'{package} is not installed')
            return import_message_type(name)

        return genuine
    made = PX4 | {name: stand_in(name) for name in STAND_INS}
    for name, module in list(sys.modules.items()):
        if name.startswith('liquid_pilot.nodes.outputs.') and hasattr(
            module, 'import_message_type'
        ):
            monkeypatch.setattr(module, 'import_message_type', made.__getitem__)
    services = ModuleType('mavros_msgs.srv')
    services.MessageInterval = SimpleNamespace(Request=SimpleNamespace)
    monkeypatch.setitem(sys.modules, 'mavros_msgs.srv', services)
    return made.__getitem__


def over_the_wire(message):
    """The message as a subscriber gets it; a stand-in has no wire."""
    kind = type(message)
    if not hasattr(kind, 'get_fields_and_field_types'):
        return message
    return deserialize_message(serialize_message(message), kind)


class FieldNode:
    """The parts of the guard node that outputs use, and the vehicle at the other end."""

    def __init__(self):
        self.now_s, self.lines = 100.0, []
        self.published, self.acknowledged = {}, []
        self.subscribed, self.requests = {}, []
        self.service_runs = True

    def create_publisher(self, kind, topic, profile):
        sent = self.published.setdefault(topic, [])

        def publish(message):
            assert isinstance(message, kind)
            sent.append(over_the_wire(message))

        return SimpleNamespace(
            publish=publish,
            wait_for_all_acked=lambda timeout: self.acknowledged.append((topic, timeout)),
        )

    def create_subscription(self, kind, topic, callback, profile):
        self.subscribed[topic] = kind, callback

    def create_client(self, kind, name):
        return SimpleNamespace(
            service_is_ready=lambda: self.service_runs,
            call_async=lambda request: self.requests.append((name, request)) or len(self.requests),
            remove_pending_request=lambda future: None,
        )

    def hear(self, topic, **fields):
        """Deliver a message to the output."""
        kind, callback = self.subscribed[topic]
        message = kind()
        for name, value in fields.items():
            setattr(message, name, value)
        callback(over_the_wire(message))

    def steady_s(self):
        return self.now_s

    def get_clock(self):
        return SimpleNamespace(now=lambda: SimpleNamespace(nanoseconds=round(1e9 * self.now_s)))

    def get_logger(self):
        return SimpleNamespace(info=self.lines.append, warning=self.lines.append)


@pytest.fixture
def field():
    """A node for outputs; what they publish went over the wire where the type is genuine."""
    return FieldNode()
