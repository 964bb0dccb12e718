"""Who has the vehicle, as a pilot hears of it from the guard: real nodes, over DDS."""

import math
import time

import pytest
from flight_rig import Rig
from std_msgs.msg import Bool, Float64MultiArray

from liquid_pilot.nodes.common import qos, trace_messages
from liquid_pilot.nodes.common.pilot_parameters import PilotParameters
from liquid_pilot.nodes.common.sensors.sensor_checks import SensorChecks
from liquid_pilot.onboard.adaptation.frontend_settings import FrontendSettings
from liquid_pilot.onboard.inference.trace import GATE_FIELDS
from liquid_pilot.onboard.safety.guard import DISENGAGED, ENGAGED, OVERRIDDEN, SAFE, STOPPED

REPORT_S = 3.0
"""Time that the pilot believes a report of the guard."""


@pytest.mark.parametrize(
    ('state', 'has_authority'),
    [
        (ENGAGED, True),
        (SAFE, True),
        (STOPPED, False),
        (DISENGAGED, False),
        (OVERRIDDEN, False),
    ],
)
def test_the_guard_says_who_has_the_vehicle_and_silence_says_the_pilot(state, has_authority):
    for parameters in (PilotParameters(), PilotParameters(check_sensors=False)):
        checks = SensorChecks(parameters)
        assert checks.pilot_has_authority(0.0)
        checks.on_guard({'state': state}, 1.0)
        assert checks.pilot_has_authority(1.0 + 0.9 * REPORT_S) is has_authority
        assert checks.pilot_has_authority(1.1 + REPORT_S)


class PatientRig(Rig):
    """A rig whose nodes wait for a machine that is busy."""

    def start_guard(self):
        return self.start_node(
            'guard', self.folder / 'guard.log', command_timeout_s=10.0, preflight=False
        )

    def until(self, condition, limit_s=60.0):
        end_s = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < end_s, self.pilot.output + self.guard.output
            self.fly(0.1)


@pytest.mark.slow
def test_a_pilot_waits_until_the_guard_is_engaged_and_when_it_is_overridden(
    ros, start_node, adaptive_pilot, tmp_path
):
    rig = PatientRig(
        start_node,
        adaptive_pilot,
        tmp_path,
        imu_timeout_s=5.0,
        check_sensors=False,
        adaptation=True,
        reject_novel_frames=False,
        slow_core_on_novelty=False,
        slow_core_while_held=True,
        scene_change_threshold=100.0,
        settling_time_s=0.1,
    )
    scales = []

    def on_trace(message):
        gate = trace_messages.unpack_trace(message).gate
        scales.append(dict(zip(GATE_FIELDS, gate, strict=True))['log_core_time_scale'])

    slow = math.log(FrontendSettings().core_time_scale_while_held)
    rig.node.create_subscription(Float64MultiArray, 'pilot/trace', on_trace, qos.TRACE)
    try:
        rig.until(lambda: scales and scales[-1] == slow)
        rig.until(lambda: rig.engage().success)
        rig.until(lambda: scales[-1] == 0.0)
        rig.override.publish(Bool(data=True))
        rig.until(lambda: scales[-1] == slow)
        rig.override.publish(Bool(data=False))
        rig.until(lambda: rig.engage().success)
        rig.until(lambda: scales[-1] == 0.0)
    finally:
        rig.end()
