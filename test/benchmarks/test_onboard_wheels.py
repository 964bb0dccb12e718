"""The packages that a robot installs are read from setup.py, and weighed."""

import importlib.util
import zipfile
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / 'benchmarks' / 'onboard_wheels.py'


@pytest.fixture
def wheels():
    spec = importlib.util.spec_from_file_location('onboard_wheels', SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_requirements_are_those_of_the_package(wheels):
    plain, mavlink = wheels.requirements(''), wheels.requirements('mavlink')
    assert any(text.startswith('onnxruntime') for text in plain)
    assert not any(text.startswith(('torch', 'mujoco', 'ros-', 'pymavlink')) for text in plain)
    assert [text for text in mavlink if text not in plain] == [
        text for text in mavlink if text.startswith(('pymavlink', 'pyserial'))
    ]
    for name in wheels.CONSTRAINTS.values():
        assert (SCRIPT.parent.parent / name).is_file()


def test_wheels_are_weighed_packed_and_unpacked(wheels, tmp_path):
    with zipfile.ZipFile(
        tmp_path / 'some_thing-1.2-py3-none-any.whl', 'w', zipfile.ZIP_DEFLATED
    ) as wheel:
        wheel.writestr('some_thing.py', b'#' * 2_000_000)
    found = wheels.weigh(tmp_path)
    assert found['versions'] == {'some_thing': '1.2'}
    assert found['installed_mb'] == 2.0 and found['download_mb'] == 0.0


def test_what_cannot_be_resolved_ends_with_an_error(wheels, monkeypatch, capsys):
    monkeypatch.setattr(wheels, 'requirements', lambda extra: ['liquid-pilot-has-no-such-wheel'])
    monkeypatch.setenv('PIP_NO_INDEX', '1')
    assert wheels.main(['--python', '3.12']) == 1
    assert 'cannot be resolved' in capsys.readouterr().err
