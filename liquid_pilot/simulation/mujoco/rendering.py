"""Offscreen rendering for MuJoCo, with the selection of an OpenGL backend that the machine has.

Import this module before `mujoco`: MuJoCo reads the environment variable MUJOCO_GL once, when it
is imported. A value that the user has set is not changed.
"""

from __future__ import annotations

import atexit
import ctypes.util
import math
import os
import threading
import time

import numpy as np
import numpy.typing as npt

from liquid_pilot.interfaces import LiquidPilotError
from liquid_pilot.simulation.mujoco.mjcf import HIDDEN_GEOM_GROUP
from liquid_pilot.utils.extras import install_advice

APT_PACKAGES = 'libegl1 libgl1-mesa-dri'
INSTALL_HINT = (
    'MuJoCo needs an OpenGL library to render the camera. Install one with '
    f'`sudo apt-get install {APT_PACKAGES}` (EGL) or `sudo apt-get install libosmesa6` '
    '(software), then try again.'
)


def available_backends() -> list[str]:
    """Return the offscreen backends whose system library can be found, the preferred one first.

    EGL comes first because it uses a GPU if there is one. Without a GPU both use the same software
    rasteriser (llvmpipe) and give the same pixels.
    """
    backends = []
    if ctypes.util.find_library('EGL') and ctypes.util.find_library('GL'):
        backends.append('egl')
    if ctypes.util.find_library('OSMesa'):
        backends.append('osmesa')
    return backends


def select_backend() -> str:
    """Select an OpenGL backend, in MUJOCO_GL and its counterpart of PyOpenGL, unless they are set.

    Returns:
        The name of the backend.

    Raises:
        LiquidPilotError: if no offscreen OpenGL library is installed.
    """
    chosen = os.environ.get('MUJOCO_GL')
    if not chosen:
        backends = available_backends()
        if not backends:
            raise LiquidPilotError(INSTALL_HINT)
        chosen = backends[0]
        os.environ['MUJOCO_GL'] = chosen
    # llvmpipe draws in the calling thread. With pictures of this size its own threads gain nothing,
    # and helgrind finds races among them (docs/explanation/performance.md).
    os.environ.setdefault('LP_NUM_THREADS', '0')
    if chosen in ('egl', 'osmesa'):
        os.environ.setdefault('PYOPENGL_PLATFORM', chosen)
    return chosen


select_backend()

try:
    import mujoco
except ImportError as error:
    raise LiquidPilotError(
        f'MuJoCo cannot be imported ({error}); {install_advice("mujoco")}'
    ) from error
except Exception as error:  # PyOpenGL raises AttributeError if parts of the library are missing
    raise LiquidPilotError(f'{INSTALL_HINT} ({type(error).__name__}: {error})') from error


_SPARE_GEOMS = 1000
"""Space for drawn geoms beyond those of the model. MuJoCo's default of 10,000 takes 17 ms per
flight to allocate."""
_MARGIN_M = 0.01
"""Margin around the bounding sphere of a geom, when deciding whether it is in view."""


class _Contexts(threading.local):
    """The OpenGL contexts of one thread, by picture size, kept until the process ends.

    A context keeps its compiled shaders. A new one for each flight would take 150 ms with a
    software rasteriser. A context can be used by one thread only.
    """

    def __init__(self) -> None:
        self._contexts: dict[tuple[int, int], mujoco.GLContext] = {}

    def make_current(self, width: int, height: int) -> None:
        """Make the context of a picture size the current one of this thread."""
        context = self._contexts.get((width, height))
        if context is None:
            context = self._contexts[width, height] = mujoco.GLContext(width, height)
            # It must be freed before the interpreter unloads PyOpenGL.
            atexit.register(context.free)
        context.make_current()


_contexts = _Contexts()


