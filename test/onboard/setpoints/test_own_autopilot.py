"""The autopilot of docs/how_to/own_autopilot.md: its setpoints arrive, and its faults are named."""

import socket

import page_package
import pytest

from liquid_pilot.interfaces import Command, LiquidPilotError, ObservationError
from liquid_pilot.nodes.launch.flight_options import FlyOptions
from liquid_pilot.nodes.launch.hardware_options import HardwareOptions
from liquid_pilot.onboard.setpoints.adapter import StatefulAdapter
from liquid_pilot.onboard.setpoints.registry import ADAPTERS, make_adapter

FILES = page_package.files_of('own_autopilot.md')
COMMAND = Command(5, 1.0, 0.0, 0.0, 0.4)


@pytest.fixture
def bases(tmp_path):
    with page_package.installed(FILES, tmp_path / 'installed'):
        yield


def changed(folder, before, after):
    """Install the page's package with other code."""
    assert before in FILES['my_bases.py']
    return page_package.installed(
        {**FILES, 'my_bases.py': FILES['my_bases.py'].replace(before, after)}, folder
    )


def test_it_is_an_adapter_like_any_other(bases):
    assert 'mule' in ADAPTERS and ADAPTERS['mule'].description.startswith('track speeds')
    adapter = make_adapter('mule')
    assert (adapter.name, adapter.needs_odometry) == ('mule', False)
    assert tuple(adapter.convert(COMMAND, None)) == pytest.approx((5, 0.88, 1.12))
    options = FlyOptions(vehicle='rover', simulator='none', adapter='mule')
    assert options.resolved_adapter == 'mule'
    assert HardwareOptions(vehicle='rover', autopilot='mule').adapter == 'mule'
    with pytest.raises(LiquidPilotError, match='attitude'):
        HardwareOptions(vehicle='rover', autopilot='mule', attitude=True)
    with pytest.raises(LiquidPilotError, match='mule'):
        make_adapter('donkey')
    with pytest.raises(LiquidPilotError, match='mule'):
        FlyOptions(vehicle='rover', adapter='mule')  # the simulated rover does not take it


def test_its_output_sends_what_the_adapter_makes(bases, monkeypatch):
    pytest.importorskip('rclpy')
    from liquid_pilot.nodes.outputs.base import OutputParameters
    from liquid_pilot.nodes.outputs.registry import make_output

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mule:
        mule.bind(('127.0.0.1', 0))
        mule.settimeout(5.0)
        monkeypatch.setenv('MULE_ADDRESS', f'127.0.0.1:{mule.getsockname()[1]}')
        output = make_output('mule', None, OutputParameters())
        output.send(make_adapter('mule').convert(COMMAND, None))
        assert mule.recv(100) == b'0.880 1.120\n'
        assert output.status is None
        output.on_decision()
        output.flush(1)


def test_an_adapter_that_fails_sends_nothing_and_names_its_package(tmp_path):
    with changed(tmp_path, '0.5 * TRACK', '0.5 / 0 * TRACK'):
        said = (
            r"^convert of the adapter 'mule' of the package my_bases 1.0 failed: "
            r'ZeroDivisionError: .*, at .*my_bases.py:\d+$'
        )
        with pytest.raises(ObservationError, match=said):
            make_adapter('mule').convert(COMMAND, None)


class Log:
    """A node that keeps what is logged."""

    def __init__(self):
        self.lines = []

    def get_logger(self):
        return self

    def error(self, text, throttle_duration_sec):
        self.lines.append(text)


def test_a_reset_reaches_the_adapter_and_its_failure_sends_nothing(tmp_path):
    before = 'class MuleAdapter:\n'
    for code, words in (('self.name = "was reset"', None), ('1 / 0', 'reset of the adapter')):
        reset = f'    def reset(self):\n        {code}\n\n'
        with changed(tmp_path / code[0], before, before + reset):
            adapter = make_adapter('mule')
            assert isinstance(adapter, StatefulAdapter)
            adapter.reset()
            if words is None:
                assert adapter._adapter.name == 'was reset'
                assert adapter.convert(COMMAND, None).stamp_ns == 5
            else:
                with pytest.raises(ObservationError, match=words):
                    adapter.convert(COMMAND, None)


def test_a_reset_of_an_adapter_without_state_does_nothing(bases):
    adapter = make_adapter('mule')
    adapter.reset()
    assert adapter.convert(COMMAND, None).stamp_ns == 5


def test_an_output_that_fails_does_not_end_the_guard(tmp_path):
    pytest.importorskip('rclpy')
    from liquid_pilot.nodes.outputs.base import OutputParameters
    from liquid_pilot.nodes.outputs.registry import make_output

    log = Log()
    broken = ('status = None', 'status = property(lambda self: self.armed)')
    with changed(tmp_path, *broken):
        output = make_output('mule', log, OutputParameters())
        assert output.status.connected is False, 'nothing is sent to a vehicle in an unknown state'
        with pytest.raises(LiquidPilotError, match=r"^send of the adapter 'mule' of the pack"):
            output.send('no setpoint')
    assert len(log.lines) == 1 and "'MuleOutput' object has no attribute 'armed'" in log.lines[0]


BROKEN = {
    'does not import': ('import socket', 'import sockets', 'my_bases cannot be imported'),
    'no spec': ('MULE = lp', 'make = lp', "my_bases has no 'MULE'; correct the entry point"),
    'no convert': ('def convert', 'def turn', "the MuleAdapter that it makes has no 'convert'"),
    'a typo in the spec': ('make_output=', 'make_outputs=', 'my_bases cannot be imported .TypeErr'),
}


@pytest.mark.parametrize(('before', 'after', 'words'), BROKEN.values(), ids=BROKEN)
def test_one_that_is_broken_names_its_package(tmp_path, before, after, words):
    start = "^the adapter 'mule' of the package my_bases 1.0 cannot be used: "
    with changed(tmp_path, before, after), pytest.raises(LiquidPilotError, match=start + words):
        make_adapter('mule')


@pytest.mark.parametrize(
    ('before', 'after', 'words'),
    [
        ('def flush', 'def drain', "the MuleOutput that it makes has no 'flush'; docs/how_to/own"),
        ('    make_output=make_output,\n', '', 'its AdapterSpec has no make_output; docs/how_to/'),
        ("'127.0.0.1:5005'", "'nowhere'", r'it failed to start \(ValueError: .*my_bases.py:\d+\)'),
    ],
)
def test_an_output_that_is_broken_names_its_package(tmp_path, before, after, words):
    pytest.importorskip('rclpy')
    from liquid_pilot.nodes.outputs.base import OutputParameters
    from liquid_pilot.nodes.outputs.registry import make_output

    start = "^the adapter 'mule' of the package my_bases 1.0 cannot be used: "
    with changed(tmp_path, before, after), pytest.raises(LiquidPilotError, match=start + words):
        make_output('mule', None, OutputParameters())
