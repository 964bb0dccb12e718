"""The message types of PX4: the genuine ones where px4_msgs is installed, else stand-ins.

A stand-in has the fields of PX4 1.16 that are used here, and refuses others and wrong types, as a
genuine message does where fields are checked.
"""

import importlib.util
import sys
from types import ModuleType

GENUINE = importlib.util.find_spec('px4_msgs') is not None

_FIELDS = {
    'OffboardControlMode': 'timestamp=int position=bool velocity=bool attitude=bool',
    'TrajectorySetpoint': 'timestamp=int position=float*3 velocity=float*3 acceleration=float*3 '
    'jerk=float*3 yaw=float yawspeed=float',
    'VehicleAttitudeSetpoint': 'timestamp=int q_d=float*4 thrust_body=float*3 '
    'yaw_sp_move_rate=float',
    'VehicleStatus': 'timestamp=int nav_state=int arming_state=int failsafe=bool '
    'can_set_nav_states_mask=int nav_state_user_intention=int',
    'VehicleLandDetected': 'timestamp=int ground_contact=bool maybe_landed=bool landed=bool',
    'SensorCombined': 'timestamp=int gyro_rad=float*3 accelerometer_m_s2=float*3',
    'VehicleOdometry': 'timestamp=int pose_frame=int velocity_frame=int position=float*3 '
    'q=float*4 velocity=float*3 angular_velocity=float*3',
    'RegisterExtComponentRequest': 'timestamp=int request_id=int name=int*25 '
    'px4_ros2_api_version=int register_arming_check=bool register_mode=bool '
    'register_mode_executor=bool enable_replace_internal_mode=bool activate_mode_immediately=bool',
    'RegisterExtComponentReply': 'timestamp=int request_id=int name=int*25 '
    'px4_ros2_api_version=int success=bool arming_check_id=int mode_id=int mode_executor_id=int',
    'UnregisterExtComponent': 'timestamp=int name=int*25 arming_check_id=int mode_id=int '
    'mode_executor_id=int',
    'ArmingCheckRequest': 'timestamp=int request_id=int',
    'ArmingCheckReply': 'timestamp=int request_id=int registration_id=int '
    'health_component_index=int can_arm_and_run=bool num_events=int '
    'mode_req_angular_velocity=bool mode_req_attitude=bool mode_req_local_alt=bool '
    'mode_req_local_position=bool mode_req_prevent_arming=bool mode_req_manual_control=bool',
    'VehicleControlMode': 'timestamp=int source_id=int flag_control_manual_enabled=bool '
    'flag_control_auto_enabled=bool flag_control_offboard_enabled=bool '
    'flag_control_position_enabled=bool flag_control_velocity_enabled=bool '
    'flag_control_altitude_enabled=bool flag_control_climb_rate_enabled=bool '
    'flag_control_acceleration_enabled=bool flag_control_attitude_enabled=bool '
    'flag_control_rates_enabled=bool flag_control_allocation_enabled=bool',
}
_VERSIONS = {'VehicleStatus': 1}
_KINDS = {'int': int, 'bool': bool, 'float': float}


class _StandIn:
    fields: dict

    def __init__(self, **values):
        unknown = set(values) - set(self.fields)
        assert not unknown, f'{type(self).__name__} has no {unknown}'
        for name, (kind, count) in self.fields.items():
            value = values.get(name, kind() if count == 1 else [kind()] * count)
            entries = [value] if count == 1 else list(value)
            assert len(entries) == count, (name, value)
            assert all(type(entry) is kind for entry in entries), (name, value)
            setattr(self, name, value)


def _stand_in(name, text):
    fields = {}
    for part in text.split():
        field, _, kind = part.partition('=')
        kind, _, count = kind.partition('*')
        fields[field] = (_KINDS[kind], int(count or 1))
    version = {'MESSAGE_VERSION': _VERSIONS.get(name, 0)}
    return type(name, (_StandIn,), {'fields': fields, **version, '__module__': 'px4_msgs.msg'})


def stand_ins():
    """A module that stands for `px4_msgs.msg`."""
    module = ModuleType('px4_msgs.msg')
    for name, text in _FIELDS.items():
        setattr(module, name, _stand_in(name, text))
    return module


def use_stand_ins(monkeypatch):
    """Let `px4_msgs.msg` be the stand-ins until the test ends, and return them."""
    package, module = ModuleType('px4_msgs'), stand_ins()
    package.msg = module
    monkeypatch.setitem(sys.modules, 'px4_msgs', package)
    monkeypatch.setitem(sys.modules, 'px4_msgs.msg', module)
    return module
