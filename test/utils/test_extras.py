"""Optional modules: which are missing, and how they are installed here."""

import re
import sys

import pytest
from repository_files import repository_files

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.utils import extras


def test_what_is_there_is_no_matter_and_what_is_missing_is_named():
    extras.require_modules(('numpy', 'json'), 'x')
    with pytest.raises(LiquidPilotError) as error:
        extras.require_modules(('numpy', 'no_one', 'no_two'), 'training', by_run=False)
    assert str(error.value) == (
        f'training needs no_one and no_two, which are not installed; {sys.executable} -m pip '
        'install no_one no_two'
    )


def test_nothing_is_advised_that_cannot_work(monkeypatch, tmp_path):
    pip = f'{sys.executable} -m pip install '
    assert extras.install_advice('serial', by_run=False) == pip + 'pyserial'
    assert 'source ROS 2' in extras.install_advice('rclpy')
    assert 'ros-$ROS_DISTRO-ackermann-msgs' in extras.install_advice('ackermann_msgs')
    for name in ('px4_msgs', 'crazyflie_interfaces', 'ardupilot_msgs'):
        advice = extras.install_advice(name)
        assert 'apt install' not in advice and f'--packages-up-to {name}' in advice
    # A system's Python that refuses pip (PEP 668).
    monkeypatch.setattr(sys, 'prefix', str(tmp_path))
    monkeypatch.setattr(sys, 'base_prefix', str(tmp_path))
    monkeypatch.setattr(extras.sysconfig, 'get_path', lambda name: str(tmp_path))
    assert extras.install_advice('pymavlink', 'serial') == pip + 'pymavlink pyserial'
    (tmp_path / 'EXTERNALLY-MANAGED').touch()
    advice = extras.install_advice('pymavlink', 'serial')
    python = extras.Path(sys.executable).name
    venv = '~/liquid_pilot_venv'
    assert advice == (
        f'this Python refuses pip (PEP 668): {python} -m venv --system-site-packages {venv} && '
        f'{venv}/bin/python -m pip install pymavlink pyserial, then `source {venv}/bin/activate` '
        'in each terminal before the command'
    )


def test_torch_comes_without_cuda():
    pip = f'{sys.executable} -m pip install '
    for_cpu = f'{pip}torch --index-url https://download.pytorch.org/whl/cpu'
    assert extras.install_advice('torch', by_run=False) == for_cpu
    advice = extras.install_advice('torch', 'onnx', by_run=False)
    assert advice == f'{for_cpu} && {pip}onnx'


def test_no_message_and_no_page_advises_an_install_that_cannot_work():
    """The package is on no index, and a bare torch is gigabytes: neither is advised anywhere."""
    found = {
        f'{path}:{number}': line.strip()
        for path in repository_files()
        if path.suffix in ('.py', '.md', '.toml', '.yaml', '.txt', '')
        and path.name != 'LICENSE'
        and path.parts[0] != 'test'
        for number, line in enumerate(read(path), 1)
        if re.search(r'pip3? install[^#|]*\bliquid[_-]pilot\b(?!_venv)', line)
        or re.search(r'pip3? install (?!.*(index-url|==|-e ))[^#|]*\btorch\b', line)
    }
    assert found == {}


def read(path):
    """The lines of a text file; none of another one."""
    try:
        return (extras.Path(__file__).resolve().parents[2] / path).read_text().splitlines()
    except UnicodeDecodeError:
        return []


def test_in_a_checkout_its_script_installs(monkeypatch):
    checkout = extras.Path(extras.__file__).resolve().parents[2]
    monkeypatch.setattr(sys, 'prefix', str(checkout / '.venv'))
    advice = extras.install_advice('torch')
    assert advice == f'start the command by {checkout / "run"}, which installs what it needs'
