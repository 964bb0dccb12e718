"""The targets of `fuzz.py` that take messages: of ROS, and of an autopilot.

An input depends on nothing but the source of randomness, so that its number brings it back.
"""

from __future__ import annotations

import math
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from fuzz_inputs import ODD_NUMBERS, Target, mutate, odd_number, odd_text
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Float32MultiArray, Float64MultiArray

from liquid_pilot.interfaces import CameraGeometry, ObservationError
from liquid_pilot.nodes.common import messages, trace_messages
from liquid_pilot.onboard.adaptation.learner_messages import trained_time_scales
from liquid_pilot.onboard.adaptation.time_scales import TimeScaleStore
from liquid_pilot.onboard.perception.camera_info import camera_from_info
from liquid_pilot.onboard.perception.compressed_image import decode_compressed
from liquid_pilot.onboard.perception.image_preprocessing import ENCODINGS, Preprocessor
from liquid_pilot.onboard.safety.preflight import PreflightRequirements, Readiness, failed_checks
from liquid_pilot.onboard.setpoints.mavlink import MavlinkLink

_CAMERA = CameraGeometry.from_vertical_fov(64, 36, math.radians(52.0))
_GRID, _NEURONS, _DIGEST = (2, 4), 12, 'd' * 64


class Images(Target):
    """sensor_msgs/Image, as the pilot prepares it."""

    documented = (ObservationError,)
    _ENCODINGS = (*ENCODINGS, '', '32FC1', 'rgb16', 'RGB8', 'jpeg', 'nv24', 'é', '\x1b[2J')

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        wide = CameraGeometry.from_vertical_fov(64, 48, math.radians(80.0))
        self._preprocessors = [Preprocessor(_CAMERA), Preprocessor(_CAMERA, wide)]

    def make(self, chance: random.Random) -> Image:
        """Return an image whose size, step and data fit together or not."""
        width, height = chance.choice(((64, 48), (64, 36), (128, 72), (256, 144), (2, 2), (3, 5)))
        if chance.random() < 0.15:
            width = chance.choice((0, 1, 2, 5, 63, 65, 640, 4096, 2**31, 2**32 - 1))
        if chance.random() < 0.15:
            height = chance.choice((0, 1, 2, 5, 63, 65, 480, 4096, 2**31, 2**32 - 1))
        name = chance.choice(self._ENCODINGS if chance.random() < 0.3 else tuple(ENCODINGS))
        encoding = ENCODINGS.get(name, ENCODINGS['rgb8'])
        step = min(encoding.row_bytes(width), 2**32 - 1)
        step = min(step + chance.choice((0, 0, 0, 0, 1, 7, 64)), 2**32 - 1)
        if chance.random() < 0.2:
            step = chance.choice((0, 1, step // 2, 2**32 - 1))
        size = step * min(encoding.row_count(height), 2**32) if min(width, height) else 0
        size += chance.choice((*[0] * 12, 1, -1, 3, -step, step, 10**6))
        size = max(0, min(size, 6_000_000))
        data = bytes(size) if chance.random() < 0.5 else bytes([chance.randrange(256)]) * size
        return Image(
            width=width,
            height=height,
            encoding=name,
            step=step,
            data=data,
            is_bigendian=chance.choice((0, 0, 0, 1, 255)),
        )

    def use(self, given: Image) -> None:
        """Unpack and prepare it for a camera that is known and for one that is not."""
        refusals = []
        for preprocess in self._preprocessors:
            try:
                made = preprocess(messages.unpack_image(given)[1])
            except ObservationError as error:
                refusals.append(error)
                continue
            assert made.shape == (1, 3, 36, 64) and 0.0 <= made.min() <= made.max() <= 1.0
        if len(refusals) == len(self._preprocessors):
            raise refusals[0]


class CameraInfos(Target):
    """sensor_msgs/CameraInfo, and the crop or rectification that follows from it."""

    documented = (ObservationError,)
    _MODELS = ('plumb_bob', 'rational_polynomial', 'equidistant', 'fisheye', 'none', '', 'x')

    def make(self, chance: random.Random) -> CameraInfo:
        """Return intrinsics, some of them possible."""
        w, h = chance.choice(((64, 48), (160, 120), (320, 240), (1280, 720)))
        if chance.random() < 0.1:
            w, h = chance.choice(((0, 0), (1, 1), (2**32 - 1, 7), (65535, 65535)))
        f = 0.4 * w
        k = [f, 0.0, w / 2, 0.0, f, h / 2, 0.0, 0.0, 1.0]
        count = chance.choice((0, 0, 0, 4, 5, 8, 12, 14, 1, 60))
        d = [odd_number(chance, 0.0) if chance.random() < 0.1 else 0.01 for _ in range(count)]
        for _ in range(chance.choice((0, 0, 1, 2))):
            k[chance.randrange(9)] = odd_number(chance, f)
        made = CameraInfo(width=w, height=h, k=k, p=[*k[:3], 0.0, *k[3:6], 0.0, *k[6:], 0.0], d=d)
        made.distortion_model = chance.choice(self._MODELS)
        if chance.random() < 0.3:
            made.binning_x, made.binning_y = chance.choice((0, 1, 2)), chance.choice((0, 1, 2))
            sizes = (0, 0, 0, 1, w // 2, h // 2, 2**32 - 1)
            for name in ('x_offset', 'y_offset', 'width', 'height'):
                setattr(made.roi, name, chance.choice(sizes))
        return made

    def use(self, given: CameraInfo) -> None:
        """Take it as the camera that flies, and prepare a frame of it."""
        camera = camera_from_info(given)
        preprocess = Preprocessor(_CAMERA, camera)
        if camera.width * camera.height <= 10**6:
            size = 3 * camera.width * camera.height
            image = messages.unpack_image(
                Image(
                    width=camera.width,
                    height=camera.height,
                    encoding='rgb8',
                    step=3 * camera.width,
                    data=bytes(size),
                )
            )[1]
            assert np.isfinite(preprocess(image)).all()


class CompressedImages(Target):
    """JPEG and PNG with damaged headers and data."""

    documented = (ObservationError,)
    _FORMATS = (
        'jpeg',
        'png',
        'rgb8; jpeg compressed bgr8',
        'bayer_rggb8; png compressed mono8',
        '',
    )

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        chance = np.random.default_rng(1)
        smooth = cv2.resize(chance.integers(0, 256, (6, 8, 3), np.uint8), (64, 48))
        deep = chance.integers(0, 65536, (48, 64), np.uint16)
        progressive = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
        self._good = [
            cv2.imencode('.jpg', smooth)[1].tobytes(),
            cv2.imencode('.jpg', smooth, progressive)[1].tobytes(),
            cv2.imencode('.jpg', smooth[..., 0])[1].tobytes(),
            cv2.imencode('.png', smooth)[1].tobytes(),
            cv2.imencode('.png', deep)[1].tobytes(),
            cv2.imencode('.png', np.dstack([smooth, smooth[..., :1]]))[1].tobytes(),
        ]

    def make(self, chance: random.Random) -> tuple[bytes, str]:
        """Return damaged data, most often in the header, and a format."""
        good = chance.choice(self._good)
        made = mutate(chance, good, 0, chance.choice((40, 200, None)))
        if good.startswith(b'\xff\xd8') and chance.random() < 0.7:
            made += b'\xff\xd9'
        return made, chance.choice(self._FORMATS)

    def use(self, given: tuple[bytes, str]) -> None:
        """Decode it."""
        image = decode_compressed(*given)
        assert np.asarray(image.data).size >= image.step * image.height


class LabelledArrays(Target):
    """The arrays between pilot and adaptation: traces and time scales."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        blocks = np.full(8, 0.1)
        trace = trace_messages.Trace(
            *(_DIGEST, 'a' * 16, 10**18, 5, 0.05, np.zeros(8), np.zeros(6), np.zeros(_NEURONS)),
            *(np.full(_NEURONS, 0.1), np.zeros(4), blocks, blocks, blocks, np.full(9, 0.1)),
            np.ones(1),
        )
        scales = trained_time_scales(4, _GRID, _NEURONS)
        self._good = [
            trace_messages.pack_trace(trace),
            trace_messages.pack_time_scales(scales, _DIGEST, 'a' * 16),
        ]

    def make(self, chance: random.Random) -> Float64MultiArray | Float32MultiArray:
        """Return a message with other labels, sizes, places and numbers."""
        good = chance.choice(self._good)
        made = type(good)()
        values = list(good.data)
        dims = [(dim.label, dim.size, dim.stride) for dim in good.layout.dim]
        for _ in range(chance.choice((1, 1, 2, 4))):
            at = chance.randrange(len(dims)) if dims else 0
            kind = chance.randrange(6)
            if kind == 0 and values:
                values[chance.randrange(len(values))] = odd_number(chance)
            elif kind == 1 and dims:
                label, size, stride = dims[at]
                size = chance.choice((0, 1, min(size + 1, 2**32 - 1), 2**31, 2**32 - 1))
                dims[at] = label, size, stride
            elif kind == 2 and dims:
                label, size, stride = dims[at]
                stride = chance.choice((0, 1, min(stride + 1, 2**32 - 1), 2**32 - 1))
                dims[at] = label, size, stride
            elif kind == 3 and dims:
                label = chance.choice((odd_text(chance), chance.choice(dims)[0]))
                dims[at] = label, *dims[at][1:]
            elif kind == 4:
                del values[chance.randrange(len(values) + 1) :]
            elif dims:
                del dims[at]
        if isinstance(made, Float32MultiArray):
            values = [v if abs(v) < 3e38 or not math.isfinite(v) else math.inf for v in values]
        made.data = values
        for label, size, stride in dims:
            dim = type(good.layout.dim[0])(label=_encodable(label), size=size, stride=stride)
            made.layout.dim.append(dim)
        return made

    def use(self, given: Float64MultiArray | Float32MultiArray) -> None:
        """Receive it as the adaptation node or the pilot does."""
        if isinstance(given, Float64MultiArray):
            trace = trace_messages.unpack_trace(given, _DIGEST)
            trace_messages.learner_input_from(trace).validated(_GRID)
            return
        _, update = trace_messages.unpack_time_scales(given, _DIGEST)
        store = TimeScaleStore(_GRID, _NEURONS)
        store.accept(update, 6)
        scales = store.scales(6, 0.05)
        for part in (scales.temporal_filter, *(scales.core or ())):
            assert part is None or (np.isfinite(part).all() and np.abs(part).max() < 10.0)


class Diagnostics(Target):
    """/diagnostics of others, as the guard reads it before it engages."""

    documented = ()
    _KEYS = ('state', 'instance', *Readiness._fields)

    def make(self, chance: random.Random) -> DiagnosticArray:
        """Return statuses of any texts."""
        made = DiagnosticArray()
        for _ in range(chance.randrange(4)):
            texts = [_encodable(odd_text(chance)) for _ in range(3)]
            numbers = (*map(str, ODD_NUMBERS), '20', '0.01', _encodable(odd_text(chance)))
            values = [
                KeyValue(key=chance.choice((*self._KEYS, texts[0])), value=chance.choice(numbers))
                for _ in range(chance.randrange(8))
            ]
            level = bytes([chance.choice((0, 1, 2, 3, 255))])
            made.status.append(
                DiagnosticStatus(
                    level=level,
                    name=texts[0],
                    message=texts[1],
                    hardware_id=texts[2],
                    values=values,
                )
            )
        return made

    def use(self, given: DiagnosticArray) -> None:
        """Check a pilot that reports this."""
        for status in messages.unpack_diagnostics(given):
            readiness = Readiness.from_values('flying', status.message, status.values)
            assert isinstance(failed_checks(readiness, None, PreflightRequirements()), list)


class Mavlink(Target):
    """Bytes that reach the MAVLink port, from one sender or several."""

    documented = ()

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        os.environ.setdefault('MAVLINK20', '1')
        from pymavlink.dialects.v20 import ardupilotmega as dialect

        self._dialect = dialect
        mav = dialect.MAVLink(None, srcSystem=1, srcComponent=1)
        heartbeat = dialect.MAVLink_heartbeat_message(2, 12, 1, 6 << 16, 4, 3)
        self._heartbeat = heartbeat.pack(mav)
        self._good = [
            self._heartbeat,
            heartbeat.pack(mav, force_mavlink1=True),
            *(
                message.pack(mav)
                for message in (
                    dialect.MAVLink_heartbeat_message(2, 3, 129, 4, 4, 3),
                    dialect.MAVLink_highres_imu_message(1, *[0.5] * 6, *[0] * 7, 63),
                    dialect.MAVLink_raw_imu_message(1, *[100] * 6, 0, 0, 0),
                    dialect.MAVLink_attitude_quaternion_message(1, 1.0, *[0.1] * 6),
                    dialect.MAVLink_local_position_ned_message(1, *[1.0] * 6),
                    dialect.MAVLink_estimator_status_message(0, 7, *[0.0] * 8),
                    dialect.MAVLink_statustext_message(6, b'text'),
                )
            ),
        ]

    def make(self, chance: random.Random) -> tuple[list[tuple[bytes, tuple[str, int]]], bool]:
        """Return datagrams with their senders, and whether the link has a key."""
        senders = [('127.0.0.1', 1000 + k) for k in range(chance.choice((1, 1, 2, 30)))]
        sent = [(self._heartbeat, senders[0])] if chance.random() < 0.7 else []
        for _ in range(chance.randrange(1, 5)):
            data = chance.choice(self._good)
            kind = chance.randrange(4)
            if kind == 0:
                data = chance.randbytes(chance.choice((1, 12, 60, 280)))
            elif kind == 1:
                data = mutate(chance, data)
            elif kind == 2:
                data = self._reworded(chance)
            sent.append((data, chance.choice(senders)))
        return sent, chance.random() < 0.2

    def _reworded(self, chance: random.Random) -> bytes:
        """Return a message with a right checksum and any content."""
        mav = self._dialect.MAVLink(None, srcSystem=chance.choice((0, 1, 255)), srcComponent=1)
        f = [odd_number(chance) if abs(v) < 3e38 else math.inf for v in [1.0] * 6]
        f = [v if abs(v) < 3e38 or not math.isfinite(v) else math.inf for v in f]
        make = self._dialect
        message = chance.choice(
            (
                make.MAVLink_highres_imu_message(0, *f, *[0] * 7, 63),
                make.MAVLink_attitude_quaternion_message(2**32 - 1, *f, 0.0),
                make.MAVLink_local_position_ned_message(0, *f),
                make.MAVLink_heartbeat_message(
                    *(chance.choice((0, 2, 255)), chance.choice((0, 3, 12, 255)), 255),
                    *(chance.choice((0, 4, 2**32 - 1)), 255, 255),
                ),
            )
        )
        return bytes(message.pack(mav))

    def use(self, given: tuple[list[tuple[bytes, tuple[str, int]]], bool]) -> None:
        """Let a link receive them, and ask it for its state."""
        sent, signed = given
        link = MavlinkLink(_Datagrams(sent), self._dialect, b'k' * 32 if signed else None)
        link.poll(10.0)
        link.status(10.1)
        link.heartbeat()


class _Datagrams:
    """A transport that has received what it is given."""

    def __init__(self, sent: list[tuple[bytes, tuple[str, int]]]) -> None:
        self._sent, self.peer = sent, None

    def choose(self, sender: Any) -> None:
        self.peer = sender

    def consider(self, sender: Any) -> None:
        pass

    def received(self) -> Iterator[tuple[bytes, tuple[str, int]]]:
        yield from self._sent

    def write(self, data: bytes) -> None:
        assert len(data) < 300

    def close(self) -> None:
        pass


def _encodable(text: str) -> str:
    """Return a text that a message can hold: without NUL, which ends a string in C."""
    return text.replace('\x00', '')