class CameraRenderer:
    """Renders one named camera of a model to RGB, in the OpenGL context of the calling thread.

    Close it, or use it as a context manager: garbage collection does not reliably free textures,
    meshes and buffers.

    Args:
        model: the compiled model, whose textures and meshes are uploaded.
        camera: name of the camera.
        width: width of the picture, pixels; the model's offscreen buffer must be as large.
        height: height of the picture, pixels; the model's offscreen buffer must be as large.
        cull: skip geoms outside the camera's view. The pixels are the same with and without.

    Raises:
        LiquidPilotError: if the OpenGL backend does not start.
    """

    def __init__(
        self, model: mujoco.MjModel, camera: str, width: int, height: int, cull: bool = True
    ) -> None:
        self._model, self._size, self._cull = model, (width, height), cull
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._camera.fixedcamid = model.camera(camera).id
        try:
            _contexts.make_current(width, height)
            self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_50.value)
        except Exception as error:
            raise LiquidPilotError(
                f'the {os.environ["MUJOCO_GL"]} OpenGL backend does not start ({error}). '
                'Set MUJOCO_GL to another of egl, osmesa, glfw. ' + INSTALL_HINT
            ) from error
        self._scene = mujoco.MjvScene(model, maxgeom=model.ngeom + _SPARE_GEOMS)
        self._option, self._perturb = mujoco.MjvOption(), mujoco.MjvPerturb()
        self._option.geomgroup[HIDDEN_GEOM_GROUP] = 0
        self._rectangle = mujoco.MjrRect(0, 0, width, height)
        self._pixels = np.empty((height, width, 3), np.uint8)
        self._depth = np.empty((height, width), np.float32)
        # 1 at the near plane, 0 at the far one: most of the precision is close to the camera.
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        near, far = (model.stat.extent * end for end in (model.vis.map.znear, model.vis.map.zfar))
        self._depth_terms, self._far_m = (near * far / (far - near), near / (far - near)), far
        self.total_render_s = 0.0
        """Wall time of all rendering so far, s."""

    def render(self, data: mujoco.MjData) -> bytes:
        """Return the picture as height*width*3 bytes of rgb8, rows from the top."""
        return self._draw(data, None).tobytes()

    def render_with_depth(self, data: mujoco.MjData) -> tuple[np.ndarray, np.ndarray]:
        """Return the picture and its depth.

        Returns:
            (H, W, 3) uint8 RGB, and (H, W) float32 distance along the optical axis, m. The distance
            of the sky is that of the far plane.
        """
        picture = self._draw(data, self._depth)
        scale, offset = self._depth_terms
        return picture.copy(), scale / (self._depth[::-1] + np.float32(offset))

    def render_geoms(self, data: mujoco.MjData) -> npt.NDArray[np.int32]:
        """Return what geom each pixel of the picture shows, exact to the pixel.

        Returns:
            (H, W) index of the geom in the model; -1 where there is none, as in the sky.
        """
        self._draw(data, self._depth)
        seen = self._depth.copy()
        flags = mujoco.mjtRndFlag.mjRND_SEGMENT.value, mujoco.mjtRndFlag.mjRND_IDCOLOR.value
        before = [self._scene.flags[flag] for flag in flags]
        for flag in flags:
            self._scene.flags[flag] = 1
        try:
            # A colour of 24 bits is the place of the geom in the scene, plus 1; 0 is nothing.
            red, green, blue = self._draw(data, self._depth).astype(np.int32).transpose(2, 0, 1)
        finally:
            for flag, value in zip(flags, before, strict=True):
                self._scene.flags[flag] = value
        geoms = np.full(self._scene.ngeom + 1, -1, np.int32)
        for drawn in self._scene.geoms[: self._scene.ngeom]:
            if drawn.objtype == mujoco.mjtObj.mjOBJ_GEOM.value:
                geoms[drawn.segid + 1] = drawn.objid
        picked: npt.NDArray[np.int32] = geoms[red + 256 * green + 65536 * blue]
        # The sky is drawn closer than the far plane, hides what is behind it, and is left out here.
        picked[(self._depth != seen)[::-1]] = -1
        return picked

    def set_body_visible(self, body: str, visible: bool) -> None:
        """Show or hide the geoms of a body. Contacts with it do not change.

        Args:
            body: name of the body.
            visible: whether it is drawn.
        """
        geoms = self._model.geom_bodyid == self._model.body(body).id
        self._model.geom_group[geoms] = 0 if visible else HIDDEN_GEOM_GROUP

    def _draw(self, data: mujoco.MjData, depth: np.ndarray | None) -> np.ndarray:
        start_s = time.perf_counter()
        _contexts.make_current(*self._size)
        # The buffer of another renderer may be bound in the same context.
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)
        groups = self._model.geom_group.copy()
        if self._cull:
            self._model.geom_group[~self._in_view(data)] = HIDDEN_GEOM_GROUP
        mujoco.mjv_updateScene(
            self._model,
            data,
            self._option,
            self._perturb,
            self._camera,
            mujoco.mjtCatBit.mjCAT_ALL.value,
            self._scene,
        )
        self._model.geom_group[:] = groups
        mujoco.mjr_render(self._rectangle, self._scene, self._context)
        mujoco.mjr_readPixels(self._pixels, depth, self._rectangle, self._context)
        self.total_render_s += time.perf_counter() - start_s
        # OpenGL counts rows from the bottom.
        return self._pixels[::-1]

    def _in_view(self, data: mujoco.MjData) -> np.ndarray:
        """Return (ngeom,) bool: whether the bounding sphere of a geom reaches into the view.

        MuJoCo draws all geoms. Two thirds of a forest stand beside or behind the camera, and most
        of a road is beyond its far plane.
        """
        model, camera = self._model, self._camera.fixedcamid
        axes = data.cam_xmat[camera].reshape(3, 3)
        right, up, back = ((data.geom_xpos - data.cam_xpos[camera]) @ axes).T
        radius = model.geom_rbound + _MARGIN_M
        half_height = math.tan(0.5 * math.radians(model.cam_fovy[camera]))
        half_width = half_height * self._size[0] / self._size[1]
        seen = np.abs(right) < radius * math.hypot(1.0, half_width) - back * half_width
        seen &= np.abs(up) < radius * math.hypot(1.0, half_height) - back * half_height
        seen &= -back < radius + self._far_m
        # A plane has no bounding sphere: MuJoCo gives a radius of 0.
        return seen | (model.geom_rbound == 0.0)

    @property
    def drawn_geoms(self) -> int:
        """Number of geoms in the last picture."""
        return self._scene.ngeom

    def close(self) -> None:
        """Free textures, meshes and buffers."""
        if self._context is not None:
            _contexts.make_current(*self._size)
            self._context.free()
            self._context = None

    def __enter__(self) -> CameraRenderer:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
