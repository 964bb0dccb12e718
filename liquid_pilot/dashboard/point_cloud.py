"""Reads the points of a sensor_msgs/PointCloud2, unpacked by any library."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_FLOAT32 = 7
"""Value of `datatype` for float32."""
_AXES = ('x', 'y', 'z')


def cloud_points(message: Any) -> npt.NDArray[np.float64]:
    """Return the (n, 3) points of a cloud that has x, y and z as float32; of another one none.

    Args:
        message: the message.
    """
    offsets = {
        field.name: int(field.offset) for field in message.fields if field.datatype == _FLOAT32
    }
    step = int(message.point_step)
    if message.is_bigendian or not all(
        axis in offsets and 0 <= offsets[axis] <= step - 4 for axis in _AXES
    ):
        return np.empty((0, 3))
    data = np.frombuffer(bytes(message.data), np.uint8)
    count = min(int(message.width) * int(message.height), data.size // step)
    table = data[: count * step].reshape(count, step)
    columns = [
        table[:, offsets[axis] : offsets[axis] + 4].copy().view('<f4')[:, 0] for axis in _AXES
    ]
    points = np.stack(columns, axis=1).astype(np.float64)
    return points[np.isfinite(points).all(axis=1)]
