"""Recordings with traces: what a small pilot did over two short flights, as a bag."""

import numpy as np
import pytest
from bag_makers import START_NS, BagWriter, header, message

from liquid_pilot.interfaces import CameraGeometry, ImageBuffer, ImuSample, Observation
from liquid_pilot.onboard.inference.engine import Engine
from liquid_pilot.onboard.inference.trace import TRACE_SCHEMA, make_trace

TICKS = 8
ARRAYS = ('features', 'imu', 'state', 'tau', 'command')


def fly(flown, walk, start_ns, count=TICKS):
    """Return observations, preprocessed pictures and traces of a few ticks."""
    seen = []
    camera = CameraGeometry.from_vertical_fov(128, 72, flown.specification.camera.vertical_fov_rad)
    engine = Engine(flown, camera, watch_picture=lambda picture: seen.append(picture[0].copy()))
    state, traces, images = engine.initial_state(), [], []
    for number in range(count):
        stamp_ns = start_ns + number * 50_000_000
        image = ImageBuffer(walk(number).tobytes(), 128, 72, 384, 'rgb8')
        imu = (ImuSample(stamp_ns, (0.1 * number, 0.0, 0.3), (0.2, 0.1, 9.7)),)
        tick = engine.tick(state, Observation(stamp_ns, image, imu))
        state = tick.state
        traces.append(make_trace(engine, tick, f'flight {start_ns}', number + 1, None))
        images.append(image)
    return images, seen, traces


def write_trace(writer, trace, topic='/pilot/trace'):
    seconds, nanoseconds = divmod(trace.stamp_ns, 10**9)
    sections = [
        ('stamp_sec', [seconds]),
        ('stamp_nanosec', [nanoseconds]),
        ('sequence', [trace.sequence]),
        ('dt', [trace.dt_s]),
        *((name, getattr(trace, name)) for name in ARRAYS),
    ]
    name, version = TRACE_SCHEMA
    labels = [(name, version, 0), (f'pilot:{trace.digest}', 0, 0), (f'flight:{trace.flight}', 0, 0)]
    start = 0
    for label, values in sections:
        labels.append((label, len(values), start))
        start += len(values)
    dim = [
        message('std_msgs/msg/MultiArrayDimension', label=label, size=size, stride=stride)
        for label, size, stride in labels
    ]
    layout = message('std_msgs/msg/MultiArrayLayout', dim=dim, data_offset=0)
    data = np.concatenate([np.asarray(values, np.float64) for _, values in sections])
    kind = 'std_msgs/msg/Float64MultiArray'
    writer.add(topic, kind, trace.stamp_ns, layout=layout, data=data)


def write_image(writer, image, stamp_ns):
    writer.add(
        '/camera/image_raw',
        'sensor_msgs/msg/Image',
        stamp_ns,
        header=header(stamp_ns),
        width=image.width,
        height=image.height,
        step=image.step,
        encoding=image.encoding,
        data=np.frombuffer(image.data, np.uint8),
    )


@pytest.fixture
def recorded(pilot, walk, tmp_path):
    """A recording of two flights, and what was flown in each."""
    writer, flights = BagWriter(tmp_path / 'flight.mcap'), []
    for start_ns in (START_NS, START_NS + 60 * 10**9):
        images, seen, traces = fly(pilot, walk, start_ns)
        for image, trace in zip(images, traces, strict=True):
            write_image(writer, image, trace.stamp_ns)
            write_trace(writer, trace)
        flights.append((seen, traces))
    writer.close()
    return tmp_path / 'flight.mcap', flights
