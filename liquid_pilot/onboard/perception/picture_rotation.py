"""How fast a camera turns, from two pictures in a row.

Corners of the first picture are followed into the second one (B. Lucas and T. Kanade, 'An iterative
image registration technique', IJCAI 1981; J. Shi and C. Tomasi, 'Good features to track', CVPR
1994). A turn w of the camera, in rad, moves a point (x, y) of the picture plane at distance one by

    u = [x y, -(1 + x^2), y; 1 + y^2, -x y, -x] w

in optical axes (H. C. Longuet-Higgins and K. Prazdny, 'The interpretation of a moving retinal
image', 1980), wherever the point is. What else moves points, the flight and what moves by itself,
is taken for noise: w is fitted with weights that fall with the error (Cauchy).
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import CameraGeometry

Float64Array = npt.NDArray[np.float64]
MIN_POINTS = 12
"""Fewer points than these say nothing."""
_MAX_POINTS = 60
_QUALITY = 0.01
"""Least quality of a corner, as a share of the best one."""
_DISTANCE = 5
"""Least distance of two corners, pixels."""
_WINDOW = (11, 11)
_LEVELS = 2
_SCALE = 0.006
"""Error of a point at which it counts half, in units of the distance of the picture plane."""
_ITERATIONS = 8
_MIN_WEIGHT = 0.3
"""Least mean weight of the points of a fit that is used."""


class PictureRotation:
    """Measures the turn of a camera from picture to picture.

    Args:
        camera: geometry of the pictures.
    """

    def __init__(self, camera: CameraGeometry) -> None:
        self._focal = np.array([camera.fx, camera.fy])
        # A pixel is at its centre; positions of the geometry count from its corner.
        self._centre = np.array([camera.cx - 0.5, camera.cy - 0.5])
        self.forget()

    def forget(self) -> None:
        """Expect a picture that does not follow the last one."""
        self._before: npt.NDArray[np.uint8] | None = None
        self._now: npt.NDArray[np.uint8] | None = None

    def add_picture(self, picture: npt.NDArray[np.float32]) -> None:
        """Take the next picture; this is quick.

        Args:
            picture: (1, 3, H, W) in [0, 1]; it is copied.
        """
        self._before = self._now
        grey = 255.0 * picture[0].mean(axis=0)
        self._now = np.nan_to_num(np.clip(grey, 0.0, 255.0)).astype(np.uint8)

    def turn_rad(self) -> Float64Array | None:
        """Return the turn of the camera between the last two pictures.

        Returns:
            (3,) rotation vector in optical axes (x to the right, y down, z ahead), rad; None where
            the pictures do not tell.
        """
        if self._before is None or self._now is None:
            return None
        corners = cv2.goodFeaturesToTrack(self._before, _MAX_POINTS, _QUALITY, _DISTANCE)
        if corners is None or len(corners) < MIN_POINTS:
            return None
        first = np.asarray(corners, np.float32)
        moved, found, _ = cv2.calcOpticalFlowPyrLK(
            self._before, self._now, first, first.copy(), winSize=_WINDOW, maxLevel=_LEVELS
        )
        known = found.ravel() == 1
        if np.count_nonzero(known) < MIN_POINTS:
            return None
        before, now = (
            (points[known, 0].astype(np.float64) - self._centre) / self._focal
            for points in (first, moved)
        )
        return fitted_turn(0.5 * (before + now), now - before)


def fitted_turn(points: Float64Array, flow: Float64Array) -> Float64Array | None:
    """Return the turn that moves points of a picture.

    >>> points = np.random.default_rng(0).uniform(-0.5, 0.5, (40, 2))
    >>> turn = np.array([0.01, -0.02, 0.03])
    >>> flow = np.einsum('nij,j->ni', flow_of_turns(points), turn)
    >>> fitted_turn(points, flow).round(6)
    array([ 0.01, -0.02,  0.03])

    Args:
        points: (N, 2) points on the picture plane at distance one.
        flow: (N, 2) by how much each has moved.

    Returns:
        (3,) rotation vector in optical axes, rad; None where no turn moves them so.
    """
    moves = flow_of_turns(points)
    weights, turn = np.ones(len(points)), np.zeros(3)
    for _ in range(_ITERATIONS):
        weighted = moves * weights[:, None, None]
        information = np.einsum('nij,nik->jk', weighted, moves) + 1e-9 * np.eye(3)
        turn = np.linalg.solve(information, np.einsum('nij,ni->j', weighted, flow))
        error = np.linalg.norm(flow - moves @ turn, axis=1)
        weights = 1.0 / (1.0 + (error / _SCALE) ** 2)
    # Written so that NaN is refused too.
    return turn if weights.mean() >= _MIN_WEIGHT else None


def flow_of_turns(points: Float64Array) -> Float64Array:
    """Return by how much a turn about each optical axis moves points, (N, 2, 3)."""
    x, y = points.T
    zero_order = [[x * y, -(1.0 + x * x), y], [1.0 + y * y, -x * y, -x]]
    moves: Float64Array = np.moveaxis(np.array(zero_order), 2, 0)
    return moves
