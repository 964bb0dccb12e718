"""A picture as a camera of any encoding sends it, and the colours that a pilot sees of it."""

import math

import numpy as np

from liquid_pilot.interfaces import CameraGeometry

TARGET = CameraGeometry.from_vertical_fov(16, 8, math.radians(60.0))
# Top left, top right, bottom left, bottom right.
COLOURS = np.array([[200, 40, 60], [30, 180, 90], [50, 70, 210], [140, 130, 20]], np.uint8)


def quadrants(width, height):
    """An RGB image of four flat colours, meeting in the middle at an even pixel."""
    rows = (np.arange(height) >= height // 4 * 2).astype(int)
    columns = (np.arange(width) >= width // 4 * 2).astype(int)
    return COLOURS[rows[:, None] * 2 + columns[None, :]]


def luma(rgb):
    return rgb @ np.array([0.299, 0.587, 0.114])


def yuv(rgb):
    """BT.601 studio swing, as written in the standard (not OpenCV's code)."""
    r, g, b = (rgb[..., i].astype(float) / 255.0 for i in range(3))
    y = 16 + 65.481 * r + 128.553 * g + 24.966 * b
    u = 128 - 37.797 * r - 74.203 * g + 112.0 * b
    v = 128 + 112.0 * r - 93.786 * g - 18.214 * b
    return tuple(np.rint(part).astype(np.uint8) for part in (y, u, v))


def pack(rgb, encoding):
    """(rows of bytes (H, row), grey?): what a camera of that encoding sends for an RGB image."""
    height, width = rgb.shape[:2]
    alpha = np.full((height, width, 1), 77, np.uint8)
    if encoding == 'rgb8':
        return rgb.reshape(height, -1)
    if encoding in ('bgr8', '8UC3'):
        return rgb[..., ::-1].reshape(height, -1)
    if encoding == 'rgba8':
        return np.concatenate([rgb, alpha], -1).reshape(height, -1)
    if encoding in ('bgra8', '8UC4'):
        return np.concatenate([rgb[..., ::-1], alpha], -1).reshape(height, -1)
    if encoding in ('mono8', '8UC1'):
        return np.rint(luma(rgb)).astype(np.uint8)
    if encoding in ('mono16', '16UC1'):
        return np.rint(luma(rgb) * 257.0).astype('<u2').view(np.uint8).reshape(height, -1)
    if encoding in ('yuv422', 'uyvy', 'yuv422_yuy2', 'yuyv'):
        y, u, v = yuv(rgb)
        chroma = u.copy()
        chroma[:, 1::2] = v[:, 1::2]
        pair = (chroma, y) if encoding in ('yuv422', 'uyvy') else (y, chroma)
        return np.stack(pair, -1).reshape(height, -1)
    if encoding in ('nv12', 'nv21'):
        y, u, v = (part[::2, ::2] if k else part for k, part in enumerate(yuv(rgb)))
        chroma = np.stack((u, v) if encoding == 'nv12' else (v, u), -1)
        chroma = chroma.reshape(len(chroma), -1)
        return np.concatenate([np.pad(y, ((0, 0), (0, width % 2))), chroma])
    assert encoding.startswith('bayer_')
    letters = encoding[len('bayer_') : len('bayer_') + 4]
    mosaic = np.zeros((height, width), np.uint8)
    for place, letter in enumerate(letters):
        row, column = divmod(place, 2)
        mosaic[row::2, column::2] = rgb[row::2, column::2, 'rgb'.index(letter)]
    return mosaic


def corners(tensor):
    """RGB of the four corner pixels, in COLOURS' order, times 255."""
    planes = tensor[0] * 255.0
    return np.array([planes[:, y, x] for y in (0, -1) for x in (0, -1)])
