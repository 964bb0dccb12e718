"""The distortion models of sensor_msgs/CameraInfo: their names, and their coefficients.

The names of ROS are those of sensor_msgs/distortion_models.hpp. Calibration tools and drivers use
others for the same equations of OpenCV, and some append zeros to the coefficients.
"""

from __future__ import annotations

from collections.abc import Sequence

EQUIDISTANT = 'equidistant'
"""The fisheye model of OpenCV and Kannala and Brandt: an angle from the axis goes to a radius.

With zero coefficients the radius is proportional to the angle: it is never a pinhole.
"""
DISTORTION_MODELS: dict[str, tuple[int, ...]] = {
    'plumb_bob': (4, 5),
    'rational_polynomial': (8, 12, 14),
    EQUIDISTANT: (4,),
}
"""Numbers of coefficients that each distortion model may have."""
_UNDISTORTED = ('', 'none')
"""Names that claim no distortion."""
_OTHER_NAMES = {
    'radtan': 'plumb_bob',
    'radial_tangential': 'plumb_bob',
    'brown_conrady': 'plumb_bob',
    'rational': 'rational_polynomial',
    'thin_prism': 'rational_polynomial',
    'fisheye': EQUIDISTANT,
    'opencv_fisheye': EQUIDISTANT,
    'equi': EQUIDISTANT,
    'kannala_brandt': EQUIDISTANT,
    'kannala_brandt4': EQUIDISTANT,
}
"""Names of the same equations elsewhere, in lower case and with underscores."""


def normalise(model: str, coefficients: Sequence[float]) -> tuple[str, tuple[float, ...]]:
    """Return a distortion model by its name in ROS, without zeros that are none of its own.

    Args:
        model: the name of the message.
        coefficients: its coefficients.

    Returns:
        The name and the coefficients; of an unknown model as they are.
    """
    name = model.strip().lower().replace('-', '_').replace(' ', '_')
    name = _OTHER_NAMES.get(name, name)
    values = tuple(float(value) for value in coefficients)
    counts = DISTORTION_MODELS.get(name)
    if counts is None:
        return model, values
    fitting = max(counts)
    if len(values) > fitting and not any(values[fitting:]):
        values = values[:fitting]
    return name, values


def is_pinhole(model: str, coefficients: Sequence[float]) -> bool:
    """Return whether a camera has no distortion.

    An unknown model never counts as one, whatever its coefficients are.

    Args:
        model: name of the model, as `normalise` returns it.
        coefficients: its coefficients.
    """
    if any(coefficients):
        return False
    return model.strip().lower() in _UNDISTORTED or (
        model in DISTORTION_MODELS and model != EQUIDISTANT
    )
