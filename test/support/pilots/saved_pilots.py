"""A pilot that tests save, changes to its files, and the one-line errors that refuse them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from liquid_pilot import pilot_file
from liquid_pilot.interfaces import CameraGeometry, LiquidPilotError, VehicleLimits
from liquid_pilot.liquid import wiring
from liquid_pilot.onboard.inference.engine import Engine
from liquid_pilot.pilot_file import PilotSpecification

NET = wiring.ncp(14, 6, 5, 4, 3, 2, 4, 2, seed=11)
ENCODER = b'\x08\x0a\x3a\x06\x12\x04none'  # an ONNX model with a graph named 'none', of no nodes
OTHER_ENCODER = ENCODER.replace(b'none', b'mine')
SPECIFICATION = PilotSpecification(
    name='test-ltc',
    vehicle='quadrotor',
    rate_hz=20.0,
    dt_min_s=0.005,
    dt_max_s=0.5,
    camera=CameraGeometry.from_vertical_fov(128, 72, 1.0),
    core={'type': 'ltc', 'unfolds': 6, 'wiring': NET.to_dict()},
    features=8,
    imu_mean=(0.0, 0.1, 0.0, 0.0, 0.0, 9.8),
    imu_scale=(1.0, 1.0, 1.0, 2.0, 2.0, 2.0),
    command_scale=(2.5, 1.5, 1.0, 1.5),
    limits=VehicleLimits((2.5, 1.5, 1.0, 1.5), (8.0, 8.0, 8.0, 10.0)),
    card={'seeds': [1, 2], 'command': 'liquid-pilot train', 'note': 'überall'},
)
FILES = ('pilot.json', 'core.safetensors', 'encoder.onnx')


def edit_json(folder: Path, change) -> None:
    """Change the content of pilot.json in place by a function of it."""
    file = folder / 'pilot.json'
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def put_file(folder: Path, name: str, data: bytes) -> None:
    """Replace a file and its hash, so that only the content is wrong."""
    (folder / name).write_bytes(data)
    if name != 'pilot.json':
        content = json.loads((folder / 'pilot.json').read_bytes())
        content['sha256'][name] = hashlib.sha256(data).hexdigest()
        (folder / 'pilot.json').write_text(json.dumps(content))


def assert_load_refused(folder: Path, *parts: str) -> None:
    """Assert that loading fails with one line that holds these parts."""
    with pytest.raises(LiquidPilotError) as caught:
        pilot_file.load(folder)
    message = str(caught.value)
    assert '\n' not in message
    for part in parts:
        assert part in message, message


def fly(folder):
    """Load a pilot and make one tick."""
    engine = Engine(pilot_file.load(folder))
    engine.warm_up()


def assert_flight_refused(folder, name, *parts):
    """Assert that loading or the first tick fails with one line that names the file."""
    with pytest.raises(LiquidPilotError) as caught:
        fly(folder)
    assert_one_line(str(caught.value), name)
    for part in parts:
        assert part in str(caught.value), str(caught.value)
    return str(caught.value)


def assert_one_line(message, name):
    """Assert that an error message is one short line that names the file."""
    assert name in message, message
    assert len(message.splitlines()) == 1 and len(message) < 1200, message
